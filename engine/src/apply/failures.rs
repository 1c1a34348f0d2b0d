//! What each kind of error means for a step, and for its backend. This is the retry table.

use tbengine_sdk::{Account, Error, ErrorKind};
use tokio::time::Instant;

use super::backoff::{LONGEST_DELAY, MOST_ATTEMPTS};
use super::dispatcher::{Dispatcher, rank};
use super::lane::{Gate, Stopped};
use super::progress::{Next, Phase, Verdict};
use super::{ErrorMode, RetrySchedule};
use crate::duration::millis;
use crate::policy::RetryAdvice;
use crate::report::{EventKind, StepResult};

/// A step whose connection breaks so often in a row, while the backend answers others, pays an attempt.
const LOST_IN_ROW_OF_STEP: u32 = 10;
/// How long after its last attempt: effects may come late, and replicas of a provider lag behind.
const LAST_LOOK_AFTER: std::time::Duration = std::time::Duration::from_secs(3);
/// How often something that is still in use is tried again once nothing goes before it any more.
const DEPENDENCY_TRIES: u32 = 5;
/// The first wait for something that is still in use; each further one is twice as long.
const DEPENDENCY_PAUSE: std::time::Duration = std::time::Duration::from_millis(250);

impl Dispatcher<'_, '_> {
    /// Deals with a move that failed.
    pub(super) fn failed(&mut self, place: usize, error: Error, advice: RetryAdvice, now: Instant) {
        let last_look = self.steps[place].verdict.is_some();
        if last_look && !error.kind.gates_backend() && !error.kind.is_critical() {
            self.confirm(place, Some(&error));
            return;
        }
        match error.kind {
            ErrorKind::Transient | ErrorKind::NotFound => self.retry(place, error, advice, now),
            ErrorKind::InProgress => {
                self.steps[place].attempts -= self.attempt_cost(place);
                self.watch(place, Next::WatchRemoval, now);
            }
            ErrorKind::Conflict => {
                self.end_badly(place, StepResult::Changed, error.message, error.hint);
            }
            ErrorKind::Dependency => self.put_behind(place, error, now),
            ErrorKind::RateLimited => self.pause(place, error, false, now),
            ErrorKind::Unavailable => self.lost(place, error, advice, now),
            ErrorKind::Denied | ErrorKind::Invalid => self.stop_lane(place, error),
            ErrorKind::Forbidden => self.give_up(place, StepResult::Denied, error),
            ErrorKind::Stuck => self.give_up(place, StepResult::Stuck, error),
            _ => self.give_up(place, StepResult::Failed, error),
        }
    }

    /// No further attempt can help this step. It says nothing about the others.
    fn give_up(&mut self, place: usize, result: StepResult, error: Error) {
        let at = self.elapsed_ms();
        self.steps[place].note_failure(at, error.clone());
        self.end_badly(place, result, error.message, error.hint);
    }

    /// Ends a step that did not reach its end. Where a request may have had an effect all the same, one more
    /// look decides, so that nothing is reported as left that is gone.
    pub(super) fn end_badly(
        &mut self,
        place: usize,
        result: StepResult,
        detail: String,
        hint: Option<String>,
    ) {
        if !self.steps[place].sent {
            self.finish(place, result, Some(detail), hint);
            return;
        }
        self.steps[place].verdict = Some(Verdict {
            result,
            detail,
            hint,
        });
        self.sleep(place, Next::LastLook, Instant::now() + LAST_LOOK_AFTER);
        // Nothing more is to begin after a failure, and this is one unless that look proves otherwise.
        if result.is_failure() {
            self.fail_fast();
        }
    }

    /// Ends a step whose backend is asked for nothing more, and does not hide what is not known.
    pub(super) fn leave(
        &mut self,
        place: usize,
        result: StepResult,
        mut detail: String,
        hint: Option<String>,
    ) {
        if self.steps[place].sent {
            detail += "; a request was sent, and what it did is not known";
        }
        self.finish(place, result, Some(detail), hint);
    }

