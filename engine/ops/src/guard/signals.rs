//! Signals to the guard while the command runs, and whether the command received them as well.

use async_trait::async_trait;
use rustix::process::{Signal, getpid};

/// A signal to the guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardSignal {
    /// Its number.
    pub number: i32,
    /// Whether it comes from the terminal, which signals the whole foreground group.
    pub from_terminal: bool,
}

impl GuardSignal {
    /// A signal that was received, and whether the kernel sent it. Then it comes from the terminal, to the whole foreground
    /// group, with one exception: a hangup goes to the leader of the session alone.
    pub fn new(number: i32, from_kernel: bool) -> Self {
        let is_hangup = Signal::from_named_raw(number) == Some(Signal::HUP);
        let leads = || rustix::process::getsid(None).is_ok_and(|leader| leader == getpid());
        Self {
            number,
            from_terminal: from_kernel && !(is_hangup && leads()),
        }
    }

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

/// Handles no signals. Those that would end this process do, and its reaper does the rest.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSignals;

#[async_trait]
impl GuardSignals for NoSignals {
    async fn next(&mut self) -> GuardSignal {
        std::future::pending().await
    }
}

/// The source of signals to a guard.
#[async_trait]
pub trait GuardSignals: Send {
    /// The next signal. None is lost where this is dropped before it answers.
    async fn next(&mut self) -> GuardSignal;
}
