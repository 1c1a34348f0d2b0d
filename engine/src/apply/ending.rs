//! Runs that are cut short: by the operator, by the first failure, or by a deadline.

use tokio::time::Instant;

use super::dispatcher::{Dispatcher, Ending};
use super::progress::{Next, Phase, Progress, Verdict};
use super::{ErrorMode, LAST_CALLS};
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

    /// The run's deadline has passed: nothing more begins, and what an executor has gets a little longer.
    pub(super) fn out_of_time(&mut self) {
        self.ending = Some(Ending::OutOfTime);
        self.cancel_where(|progress| !matches!(progress.phase, Phase::Moving(_)));
    }

    /// Until when the calls of a step may take.
    pub(super) fn until(&self, place: usize, next: Next, now: Instant) -> Instant {
        let left = match next {
            // It was not tried again for want of time, but the truth is worth one more call.
            Next::LastLook => self.options.call_timeout,
            _ => self
                .options
                .step_deadline
                .saturating_sub(self.steps[place].spent),
        };
        let until = now + left;
        match self.deadline {
            Some(deadline) => until.min(deadline + LAST_CALLS),
            None => until,
        }
    }

    /// Ends a step whose next attempt would not be finished in time.
    pub(super) fn cannot_finish(&mut self, place: usize, now: Instant, until: Instant) -> bool {
        let typical = self.lanes[self.steps[place].lane].limit.typical();
        if self
            .deadline
            .is_some_and(|deadline| now + typical > deadline)
        {
            let detail = "an attempt would not have ended before the run's deadline";
            self.finish(place, StepResult::Deferred, Some(detail.into()), None);
            return true;
        }
        if now + typical < until || self.steps[place].attempts == 0 {
            return false;
        }
        let deadline = humantime::format_duration(self.options.step_deadline);
        let last = self.steps[place]
            .failed
            .last()
            .map(|attempt| attempt.error.clone());
        let (message, hint) = last.map_or_else(
            || ("it was tried".to_owned(), None),
            |error| (error.message, error.hint),
        );
        let detail = format!("{message}; the {deadline} that its calls may take are used up");
        self.end_badly(place, StepResult::Failed, detail, hint);
        true
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
        let progress = &mut self.steps[place];
        let verdict = progress.verdict.take();
        let why = match self.ending {
            Some(Ending::FailFast) => "another step failed first (--fail-fast)",
            Some(Ending::OutOfTime) => "the run's deadline has passed",
            _ => "the run was interrupted",
        };
        let result = match self.ending {
            Some(Ending::OutOfTime) => StepResult::Deferred,
            _ => StepResult::Cancelled,
        };
        if let Some(Verdict {
            result,
            detail,
            hint,
        }) = verdict
        {
            let detail = format!("{detail}; {why}, so it was not read once more");
            self.finish(place, result, Some(detail), hint);
            return;
        }
        let what = match next {
            Next::WatchRemoval => "its deletion was accepted and is not yet verified",
            Next::WatchArchiving => "its archiving was accepted and is not yet verified",
            _ if progress.asked_to_end => "it was asked to end",
            _ if progress.sent => "a request was sent, and what it did is not known",
            _ if progress.attempts > 0 => "an attempt had failed",
            _ => "nothing was done to it",
        };
        let detail = format!("{why}; {what}");
        self.finish(place, result, Some(detail), None);
    }
}
