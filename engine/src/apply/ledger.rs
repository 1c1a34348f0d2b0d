//! Called before and after each request of a run, and may stop it: the seam to the journal.
//!
//! ```text
//! executor ─► Recorded(backend) ─► ledger.intend ─► request, while ledger.holds ─► event ─► ledger.see ─► reporter
//! ```

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use tbengine_sdk::backend::{Account, Capabilities, DeleteOptions, ListRequest, Page, StopOptions};
use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::{
    Act, Backend, Changes, Disk, Error, ErrorKind, FindRequest, Identity, Resource, Right, Sample,
    Taken, Timestamp, WatchRequest,
};
use tokio_util::sync::CancellationToken;

use crate::plan::ActionKind;
use crate::report::{Event, EventKind, Report, Reporter};

/// The durable record of a run that is being applied, and its claims on what the run works on.
///
/// # Behavior
/// - Once it has halted it stays halted: every later [`intend`](Self::intend) fails with the same reason.
/// - [`intend`](Self::intend) and [`renew`](Self::renew) may wait for a database. The others never wait for
///   anything over a network, since they are called between two polls.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Names what stops the run once the record or the claims are lost.
    fn stop_with(&self, stop: CancellationToken);

    /// Why the run was stopped, if the ledger stopped it.
    fn halted(&self) -> Option<Halt>;

    /// Notes that a request is about to be sent.
    ///
    /// # Errors
    /// [`Halt`] if that cannot be noted, or the claims are lost: then nothing may be sent.
    async fn intend(&self, target: &Identity, act: ActionKind, force: bool) -> Result<(), Halt>;

    /// Whether the claims are still ours as far as this process knows by its own clock, so that a request
    /// may go on.
    fn holds(&self) -> bool;

    /// Asks whether the claims are still ours once their time has passed, and takes them for longer.
    ///
    /// # Errors
    /// [`Halt`] if another run has taken them, or nobody can say.
    async fn renew(&self) -> Result<(), Halt>;

    /// Records an event. Returns it as the reader is to see it, with the numbers of the approved plan; `None`
    /// if it is not new.
    fn see(&self, event: Event) -> Option<Event>;

    /// Makes a report the one of the whole run, ends the record durably, and gives the claims back.
    async fn finish(&self, at: Timestamp, report: &mut Report);
}

/// Why the ledger stopped a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// It could not be written.
    Journal(String),
    /// Another run took over what this one worked on.
    Lock(String),
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Halt::Journal(why) => write!(f, "the journal cannot be written: {why}"),
            Halt::Lock(why) => f.write_str(why),
        }
    }
}

/// The backends, with every change noted before it is asked for.
pub(super) fn recorded(backends: &[OpenBackend], ledger: &Arc<dyn Ledger>) -> Vec<OpenBackend> {
    let recorded = backends.iter().map(|open| OpenBackend {
        backend: Arc::new(Recorded {
            inner: open.backend.clone(),
            ledger: ledger.clone(),
        }),
        ..open.clone()
    });
    recorded.collect()
}

/// The reporter's view of a run that a ledger records.
pub(super) struct Recording<'a, 'r> {
    ledger: &'a dyn Ledger,
    reporter: &'a mut Reporter<'r>,
    is_halt_reported: bool,
    /// When the run finished. Its event waits until the record has ended.
    finished: Option<Timestamp>,
}

impl<'a, 'r> Recording<'a, 'r> {
    pub(super) fn new(ledger: &'a dyn Ledger, reporter: &'a mut Reporter<'r>) -> Self {
        Self {
            ledger,
            reporter,
            is_halt_reported: false,
            finished: None,
        }
    }

    pub(super) fn see(&mut self, event: &Event) {
        if matches!(event.kind, EventKind::RunFinished(_)) {
            self.finished = Some(event.at);
            return;
        }
        let seen = self.ledger.see(event.clone());
        self.report_halt(event.at);
        if let Some(event) = seen {
            (self.reporter)(&event);
        }
    }

    /// Ends the record, and reports how the run finished.
    pub(super) async fn finish(mut self, mut report: Report) -> Report {
        let Some(at) = self.finished.take() else {
            return report;
        };
        self.ledger.finish(at, &mut report).await;
        self.report_halt(at);
        (self.reporter)(&Event {
            at,
            kind: EventKind::RunFinished(report.clone()),
        });
        report
    }

    fn report_halt(&mut self, at: Timestamp) {
        if let Some(halt) = self.ledger.halted()
            && !std::mem::replace(&mut self.is_halt_reported, true)
        {
            let why = halt.to_string();
            (self.reporter)(&Event {
                at,
                kind: EventKind::RunHalted { why },
            });
        }
    }
}

/// A backend whose changes are noted before they are asked for.
struct Recorded {
    inner: Arc<dyn Backend>,
    ledger: Arc<dyn Ledger>,
}

impl Recorded {
    async fn intend(&self, target: &Identity, act: ActionKind, force: bool) -> Result<(), Error> {
        let noted = self.ledger.intend(target, act, force).await;
        noted.map_err(|halt| refused(&halt))
    }

    /// Continues a request only while the claims hold. A process that was stopped in the middle
    /// wakes up here, and must not act for claims that another run has taken over.
    async fn while_held<T>(
        &self,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut request = pin!(request);
        let mut is_renewed = false;
        loop {
            let step = poll_fn(|context| {
                if !std::mem::take(&mut is_renewed) && !self.ledger.holds() {
                    return Poll::Ready(None);
                }
                request.as_mut().poll(context).map(Some)
            });
            match step.await {
                Some(answer) => return answer,
                None => self.ledger.renew().await.map_err(|halt| refused(&halt))?,
            }
            is_renewed = true;
        }
    }
}

/// The run is about to stop; until then nothing gets through. No step pays an attempt for it.
fn refused(halt: &Halt) -> Error {
    Error::new(ErrorKind::Unavailable, halt.to_string())
}

#[async_trait]
impl Backend for Recorded {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn check(&self) -> Result<Account, Error> {
        self.inner.check().await
    }

    async fn list(&self, request: ListRequest) -> Result<Page, Error> {
        self.inner.list(request).await
    }

    async fn get(&self, target: &Identity) -> Result<Option<Resource>, Error> {
        self.inner.get(target).await
    }

    async fn stop(&self, target: &Identity, options: StopOptions) -> Result<Taken, Error> {
        self.intend(target, ActionKind::Stop, options.force).await?;
        self.while_held(self.inner.stop(target, options)).await
    }

    async fn archive(&self, target: &Identity) -> Result<Taken, Error> {
        self.intend(target, ActionKind::Archive, false).await?;
        self.while_held(self.inner.archive(target)).await
    }

    async fn delete(&self, target: &Identity, options: DeleteOptions) -> Result<Taken, Error> {
        self.intend(target, ActionKind::Delete, options.force)
            .await?;
        self.while_held(self.inner.delete(target, options)).await
    }

    // What a run may ask for besides. It changes no labels and attaches nothing, so that is not passed on.

    async fn rights(&self, acts: Vec<Act>) -> Result<Vec<Right>, Error> {
        self.inner.rights(acts).await
    }

    async fn disks(&self) -> Result<Vec<Disk>, Error> {
        self.inner.disks().await
    }

    async fn watch(&self, request: WatchRequest) -> Result<Changes, Error> {
        self.inner.watch(request).await
    }

    async fn sample(&self, targets: Vec<Identity>) -> Result<Vec<Sample>, Error> {
        self.inner.sample(targets).await
    }

    async fn find(&self, request: FindRequest) -> Result<Vec<Resource>, Error> {
        self.inner.find(request).await
    }
}