    /// The last look did not find it gone.
    pub(super) fn confirm(&mut self, place: usize, unseen: Option<&Error>) {
        let Some(mut verdict) = self.steps[place].verdict.take() else {
            return;
        };
        if let Some(error) = unseen {
            verdict.detail += "; whether it is still there could not be read: ";
            verdict.detail += &error.message;
        }
        self.finish(place, verdict.result, Some(verdict.detail), verdict.hint);
    }

    /// A call that the backend did not answer. One alone is a lost connection: the step is read again.
    /// Several in a row are an outage, and the gate closes.
    fn lost(&mut self, place: usize, error: Error, advice: RetryAdvice, now: Instant) {
        let lane = self.steps[place].lane;
        let closed = !matches!(self.lanes[lane].gate, Gate::Open);
        if self.lanes[lane].lost(&error) || closed {
            self.pause(place, error, true, now);
            return;
        }
        self.steps[place].lost_in_row += 1;
        if self.steps[place].lost_in_row >= LOST_IN_ROW_OF_STEP {
            if self.steps[place].verdict.is_some() {
                self.confirm(place, Some(&error));
                return;
            }
            // The backend answers others: it is this resource that breaks the connection.
            self.steps[place].lost_in_row = 0;
            self.retry(place, error, advice, now);
        } else {
            self.again(place);
        }
    }

    /// Repeats the same move, and takes back what its attempt cost.
    fn again(&mut self, place: usize) {
        self.steps[place].attempts -= self.attempt_cost(place);
        let next = match self.steps[place].phase {
            Phase::Moving(next) => next,
            _ => Next::Act,
        };
        self.make_ready(place, next);
    }

    /// A passing fault costs an attempt. The policy may shorten or lengthen the wait and give up, but
    /// not go beyond the engine's bounds.
    fn retry(&mut self, place: usize, error: Error, advice: RetryAdvice, now: Instant) {
        let at = self.elapsed_ms();
        self.steps[place].note_failure(at, error.clone());
        let tried = self.steps[place].attempts_in_sweep;
        let delay = match advice {
            RetryAdvice::GiveUp(reason) => {
                let detail = format!("{}; the policy gave up: {reason}", error.message);
                self.end_badly(place, StepResult::Failed, detail, error.hint);
                return;
            }
            RetryAdvice::After { delay, escalate } => {
                self.steps[place].escalated |= escalate;
                (tried < MOST_ATTEMPTS).then_some(delay.min(LONGEST_DELAY))
            }
            RetryAdvice::NoOpinion => self.options.retry.delay(tried.max(1), &mut self.random),
        };
        let Some(delay) = delay else {
            self.exhausted(place, error);
            return;
        };
        // What the provider asks for can only lengthen the wait.
        let delay = delay.max(error.retry_after.unwrap_or_default().min(LONGEST_DELAY));
        let event = EventKind::AttemptFailed {
            step: place,
            id: self.id(place),
            attempt: self.steps[place].attempts,
            error,
            delay_ms: millis(delay),
        };
        self.emit(event);
        self.wait_for_retry(place, now + delay, now);
    }

    /// Every attempt failed. Once all else is done, a second sweep tries again, unless the operator
    /// fixed the schedule or wants to hear of the first failure.
    fn exhausted(&mut self, place: usize, error: Error) {
        let jittered = matches!(self.options.retry, RetrySchedule::Jittered { .. });
        let first_sweep = self.steps[place].attempts == self.steps[place].attempts_in_sweep;
        let aggregate = self.options.error_mode == ErrorMode::Aggregate;
        if jittered && first_sweep && aggregate && self.ending.is_none() {
            self.set_phase(place, Phase::Waiting);
            let lane = self.steps[place].lane;
            self.lanes[lane].sweep.push(place);
            self.sweep_again(lane);
            return;
        }
        self.end_badly(place, StepResult::Failed, error.message, error.hint);
    }

