//! Signals to the guard while the command runs, and whether the command received them as well.

use std::thread;

use async_trait::async_trait;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::Cause;
use tbengine_ops::guard::{GuardSignal, GuardSignals};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::exit::Error;

const FORWARDED: [i32; 8] = [
    SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT,
];

/// The signals to this process, from now on.
#[derive(Debug)]
pub(super) struct Forwarded {
    received: UnboundedReceiver<GuardSignal>,
}

impl Forwarded {
    /// Listens on a thread of its own.
    pub(super) fn listen() -> Result<Self, Error> {
        let start = |source| Error::start("listen for signals", source);
        let mut signals = SignalsInfo::<WithOrigin>::new(FORWARDED).map_err(start)?;
        let (send, received) = mpsc::unbounded_channel();
        let listen = move || {
            for origin in signals.forever() {
                let from_kernel = matches!(origin.cause, Cause::Kernel);
                let received = GuardSignal::new(origin.signal, from_kernel);
                if send.send(received).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("signals".into())
            .spawn(listen)
            .map_err(start)?;
        Ok(Self { received })
    }
}

#[async_trait]
impl GuardSignals for Forwarded {
    async fn next(&mut self) -> GuardSignal {
        match self.received.recv().await {
            Some(received) => received,
            None => std::future::pending().await,
        }
    }
}
