//! What the guard is told while the command runs, and whether the command was told as well.

use std::thread;

use rustix::process::Signal;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::Cause;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::exit::Error;

const HEARD: [i32; 8] = [
    SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT,
];

/// A signal to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) signal: i32,
    /// Whether it comes from the terminal, which tells the whole foreground group.
    pub(super) from_terminal: bool,
}

impl Heard {
    /// Whether it asks a process to end.
    pub(super) fn ends(self) -> bool {
        [SIGINT, SIGTERM, SIGHUP, SIGQUIT].contains(&self.signal)
    }

    /// The same as the kernel's interface names it.
    pub(super) fn signal(self) -> Option<Signal> {
        Signal::from_named_raw(self.signal)
    }
}

/// The signals to this process, from now on.
#[derive(Debug)]
pub(super) struct Forwarded {
    heard: UnboundedReceiver<Heard>,
}

impl Forwarded {
    /// Listens on a thread of its own.
    pub(super) fn listen() -> Result<Self, Error> {
        let start = |source| Error::start("listen for signals", source);
        let mut signals = SignalsInfo::<WithOrigin>::new(HEARD).map_err(start)?;
        let (send, heard) = mpsc::unbounded_channel();
        let listen = move || {
            for origin in signals.forever() {
                let heard = Heard {
                    signal: origin.signal,
                    from_terminal: matches!(origin.cause, Cause::Kernel),
                };
                if send.send(heard).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("signals".into())
            .spawn(listen)
            .map_err(start)?;
        Ok(Self { heard })
    }

    /// The next signal.
    pub(super) async fn next(&mut self) -> Heard {
        match self.heard.recv().await {
            Some(heard) => heard,
            None => std::future::pending().await,
        }
    }
}
