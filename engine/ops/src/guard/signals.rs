//! What the guard is told while the command runs, and whether the command was told as well.

use async_trait::async_trait;
use rustix::process::Signal;

/// A signal to the guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardSignal {
    /// Its number.
    pub number: i32,
    /// Whether it comes from the terminal, which tells the whole foreground group.
    pub from_terminal: bool,
}

impl GuardSignal {
    /// Whether it asks a process to end.
    pub fn ends(self) -> bool {
        let ending = [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT];
        self.signal().is_some_and(|signal| ending.contains(&signal))
    }

    /// The same as the kernel's interface names it.
    pub(super) fn signal(self) -> Option<Signal> {
        Signal::from_named_raw(self.number)
    }
}

/// Hears no signals. Those that would end this process do, and its reaper does the rest.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSignals;

#[async_trait]
impl GuardSignals for NoSignals {
    async fn next(&mut self) -> GuardSignal {
        std::future::pending().await
    }
}

/// Whoever hears the signals to a guard.
#[async_trait]
pub trait GuardSignals: Send {
    /// The next signal. None is lost where this is dropped before it answers.
    async fn next(&mut self) -> GuardSignal;
}
