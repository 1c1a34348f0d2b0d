//! The journal as the ledger of a run that is being applied: before each request that may have an effect, and
//! after each outcome.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use tbengine_sdk::{Identity, Timestamp};
use tokio_util::sync::CancellationToken;

use super::entry::Entry;
use super::shared::Shared;
use tbengine_engine::apply::{Halt, Ledger};
use tbengine_engine::plan::ActionKind;
use tbengine_engine::report::{Event, EventKind, Outcome, Report, StepResult};

#[async_trait]
impl Ledger for Shared {
    fn stop_with(&self, stop: CancellationToken) {
        self.stop.set(stop).ok();
    }

    fn halted(&self) -> Option<Halt> {
        self.halt.get().cloned()
    }

    async fn intend(&self, target: &Identity, act: ActionKind, force: bool) -> Result<(), Halt> {
        self.note_intent(target, act, force)
    }

    fn holds(&self) -> bool {
        self.host.uptime_ms() < self.lease.expires.load(Ordering::Acquire)
    }

    async fn renew(&self) -> Result<(), Halt> {
        self.renew_or_halt()
    }

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
            // The backend is not to blame for what the journal refuses.
            EventKind::BackendPaused { .. } if self.halt.get().is_some() => return None,
            _ => {}
        }
        Some(event)
    }

    async fn finish(&self, at: Timestamp, report: &mut Report) {
        self.complete(report);
        self.end(at, report);
    }
}

impl Shared {
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
