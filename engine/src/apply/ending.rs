//! Runs that are cut short: by the operator, or by the first failure.

use super::ErrorMode;
use super::dispatcher::{Dispatcher, Ending};
use super::progress::{Next, Phase, Progress};
use crate::report::{EventKind, StepResult};

impl Dispatcher<'_, '_> {
    /// Told to stop: nothing more begins, what an executor has is let finish.
    pub(super) fn interrupt(&mut self) {
        self.ending = Some(Ending::Interrupted);
        self.emit(EventKind::RunInterrupted {
            in_flight: self.moves.len(),
        });
        self.cancel_where(|progress| !matches!(progress.phase, Phase::Moving(_)));
    }

    /// A step failed for good and the operator wants no more of it.
    pub(super) fn fail_fast(&mut self) {
        if self.ending.is_none() && self.options.error_mode == ErrorMode::FailFast {
            self.ending = Some(Ending::FailFast);
            self.cancel_where(|progress| !progress.is_under_way());
        }
    }

    /// Told to end now: executors are dropped in the middle.
    pub(super) fn cut_off(&mut self) {
        self.ending = Some(Ending::Interrupted);
        self.moves.abort_all();
        self.cancel_where(|progress| !matches!(progress.phase, Phase::Moving(_)));
        for place in 0..self.steps.len() {
            let detail = "cut off in the middle; what happened to it is not known";
            self.finish(place, StepResult::Cancelled, Some(detail.into()), None);
        }
    }

    fn cancel_where(&mut self, which: fn(&Progress) -> bool) {
        for place in 0..self.steps.len() {
            if which(&self.steps[place]) {
                let next = match self.steps[place].phase {
                    Phase::Ready(next) | Phase::Sleeping(next) => next,
                    _ => Next::Act,
                };
                self.cancel(place, next);
            }
        }
    }

    pub(super) fn cancel(&mut self, place: usize, next: Next) {
        let progress = &self.steps[place];
        let why = match self.ending {
            Some(Ending::FailFast) => "another step failed first (--fail-fast)",
            _ => "the run was interrupted",
        };
        let what = match next {
            Next::WatchRemoval => "its deletion was accepted and is not yet verified",
            Next::WatchArchiving => "its archiving was accepted and is not yet verified",
            _ if progress.asked_to_end => "it was asked to end",
            _ if progress.attempts > 0 => "an attempt had failed",
            _ => "nothing was done to it",
        };
        let detail = format!("{why}; {what}");
        self.finish(place, StepResult::Cancelled, Some(detail), None);
    }
}