    /// Lets a step wait for its next attempt, at the end of the queue while the budget is used up.
    fn wait_for_retry(&mut self, place: usize, until: Instant, now: Instant) {
        let lane = self.steps[place].lane;
        // A schedule that the operator fixed is kept to.
        let fixed = matches!(self.options.retry, RetrySchedule::Fixed { .. });
        if fixed || self.ending.is_some() {
            self.sleep(place, Next::Act, until);
        } else if self.lanes[lane].parked.is_empty() && self.lanes[lane].budget.take(now) {
            self.steps[place].paid += 1;
            self.sleep(place, Next::Act, until);
        } else {
            self.parked_retries += 1;
            self.set_phase(place, Phase::Waiting);
            self.lanes[lane].parked.push_back((until, place));
            self.unpark(lane, now);
        }
    }

    /// The backend took the request, so what the step's retries took of the budget is given back. Where
    /// a change goes on for long after that, the others would else wait for nothing but its end.
    pub(super) fn accepted(&mut self, place: usize, now: Instant) {
        let paid = std::mem::take(&mut self.steps[place].paid);
        if paid > 0 {
            let lane = self.steps[place].lane;
            self.lanes[lane].budget.give_back(paid);
            self.unpark(lane, now);
        }
    }

    /// Lets parked steps go on as far as the budget pays for it, and one of them when nothing else is left.
    pub(super) fn unpark(&mut self, lane: usize, now: Instant) {
        while let Some((until, place)) = self.lanes[lane].parked.front().copied() {
            let waits = self.steps[place].phase == Phase::Waiting;
            if waits {
                let paid = self.lanes[lane].budget.take(now);
                if !paid && self.lanes[lane].active > 0 {
                    return;
                }
                self.steps[place].paid += u32::from(paid);
            }
            self.lanes[lane].parked.pop_front();
            if waits {
                self.sleep(place, Next::Act, until.max(now));
            }
        }
    }

    /// Begins the second sweep of a backend when only what waits for it, or behind it, is left.
    pub(super) fn sweep_again(&mut self, lane: usize) {
        self.unpark(lane, Instant::now());
        if self.lanes[lane].active > 0 {
            return;
        }
        for place in std::mem::take(&mut self.lanes[lane].sweep) {
            self.steps[place].attempts_in_sweep = 0;
            self.make_ready(place, Next::Act);
        }
    }

    /// Something still uses it: it comes behind what goes before it, and then has a few tries, because
    /// providers take a moment to notice that a user is gone.
    fn put_behind(&mut self, place: usize, error: Error, now: Instant) {
        self.steps[place].attempts -= self.attempt_cost(place);
        let rank = rank(&self.steps[place].step);
        let unfinished = &self.lanes[self.steps[place].lane].unfinished_of_rank;
        let others_first = unfinished[..rank].iter().any(|count| *count > 0);
        let progress = &mut self.steps[place];
        if !others_first {
            progress.dependency_tries += 1;
        }
        let tries = progress.dependency_tries;
        if tries >= DEPENDENCY_TRIES {
            self.end_badly(place, StepResult::Blocked, error.message, error.hint);
        } else {
            self.sleep(place, Next::Act, now + DEPENDENCY_PAUSE * (1 << tries));
        }
    }

    /// The backend needs time. No step pays an attempt for that.
    fn pause(&mut self, place: usize, error: Error, probe: bool, now: Instant) {
        let lane = self.steps[place].lane;
        self.again(place);
        self.pause_lane(lane, error, probe, now);
    }

    fn pause_lane(&mut self, lane: usize, error: Error, probe: bool, now: Instant) {
        let paused = self.lanes[lane].pause(&error, probe, now, &mut self.random);
        if let (Some(delay), Some(open)) = (paused, &self.lanes[lane].open) {
            let event = EventKind::BackendPaused {
                backend: open.name.clone(),
                error,
                delay_ms: millis(delay),
            };
            self.emit(event);
        }
    }

