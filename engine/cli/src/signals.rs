//! Ctrl-C, SIGTERM and a closed terminal: the first signal stops a run in good order, the second cuts
//! it off.

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use tbengine_engine::apply::Control;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::{Code, Error, Signal};

/// How long a run that was cut off may take to report.
const EXIT_TIMEOUT: Duration = Duration::from_millis(200);

/// The signals that were received so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    /// Ends the run.
    pub(crate) control: Control,
    first: Arc<OnceLock<Signal>>,
    /// Something else handles signals from here on.
    handed_over: CancellationToken,
}

impl Signals {
    /// Listens from now on, on a thread of its own: the run may be busy writing to a pipe that nobody reads.
    ///
    /// A process that was started to outlive its terminal continues when that is closed.
    pub(crate) fn listen(ignores_hangup: bool) -> Result<Self, Error> {
        let start = |source| Error::start("listen for signals", source);
        let signals = Self::default();
        let received = signals.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(start)?;
        let (mut interrupt, mut terminate, mut hangup) = {
            let _entered = runtime.enter();
            let listen = |kind| signal(kind).map_err(start);
            (
                listen(SignalKind::interrupt())?,
                listen(SignalKind::terminate())?,
                match ignores_hangup {
                    true => None,
                    false => Some(listen(SignalKind::hangup())?),
                },
            )
        };
        let listen = move || {
            runtime.block_on(async move {
                let mut next = async || {
                    tokio::select! {
                        _ = interrupt.recv() => Signal::Interrupt,
                        _ = terminate.recv() => Signal::Terminate,
                        _ = hung_up(hangup.as_mut()) => Signal::Hangup,
                    }
                };
                let handed_over = received.handed_over.clone();
                let mut next = async || {
                    tokio::select! {
                        () = handed_over.cancelled() => None,
                        signal = next() => Some(signal),
                    }
                };
                let Some(first) = next().await else {
                    return;
                };
                received.first.get_or_init(|| first);
                received.control.stop.cancel();
                let Some(second) = next().await else {
                    return;
                };
                received.control.abort.cancel();
                thread::sleep(EXIT_TIMEOUT);
                end(Code::Interrupted(second));
            });
        };
        thread::Builder::new()
            .name("signals".into())
            .spawn(listen)
            .map_err(start)?;
        tracing::debug!("listening for signals");
        Ok(signals)
    }

    /// Handles no signals from here on, because something else does.
    pub(crate) fn hand_over(self) {
        self.handed_over.cancel();
    }

    /// The signal that stopped the run.
    pub(crate) fn first(&self) -> Option<Signal> {
        self.first.get().copied()
    }

    /// The signal that stopped a command; Ctrl-C, if it was stopped in another way.
    pub(crate) fn cause(&self) -> Signal {
        self.first().unwrap_or(Signal::Interrupt)
    }
}

async fn hung_up(hangup: Option<&mut tokio::signal::unix::Signal>) {
    match hangup {
        Some(hangup) => drop(hangup.recv().await),
        None => std::future::pending().await,
    }
}

#[expect(clippy::exit, reason = "the second request to stop ends the process")]
fn end(code: Code) {
    drop(io::Write::flush(&mut io::stderr()));
    std::process::exit(code.number().into());
}
