//! Carrying a plan out so that the journal knows: before each request that may have an effect, and
//! after each outcome.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use tbengine_sdk::backend::{Account, Capabilities, DeleteOptions, ListRequest, Page, StopOptions};
use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::{Backend, Error, ErrorKind, Identity, Resource};

use super::Halt;
use super::entry::Entry;
use super::handle::Journal;
use super::shared::Shared;
use crate::apply::{self, ApplyOptions, Control};
use crate::clock::RunClock;
use crate::plan::{ActionKind, Plan};
use crate::policy::Policy;
use crate::report::{Event, EventKind, Outcome, Report, Reporter, StepResult};

/// Applies a plan that the journal has recorded.
#[expect(
    clippy::too_many_arguments,
    reason = "those of `apply::apply`, and the journal"
)]
pub(crate) async fn apply(
    plan: Plan,
    backends: &[OpenBackend],
    policy: Arc<dyn Policy>,
    options: &ApplyOptions,
    control: &Control,
    clock: RunClock,
    journal: &Journal,
    reporter: &mut Reporter<'_>,
) -> Report {
    let shared = &journal.shared;
    let mut control = control.clone();
    control.stop = control.stop.child_token();
    shared.stop_with(control.stop.clone());
    let backends: Vec<OpenBackend> = backends
        .iter()
        .map(|open| OpenBackend {
            backend: Arc::new(Recorded {
                inner: open.backend.clone(),
                journal: shared.clone(),
            }),
            ..open.clone()
        })
        .collect();
    let mut told = false;
    let mut see = |event: &Event| {
        let seen = shared.see(event.clone());
        if let Some(halt) = shared.halted()
            && !std::mem::replace(&mut told, true)
        {
            let why = halt.to_string();
            reporter(&Event {
                at: event.at,
                kind: EventKind::RunHalted { why },
            });
        }
        if let Some(event) = seen {
            reporter(&event);
        }
    };
    let mut report =
        apply::apply(plan, &backends, policy, options, &control, clock, &mut see).await;
    shared.complete(&mut report);
    report
}

impl Shared {
    /// Records an event, with the numbers of the approved plan. `None` is no news.
    fn see(&self, mut event: Event) -> Option<Event> {
        let at = event.at;
        match &mut event.kind {
            EventKind::AttemptStarted { step, id, .. }
            | EventKind::StopRequested { step, id, .. } => {
                *step = self.number(&id.0, *step);
            }
            EventKind::AttemptFailed {
                step,
                id,
                attempt,
                error,
                ..
            } => {
                *step = self.number(&id.0, *step);
                let entry = Entry::AttemptFailed {
                    step: *step,
                    attempt: *attempt,
                    error: error.clone(),
                };
                self.note(at, entry);
            }
            EventKind::StepFinished(outcome) => {
                self.amend(outcome);
                self.note_outcome(at, outcome);
            }
            EventKind::RunFinished(report) => {
                self.complete(report);
                self.finish(at, report);
            }
            // The backend is not to blame for what the journal refuses.
            EventKind::BackendPaused { .. } if self.halted().is_some() => return None,
            _ => {}
        }
        Some(event)
    }

    fn number(&self, id: &tbengine_sdk::ResourceId, otherwise: usize) -> usize {
        self.places.get(id).map_or(otherwise, |place| place.step)
    }

    /// Gives an outcome the number of its step, and takes into account what was asked for before.
    fn amend(&self, outcome: &mut Outcome) {
        let Some(place) = self.places.get(&outcome.id.0) else {
            return;
        };
        outcome.step = place.step;
        let asked = place.intended && outcome.action == ActionKind::Delete;
        if asked && outcome.result == StepResult::AlreadyGone {
            outcome.result = StepResult::Deleted;
            let detail = "verified gone; it was asked for before the run was cut off";
            outcome.detail = Some(detail.into());
        }
    }

    /// Makes a report the one of the whole run: every step of the approved plan, in its order.
    fn complete(&self, report: &mut Report) {
        for outcome in &mut report.outcomes {
            self.amend(outcome);
        }
        let seen: std::collections::HashSet<usize> =
            report.outcomes.iter().map(|outcome| outcome.step).collect();
        let settled = self
            .settled
            .iter()
            .filter(|outcome| !seen.contains(&outcome.step));
        report.outcomes.extend(settled.cloned());
        report.outcomes.sort_by_key(|outcome| outcome.step);
    }
}

/// A backend whose changes are recorded before they are asked for.
struct Recorded {
    inner: Arc<dyn Backend>,
    journal: Arc<Shared>,
}

impl Recorded {
    /// Goes on with a request only while the claims hold. A process that was stopped in the middle
    /// wakes up here, and must not act for a lease that another run has taken over.
    async fn while_held<T>(
        &self,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut request = pin!(request);
        poll_fn(|context| match self.journal.holds() {
            Ok(()) => request.as_mut().poll(context),
            Err(halt) => Poll::Ready(Err(refused(&halt))),
        })
        .await
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

    async fn stop(&self, target: &Identity, options: StopOptions) -> Result<(), Error> {
        self.journal
            .intend(target, ActionKind::Stop, options.force)
            .map_err(|halt| refused(&halt))?;
        self.while_held(self.inner.stop(target, options)).await
    }

    async fn archive(&self, target: &Identity) -> Result<(), Error> {
        self.journal
            .intend(target, ActionKind::Archive, false)
            .map_err(|halt| refused(&halt))?;
        self.while_held(self.inner.archive(target)).await
    }

    async fn delete(&self, target: &Identity, options: DeleteOptions) -> Result<(), Error> {
        self.journal
            .intend(target, ActionKind::Delete, options.force)
            .map_err(|halt| refused(&halt))?;
        self.while_held(self.inner.delete(target, options)).await
    }
}