    /// Opens the gate of a backend, probes it, or gives up on it, if it is time.
    pub(super) fn look_at_gate(&mut self, lane: usize, now: Instant) {
        let is_due = self.lanes[lane].wakes_at().is_some_and(|at| at <= now);
        let Gate::Paused(pause) = &mut self.lanes[lane].gate else {
            return;
        };
        if !is_due {
            return;
        }
        if now - pause.since >= self.options.outage_deadline {
            let detail = format!(
                "the backend was away for {}: {}",
                humantime::format_duration(self.options.outage_deadline),
                pause.error.message
            );
            let stopped = Stopped {
                result: StepResult::Deferred,
                detail,
                hint: pause.error.hint.clone(),
            };
            self.finish_lane(lane, stopped);
            return;
        }
        if pause.probe {
            pause.probing = true;
            self.probe(lane);
        } else {
            self.resume(lane);
        }
    }

    /// Hears the answer to a probe.
    pub(super) fn probed(&mut self, lane: usize, answer: Result<Account, Error>) {
        let name = self.lanes[lane].open.as_ref().map(|open| open.name.clone());
        let planned = name
            .and_then(|name| self.header.accounts.get(&name))
            .cloned();
        let error = match answer {
            Ok(account) if planned.as_ref().is_none_or(|id| *id == account.id) => {
                self.resume(lane);
                return;
            }
            Ok(account) => Error::new(
                ErrorKind::Invalid,
                format!("another account (`{}`) answers now", account.id),
            ),
            Err(error) => error,
        };
        if let Gate::Paused(pause) = &mut self.lanes[lane].gate {
            pause.probing = false;
        }
        if error.kind.is_critical() {
            self.stop_backend(lane, error);
        } else {
            self.pause_lane(lane, error, true, Instant::now());
        }
    }

    fn resume(&mut self, lane: usize) {
        self.lanes[lane].gate = Gate::Open;
        self.lanes[lane].answered();
        if let Some(open) = &self.lanes[lane].open {
            let backend = open.name.clone();
            self.emit(EventKind::BackendResumed { backend });
        }
    }

    /// The backend refuses us: nothing more is sent to it, and all its steps end.
    fn stop_lane(&mut self, place: usize, error: Error) {
        let at = self.elapsed_ms();
        self.steps[place].note_failure(at, error.clone());
        let lane = self.steps[place].lane;
        let (message, hint) = (error.message.clone(), error.hint.clone());
        self.leave(place, StepResult::Denied, message, hint);
        self.stop_backend(lane, error);
    }

    fn stop_backend(&mut self, lane: usize, error: Error) {
        if matches!(self.lanes[lane].gate, Gate::Stopped(_)) {
            return;
        }
        let stopped = Stopped {
            result: StepResult::Denied,
            detail: format!("the backend refused an earlier request: {}", error.message),
            hint: error.hint.clone(),
        };
        if let Some(open) = &self.lanes[lane].open {
            let backend = open.name.clone();
            self.emit(EventKind::BackendStopped { backend, error });
        }
        self.finish_lane(lane, stopped);
    }

    /// Asks a backend for nothing more, and ends every step of it that no executor has.
    pub(super) fn finish_lane(&mut self, lane: usize, stopped: Stopped) {
        self.lanes[lane].gate = Gate::Stopped(stopped.clone());
        for place in 0..self.steps.len() {
            let progress = &self.steps[place];
            if progress.lane == lane && !matches!(progress.phase, Phase::Moving(_)) {
                let (detail, hint) = (stopped.detail.clone(), stopped.hint.clone());
                self.leave(place, stopped.result, detail, hint);
            }
        }
    }

    /// What to take back from a step whose attempt is not to count.
    fn attempt_cost(&mut self, place: usize) -> u32 {
        let cost = u32::from(self.steps[place].phase == Phase::Moving(Next::Act));
        self.steps[place].attempts_in_sweep -= cost;
        cost
    }
}
