//! The state machine of a step. It knows no task, no reporter and no backend: what happened goes in, and
//! what the step wants comes out.
//!
//! ```text
//!   plan ─► Blocked{on: n} ──every step it waits for is deleted or already-gone──► Ready(Act)
//!              │ one ended otherwise ─► Done(blocked; deferred, cancelled and denied are passed on)
//!              ▼
//!   Ready(next) ──gate of its lane open, below its limit──► Moving(next) ──AttemptResult──►
//!     Ended(r)      ─► Done(r)
//!     AskedToEnd    ─► no grace: Ready(GoOn)            else Sleeping(WatchEnd)
//!     StillRuns     ─► grace over: Ready(GoOn) = force  else Sleeping(WatchEnd)           ┐ for longer than
//!     Accepted      ─► AwaitsProof ──not shown by a listing──► Done(deleted), else Sleeping(WatchRemoval)
//!     Removing      ─► Sleeping(WatchRemoval)   Archiving ─► Sleeping(WatchArchiving)     ┘ stuck_after
//!     EndedRunning  ─► Ready(GoOn)                            (archiving: ten times that) ─► Done(stuck)
//!     StillThere    ─► Done(verdict)          CompanyChanged ─► Done(changed)
//!     Failed(e)     ─► what the retry table says of it:
//!       Retry         budget pays: Sleeping(Act)
//!                     else: Parked ──budget pays, or nothing else is active in the lane──► Sleeping(Act)
//!       SecondRound   SecondRound ──nothing else is active in the lane──► Ready(Act)
//!       RetrySame     attempt given back; Ready(same)
//!       PauseBackend  attempt given back; Ready(same), behind the gate of its lane
//!       Watch(next)   attempt given back; Sleeping(next)
//!       Behind        attempt given back; Sleeping(Act)
//!       Blocked       attempt given back; finish_failed(blocked)
//!       Changed       finish_failed(changed)
//!       GiveUp(r)     finish_failed(r)
//!       Unseen        Done(verdict, and that it could not be read)
//!       StopBackend   Done(denied), and with it all of its lane but what is Moving
//!
//!   finish_failed(r): nothing was sent ─► Done(r); something was ─► Sleeping(LastLook) with the verdict r
//!   interrupt, deadline: everything but Moving and AwaitsProof ─► Done(cancelled; deferred)
//!   --fail-fast: everything not under way ─► Done(cancelled)        abort: everything ─► Done(cancelled)
//! ```

use std::ops::{Index, IndexMut};
use std::sync::Arc;
use std::time::Duration;

use tbengine_sdk::{Error, Resource};
use tokio::time::Instant;

use super::attempt::{AttemptResult, Next};
use super::requests::Requests;
use super::retry::{RetryDecision, Tries};
use crate::duration::millis;
use crate::plan::{Action, Step};
use crate::policy::Force;
use crate::report::outcome::ResourceIdText;
use crate::report::{Attempt, Outcome, StepResult};

/// The number of a step: its index in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StepNo(usize);

impl StepNo {
    /// The number of the step with this index in the plan.
    pub(super) const fn new(index: usize) -> Self {
        Self(index)
    }

    /// The index of the step in the plan.
    pub(super) const fn index(self) -> usize {
        self.0
    }
}

/// The states of all steps of a run.
pub(super) struct Steps(Vec<StepState>);

impl Steps {
    pub(super) fn with_capacity(steps: usize) -> Self {
        Self(Vec::with_capacity(steps))
    }

    /// Adds the next step of the plan; those that it waits for are there already.
    pub(super) fn push(&mut self, step: Arc<Step>) {
        let no = StepNo::new(self.0.len());
        for before in &step.after {
            self.0[*before].dependents.push(no);
        }
        self.0.push(StepState::new(step));
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The numbers of all steps, in the order of the plan.
    pub(super) fn numbers(&self) -> impl Iterator<Item = StepNo> + use<> {
        (0..self.0.len()).map(StepNo::new)
    }
}

impl Index<StepNo> for Steps {
    type Output = StepState;

    fn index(&self, no: StepNo) -> &StepState {
        &self.0[no.0]
    }
}

impl IndexMut<StepNo> for Steps {
    fn index_mut(&mut self, no: StepNo) -> &mut StepState {
        &mut self.0[no.0]
    }
}

/// What a step is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// So many steps that use its resource come first.
    Blocked { on: usize },
    /// Its retry waits for the budget of its backend.
    Parked,
    /// It failed every attempt of the first round and waits for the second.
    SecondRound,
    /// It can make its next attempt.
    Ready(Next),
    /// It will be ready at a time.
    Sleeping(Next),
    /// A task makes its attempt.
    Moving(Next),
    /// Its deletion was accepted, and a listing is to prove it.
    AwaitsProof,
    /// It has its outcome.
    Done,
}

impl Phase {
    /// Whether it goes on without anybody else: it is ready, asleep, moving or about to be proven. What has failed and is
    /// only looked at once more keeps nobody waiting.
    pub(super) const fn is_active(self) -> bool {
        match self {
            Self::Ready(next) | Self::Sleeping(next) | Self::Moving(next) => {
                !matches!(next, Next::LastLook)
            }
            Self::AwaitsProof => true,
            Self::Blocked { .. } | Self::Parked | Self::SecondRound | Self::Done => false,
        }
    }
}

/// How a step ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) result: StepResult,
    pub(super) detail: Option<String>,
    pub(super) hint: Option<String>,
}

impl Verdict {
    /// This result, for this reason.
    pub(super) fn new(result: StepResult, detail: impl Into<String>) -> Self {
        Self {
            result,
            detail: Some(detail.into()),
            hint: None,
        }
    }

    /// Adds what the operator can do about it.
    #[must_use]
    pub(super) fn with_hint(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }

    /// Adds to the reason.
    #[must_use]
    pub(super) fn and(mut self, more: &str) -> Self {
        match &mut self.detail {
            Some(detail) => {
                detail.push_str("; ");
                detail.push_str(more);
            }
            None => self.detail = Some(more.to_owned()),
        }
        self
    }
}

/// How long a change may go on that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    /// How long, from when it was accepted.
    pub(super) stuck_after: Duration,
    /// For how long nothing else of its backend has finished: as long as others do, it is only slow.
    pub(super) quiet: Duration,
}

/// What a step wants next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Its next attempt as soon as there is room.
    Ready(Next),
    /// Its next attempt from a time on.
    Sleep(Next, Instant),
    /// A listing that proves its deletion.
    Proof,
    /// A further attempt after a wait.
    Retry {
        error: Error,
        after: Duration,
        /// Whether the budget of its backend has to pay for it.
        budgeted: bool,
    },
    /// Further attempts once nothing else is left to do at its backend.
    SecondRound,
    /// Its next attempt as soon as its backend has had its time.
    Pause {
        next: Next,
        error: Error,
        probe: bool,
    },
    /// That its backend is asked for nothing more.
    StopBackend(Error),
    /// One more look at a time, because something was sent. It counts as failed from now on, if so.
    LastLook { at: Instant, is_failure: bool },
    /// To stay, as does this member of its unit, which has changed.
    StayWith(StepNo),
    /// Its outcome.
    End(Verdict),
}

/// How far a step is.
pub(super) struct StepState {
    step: Arc<Step>,
    phase: Phase,
    /// The steps that wait for it.
    dependents: Vec<StepNo>,
    tries: Tries,
    failed: Vec<Attempt>,
    /// When the last of those failed.
    failed_at: Option<Instant>,
    began: Option<Instant>,
    /// When what was asked to end has had its time.
    grace_until: Option<Instant>,
    asked_to_end: bool,
    escalated: bool,
    /// Whether a request that may have had an effect went out.
    sent: bool,
    /// What its requests may have led to, also those of an attempt that is being made.
    requests: Arc<Requests>,
    /// Whether someone else began the change that is under way.
    theirs: bool,
    /// How long it was watched, and how often it was looked at. Pauses of the backend do not count.
    watched: (Duration, u32),
    /// How long its calls took.
    spent: Duration,
    /// How many retries of it the budget of its backend paid for.
    paid: u32,
    /// How it ends unless the last look finds it gone.
    verdict: Option<Verdict>,
    /// The resource as it was read last, if an attempt failed.
    last_read: Option<Box<Resource>>,
}

/// How much later the first look is, and how much later a look can be at the most.
const MIN_READ_DELAY: Duration = Duration::from_millis(50);
const MAX_READ_DELAY: Duration = Duration::from_millis(500);
/// How long before the attempt of the second round after a clear refusal.
const REFUSED_PAUSE: Duration = Duration::from_secs(4);
/// How long after its last attempt: effects may come late, and replicas of a provider lag behind.
const LAST_LOOK_AFTER: Duration = Duration::from_secs(3);

impl StepState {
    fn new(step: Arc<Step>) -> Self {
        Self {
            phase: Phase::Blocked {
                on: step.after.len(),
            },
            step,
            dependents: Vec::new(),
            tries: Tries::default(),
            failed: Vec::new(),
            failed_at: None,
            began: None,
            grace_until: None,
            asked_to_end: false,
            escalated: false,
            sent: false,
            requests: Arc::default(),
            theirs: false,
            watched: (Duration::ZERO, 0),
            spent: Duration::ZERO,
            paid: 0,
            verdict: None,
            last_read: None,
        }
    }

    /// What it is to do, and with what.
    pub(super) fn step(&self) -> &Arc<Step> {
        &self.step
    }

    pub(super) fn id(&self) -> ResourceIdText {
        ResourceIdText(self.step.target.id())
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Changes its phase, and says what it was before.
    pub(super) fn to(&mut self, phase: Phase) -> Phase {
        std::mem::replace(&mut self.phase, phase)
    }

    pub(super) fn tries(&self) -> Tries {
        self.tries
    }

    /// The last error that one of its attempts failed with.
    pub(super) fn last_error(&self) -> Option<&Error> {
        self.failed.last().map(|attempt| &attempt.error)
    }

    /// Whether every attempt so far got the same answer of the provider, and now this one.
    pub(super) fn met_only(&self, error: &Error) -> bool {
        let same = |attempt: &Attempt| {
            let met = &attempt.error;
            met.code == error.code && met.message == error.message
        };
        error.code.is_some() && self.failed.iter().all(same)
    }

    /// Whether it was asked to end, so that only force is left.
    pub(super) fn asked_to_end(&self) -> bool {
        self.asked_to_end
    }

    /// Whether the policy escalated to force.
    pub(super) fn escalated(&self) -> bool {
        self.escalated
    }

    /// Whether a request that may have had an effect went out.
    pub(super) fn sent(&self) -> bool {
        self.sent
    }

    /// What its requests may have led to.
    pub(super) fn requests(&self) -> &Arc<Requests> {
        &self.requests
    }

    /// Whether someone else began the change that is under way.
    pub(super) fn is_theirs(&self) -> bool {
        self.theirs
    }

    /// Whether it failed for good, and one more look decides.
    pub(super) fn is_last_look(&self) -> bool {
        self.verdict.is_some()
    }

    /// How long its calls took.
    pub(super) fn spent(&self) -> Duration {
        self.spent
    }

    pub(super) fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    pub(super) fn is_moving(&self) -> bool {
        matches!(self.phase, Phase::Moving(_))
    }

    /// Whether its deletion was accepted and is about to be proven.
    pub(super) fn awaits_proof(&self) -> bool {
        self.phase == Phase::AwaitsProof
    }

    /// Whether it has an effect that is not finished: asked to end, or being removed.
    pub(super) fn is_under_way(&self) -> bool {
        match self.phase {
            Phase::Moving(_) | Phase::AwaitsProof => true,
            Phase::Ready(next) | Phase::Sleeping(next) => self.has_begun(next),
            Phase::Blocked { .. } | Phase::Parked | Phase::SecondRound | Phase::Done => false,
        }
    }

    /// Whether this next attempt continues something that has begun.
    pub(super) fn has_begun(&self, next: Next) -> bool {
        next != Next::Act || self.asked_to_end
    }

    /// Whether its first attempt may ask something to end: those go first, so that all share one wait.
    pub(super) fn will_ask_to_end(&self) -> bool {
        self.step.state.is_running() && !self.asked_to_end
    }

    /// Notes that a step it waits for is gone, and says whether that was the last one.
    pub(super) fn unblock(&mut self) -> bool {
        match &mut self.phase {
            Phase::Blocked { on } => {
                *on -= 1;
                *on == 0
            }
            _ => false,
        }
    }

    /// Notes that an attempt begins, and says how long ago the first one did.
    pub(super) fn begin(&mut self, next: Next, now: Instant) -> Duration {
        if matches!(next, Next::Act | Next::GoOn) {
            self.theirs = false;
        }
        if next == Next::Act {
            self.tries.all += 1;
            self.tries.in_round += 1;
        }
        now - *self.began.get_or_insert(now)
    }

    /// Begins the second round, and says when its first attempt may be: what was clearly refused a moment ago gets a while.
    pub(super) fn begin_round(&mut self, now: Instant) -> Instant {
        self.tries.in_round = 0;
        let is_refused = self.last_error().is_some_and(Error::is_refusal);
        let failed_at = self.failed_at.filter(|_| is_refused);
        failed_at.map_or(now, |at| now.max(at + REFUSED_PAUSE))
    }

    /// The resource as it was read last, if an attempt failed.
    pub(super) fn last_read(&self) -> Option<&Resource> {
        self.last_read.as_deref()
    }

    /// Notes what the resource was when it was read last.
    pub(super) fn note_read(&mut self, resource: Box<Resource>) {
        self.last_read = Some(resource);
    }

    /// Notes how long an attempt took.
    pub(super) fn spend(&mut self, time: Duration) {
        self.spent += time;
    }

    /// Notes that its backend answered.
    pub(super) fn answered(&mut self) {
        self.tries.lost_in_row = 0;
    }

    /// Notes that its backend did not answer, although it answers others.
    pub(super) fn lost(&mut self) {
        self.tries.lost_in_row += 1;
    }

    /// Notes that the budget paid for a retry.
    pub(super) fn pay(&mut self) {
        self.paid += 1;
    }

    /// What the budget gets back, because the backend took a request.
    pub(super) fn take_paid(&mut self) -> u32 {
        std::mem::take(&mut self.paid)
    }

    /// How many of its retries the budget paid for.
    pub(super) fn paid(&self) -> u32 {
        self.paid
    }

    /// How far it got when the run ends before it; `next` is the attempt that it would have made.
    pub(super) fn how_far(&self, next: Next) -> &'static str {
        match next {
            Next::WatchRemoval => "deletion accepted, not yet verified",
            Next::WatchArchiving => "archiving accepted, not yet verified",
            _ if self.asked_to_end => "asked to stop",
            _ if self.sent => "request sent, result unknown",
            _ if self.tries.all > 0 => "an attempt had failed",
            _ => "not attempted",
        }
    }

    /// How it was to end unless the last look finds it gone.
    pub(super) fn take_verdict(&mut self) -> Option<Verdict> {
        self.verdict.take()
    }

    /// Its outcome, and the steps that waited for it.
    pub(super) fn end(&mut self, no: StepNo, verdict: Verdict) -> (Outcome, Vec<StepNo>) {
        let outcome = Outcome {
            step: no.index(),
            id: self.id(),
            name: self.step.name.clone(),
            action: self.step.action.kind(),
            result: verdict.result,
            effect: self.requests.effect(verdict.result),
            detail: verdict.detail,
            hint: verdict.hint,
            failed_attempts: std::mem::take(&mut self.failed),
            attempts: self.tries.all,
            took_ms: self.began.map_or(0, |began| millis(began.elapsed())),
        };
        (outcome, std::mem::take(&mut self.dependents))
    }

    /// What it wants after an attempt. An error is for the retry table to decide about, and its decision for
    /// [`on_decision`](Self::on_decision).
    pub(super) fn on_result(
        &mut self,
        result: AttemptResult,
        now: Instant,
        patience: Patience,
    ) -> Result<Wish, Error> {
        self.sent |= self.requests.were_sent();
        Ok(match result {
            AttemptResult::Ended(result, detail) => Wish::End(Verdict {
                result,
                detail,
                hint: None,
            }),
            AttemptResult::AskedToEnd => {
                let grace = self.step.action.grace();
                self.asked_to_end = true;
                self.sent = true;
                self.grace_until = Some(now + grace);
                self.watched = Default::default();
                if grace.is_zero() {
                    Wish::Ready(Next::GoOn)
                } else {
                    self.watch(Next::WatchEnd, now, patience)
                }
            }
            // It was asked to end. Once it has had its time, force is next; after force, patience.
            AttemptResult::StillRuns => match self.grace_until {
                Some(until) if now >= until => {
                    self.grace_until = None;
                    self.watched = Default::default();
                    Wish::Ready(Next::GoOn)
                }
                _ => self.watch(Next::WatchEnd, now, patience),
            },
            AttemptResult::EndedRunning => {
                self.watched = Default::default();
                Wish::Ready(Next::GoOn)
            }
            AttemptResult::Accepted { .. } => {
                self.sent = true;
                self.watched = Default::default();
                Wish::Proof
            }
            AttemptResult::Removing { by_us } => {
                self.sent |= by_us;
                if self.is_stuck() {
                    return Ok(self.confirm(None));
                }
                self.watch(Next::WatchRemoval, now, patience)
            }
            AttemptResult::StillThere => self.confirm(None),
            AttemptResult::Archiving { by_us } => {
                self.sent |= by_us;
                if self.is_stuck() {
                    return Ok(self.confirm(None));
                }
                self.watch(Next::WatchArchiving, now, patience)
            }
            AttemptResult::CompanyChanged(member) => Wish::StayWith(member),
            AttemptResult::Failed { error, sent } => {
                self.sent |= sent;
                return Err(error);
            }
        })
    }

    /// What it wants after the retry table decided about an attempt that failed, so long after the start of
    /// the run.
    pub(super) fn on_decision(
        &mut self,
        decision: RetryDecision,
        error: Error,
        since_start: Duration,
        now: Instant,
        patience: Patience,
    ) -> Wish {
        let same = match self.phase {
            Phase::Moving(next) => next,
            _ => Next::Act,
        };
        match decision {
            RetryDecision::RetrySame => {
                self.give_back_attempt();
                Wish::Ready(same)
            }
            RetryDecision::PauseBackend { probe } => {
                self.give_back_attempt();
                Wish::Pause {
                    next: same,
                    error,
                    probe,
                }
            }
            RetryDecision::Retry {
                after,
                escalate,
                budgeted,
            } => {
                self.note_failure(since_start, &error);
                self.escalated |= escalate;
                if !self.escalated && self.may_be_killed_on_retry() {
                    // The next attempt asks again.
                    self.asked_to_end = false;
                }
                Wish::Retry {
                    error,
                    after,
                    budgeted,
                }
            }
            RetryDecision::SecondRound { escalate } => {
                self.note_failure(since_start, &error);
                self.escalated |= escalate;
                Wish::SecondRound
            }
            RetryDecision::Watch(next) => {
                self.give_back_attempt();
                self.theirs = true;
                self.watch(next, now, patience)
            }
            RetryDecision::Behind { after, counts } => {
                self.give_back_attempt();
                self.tries.dependency += u32::from(counts);
                Wish::Sleep(Next::Act, now + after)
            }
            RetryDecision::Blocked => {
                self.give_back_attempt();
                let verdict = Verdict::new(StepResult::Blocked, error.message);
                self.finish_failed(verdict.with_hint(error.hint), now)
            }
            RetryDecision::Changed => {
                let verdict = Verdict::new(StepResult::Changed, error.message);
                self.finish_failed(verdict.with_hint(error.hint), now)
            }
            RetryDecision::GiveUp { result, reason } => {
                self.note_failure(since_start, &error);
                let mut verdict = Verdict::new(result, error.message).with_hint(error.hint);
                if let Some(reason) = reason {
                    verdict = verdict.and(&format!("the policy gave up: {reason}"));
                }
                self.finish_failed(verdict, now)
            }
            RetryDecision::Unseen => self.confirm(Some(&error)),
            RetryDecision::StopBackend => {
                self.note_failure(since_start, &error);
                Wish::StopBackend(error)
            }
        }
    }

    /// Ends a step that did not reach its end. Where a request may have had an effect all the same, one more
    /// look decides, so that nothing is reported as left that is gone.
    pub(super) fn finish_failed(&mut self, verdict: Verdict, now: Instant) -> Wish {
        if !self.sent {
            return Wish::End(verdict);
        }
        let is_failure = verdict.result.is_failure();
        self.verdict = Some(verdict);
        Wish::LastLook {
            at: now + LAST_LOOK_AFTER,
            is_failure,
        }
    }

    /// The last look did not find it gone, or could not be made.
    fn confirm(&mut self, unseen: Option<&Error>) -> Wish {
        let Some(verdict) = self.verdict.take() else {
            // Nobody looks a last time at what has no verdict.
            return Wish::Ready(Next::Act);
        };
        Wish::End(match unseen {
            Some(error) => verdict.and(&format!(
                "could not read whether it still exists: {}",
                error.message
            )),
            None => verdict,
        })
    }

    /// Whether it is to end as stuck unless the last look finds otherwise.
    fn is_stuck(&self) -> bool {
        let verdict = self.verdict.as_ref();
        verdict.is_some_and(|verdict| verdict.result == StepResult::Stuck)
    }

    /// Looks again after a while, or gives up on what does not finish while nothing else does either.
    fn watch(&mut self, next: Next, now: Instant, patience: Patience) -> Wish {
        let (pause, watched_for) = self.look_again();
        let stuck_after = match next {
            // Its disk is copied.
            Next::WatchArchiving => patience.stuck_after * 10,
            _ => patience.stuck_after,
        };
        match self.grace_until {
            Some(until) if next == Next::WatchEnd => {
                // Never past the end of the grace period, so that force is not late.
                Wish::Sleep(next, (now + pause).min(until.max(now)))
            }
            _ if watched_for.min(patience.quiet) > stuck_after => {
                let what = match next {
                    Next::WatchRemoval => "removed",
                    Next::WatchArchiving => "archived",
                    Next::WatchEnd | Next::Act | Next::GoOn | Next::LastLook => "ended",
                };
                let detail = format!(
                    "it was not {what} within {} after the backend accepted that",
                    humantime::format_duration(stuck_after)
                );
                self.finish_failed(Verdict::new(StepResult::Stuck, detail), now)
            }
            _ => Wish::Sleep(next, now + pause),
        }
    }

    /// Notes one more look, and says how long until the next and how long it has been watched.
    fn look_again(&mut self) -> (Duration, Duration) {
        let (watched_for, looks) = self.watched;
        let pause = MIN_READ_DELAY
            .saturating_mul(1 << looks.min(8))
            .min(MAX_READ_DELAY);
        self.watched = (watched_for + pause, looks + 1);
        (pause, watched_for)
    }

    /// Notes a failure that counts. Lost connections are counted anew from here.
    fn note_failure(&mut self, since_start: Duration, error: &Error) {
        self.tries.lost_in_row = 0;
        self.failed_at = Some(Instant::now());
        self.failed.push(Attempt {
            number: self.tries.all,
            at_ms: millis(since_start),
            error: error.clone(),
        });
    }

    fn may_be_killed_on_retry(&self) -> bool {
        matches!(self.step.action, Action::Delete { force, .. } if force == Force::OnRetry)
    }

    /// Takes back an attempt that is not to count.
    fn give_back_attempt(&mut self) {
        let cost = u32::from(self.phase == Phase::Moving(Next::Act));
        self.tries.all -= cost;
        self.tries.in_round -= cost;
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;
    use tbengine_sdk::ErrorKind;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// A step of a container that runs, in its first attempt.
    fn doing(action: serde_json::Value) -> StepState {
        let step = json!({
            "target": {
                "backend": "memory",
                "account": "account",
                "kind": "container",
                "native": "c1",
            },
            "name": "one",
            "state": "running",
            "action": action,
            "reason": "the test says so",
        });
        let mut state = StepState::new(Arc::new(serde_json::from_value(step).unwrap()));
        state.begin(Next::Act, Instant::now());
        state.to(Phase::Moving(Next::Act));
        state
    }

    fn stopping(grace_ms: u64) -> StepState {
        doing(json!({ "do": "stop", "grace-ms": grace_ms }))
    }

    fn deleting() -> StepState {
        doing(json!({ "do": "delete", "force": "always", "grace-ms": 0 }))
    }

    fn archiving() -> StepState {
        doing(json!({ "do": "archive", "grace-ms": 0 }))
    }

    fn error() -> Error {
        Error::new(ErrorKind::Transient, "busy").with_hint("wait")
    }

    /// Nothing else of its backend has finished for ever so long.
    const PATIENCE: Patience = Patience {
        stuck_after: MINUTE,
        quiet: Duration::MAX,
    };

    /// Ends as stuck: at once, or after a last look if something was sent.
    #[track_caller]
    fn assert_stuck(state: &StepState, end: Wish, detail: &str) {
        let verdict = match end {
            Wish::LastLook {
                is_failure: true, ..
            } if state.sent() => state.verdict.clone(),
            Wish::End(verdict) if !state.sent() => Some(verdict),
            wish => panic!("{wish:?}"),
        };
        assert_eq!(verdict, Some(Verdict::new(StepResult::Stuck, detail)));
    }

    /// What a step wants after an attempt that did not fail.
    fn wish(state: &mut StepState, result: AttemptResult, now: Instant) -> Wish {
        state.on_result(result, now, PATIENCE).unwrap()
    }

    fn decided(state: &mut StepState, decision: RetryDecision, now: Instant) -> Wish {
        state.on_decision(decision, error(), ms(7), now, PATIENCE)
    }

    /// How long a step wants to be watched before it counts as stuck, and the wish at the end.
    fn watched(state: &mut StepState, result: impl Fn() -> AttemptResult) -> (Duration, Wish) {
        let began = Instant::now();
        let mut now = began;
        loop {
            match wish(state, result(), now) {
                Wish::Sleep(_, until) => now = until,
                end => return (now - began, end),
            }
        }
    }

    #[test]
    fn a_step_is_blocked_until_the_last_one_before_it_is_gone() {
        let mut state = deleting();
        state.to(Phase::Blocked { on: 2 });
        assert!(!state.unblock());
        assert_eq!(state.phase(), Phase::Blocked { on: 1 });
        assert!(state.unblock());
        state.to(Phase::Done);
        assert!(!state.unblock(), "what has its outcome does not begin");
    }

    #[test]
    fn what_has_ended_has_its_outcome() {
        let ended = AttemptResult::Ended(StepResult::Changed, Some("protected".into()));
        let verdict = Verdict::new(StepResult::Changed, "protected");
        assert_eq!(
            wish(&mut deleting(), ended, Instant::now()),
            Wish::End(verdict)
        );
    }

    #[test]
    fn what_is_asked_to_end_without_a_grace_period_goes_on_at_once() {
        let mut state = stopping(0);
        let now = Instant::now();
        let wish = wish(&mut state, AttemptResult::AskedToEnd, now);
        assert_eq!(wish, Wish::Ready(Next::GoOn));
        assert!(state.asked_to_end() && state.sent());
    }

    #[rstest]
    #[case::the_first_look_is_soon(5_000, 50)]
    #[case::no_look_is_after_the_grace_period(30, 30)]
    fn what_is_asked_to_end_is_watched(#[case] grace: u64, #[case] look_after: u64) {
        let mut state = stopping(grace);
        let now = Instant::now();
        let wish = wish(&mut state, AttemptResult::AskedToEnd, now);
        assert_eq!(wish, Wish::Sleep(Next::WatchEnd, now + ms(look_after)));
    }

    #[test]
    fn looks_become_rarer_until_the_grace_period_is_over_and_then_comes_force() {
        let mut state = stopping(2_000);
        let began = Instant::now();
        let mut result = AttemptResult::AskedToEnd;
        let mut now = began;
        let mut looks = Vec::new();
        loop {
            match wish(&mut state, result, now) {
                Wish::Sleep(Next::WatchEnd, until) => {
                    now = until;
                    looks.push((now - began).as_millis());
                    result = AttemptResult::StillRuns;
                }
                end => {
                    assert_eq!(end, Wish::Ready(Next::GoOn));
                    break;
                }
            }
        }
        assert_eq!(looks, [50, 150, 350, 750, 1250, 1750, 2000]);
        // After force it is given a while, and no second one.
        let (patience, end) = watched(&mut state, || AttemptResult::StillRuns);
        assert!(
            patience > MINUTE && patience < MINUTE + ms(1_000),
            "{patience:?}"
        );
        let detail = "it was not ended within 1m after the backend accepted that";
        assert_stuck(&state, end, detail);
    }

    #[test]
    fn what_ended_goes_on_and_is_watched_anew() {
        let mut state = archiving();
        let now = Instant::now();
        wish(&mut state, AttemptResult::StillRuns, now);
        wish(&mut state, AttemptResult::StillRuns, now);
        let goes_on = wish(&mut state, AttemptResult::EndedRunning, now);
        assert_eq!(goes_on, Wish::Ready(Next::GoOn));
        let looks = wish(&mut state, AttemptResult::Archiving { by_us: true }, now);
        assert_eq!(looks, Wish::Sleep(Next::WatchArchiving, now + ms(50)));
    }

    #[test]
    fn what_a_listing_is_to_prove_waits_for_it_and_is_watched_if_it_is_shown() {
        let mut state = deleting();
        let now = Instant::now();
        let accepted = AttemptResult::Accepted { is_done: true };
        assert_eq!(wish(&mut state, accepted, now), Wish::Proof);
        assert!(state.sent());
        state.to(Phase::AwaitsProof);
        assert!(state.phase().is_active() && state.is_under_way() && !state.is_moving());
        let shown = wish(&mut state, AttemptResult::Removing { by_us: true }, now);
        assert_eq!(shown, Wish::Sleep(Next::WatchRemoval, now + ms(50)));
    }

    #[rstest]
    #[case::by_us(true)]
    #[case::by_someone_else(false)]
    fn what_is_being_removed_is_watched(#[case] by_us: bool) {
        let mut state = deleting();
        let now = Instant::now();
        let looks = wish(&mut state, AttemptResult::Removing { by_us }, now);
        assert_eq!(looks, Wish::Sleep(Next::WatchRemoval, now + ms(50)));
        assert_eq!(state.sent(), by_us);
        let (patience, end) = watched(&mut state, || AttemptResult::Removing { by_us: false });
        assert!(
            patience > MINUTE - ms(100) && patience < MINUTE + ms(1_000),
            "{patience:?}"
        );
        let detail = "it was not removed within 1m after the backend accepted that";
        assert_stuck(&state, end, detail);
        assert_eq!(state.sent(), by_us, "who asked for it is not forgotten");
    }

    /// As long as others of its backend finish, that is only slow.
    #[test]
    fn what_takes_long_is_watched_while_others_finish() {
        let mut state = deleting();
        let removing = || AttemptResult::Removing { by_us: true };
        let mut now = Instant::now();
        let began = now;
        let others = Patience {
            quiet: MINUTE,
            ..PATIENCE
        };
        while now - began < MINUTE * 10 {
            match state.on_result(removing(), now, others).unwrap() {
                Wish::Sleep(Next::WatchRemoval, until) => now = until,
                wish => panic!("{wish:?}"),
            }
        }
        let end = wish(&mut state, removing(), now);
        let detail = "it was not removed within 1m after the backend accepted that";
        assert_stuck(&state, end, detail);
        // The last look finds it as it was, or finds it gone.
        let end = wish(&mut state, removing(), now);
        assert_eq!(end, Wish::End(Verdict::new(StepResult::Stuck, detail)));
    }

    #[test]
    fn archiving_may_take_ten_times_as_long() {
        let mut state = archiving();
        let (patience, end) = watched(&mut state, || AttemptResult::Archiving { by_us: true });
        assert!(
            patience > MINUTE * 10 && patience < MINUTE * 10 + ms(1_000),
            "{patience:?}"
        );
        let detail = "it was not archived within 10m after the backend accepted that";
        assert_stuck(&state, end, detail);
        assert!(state.sent());
    }

    #[test]
    fn what_is_there_at_the_last_look_ends_as_it_was_to_end() {
        let mut state = deleting();
        let verdict = Verdict::new(StepResult::Failed, "busy");
        state.verdict = Some(verdict.clone());
        let end = wish(&mut state, AttemptResult::StillThere, Instant::now());
        assert_eq!(end, Wish::End(verdict));
    }

    #[rstest]
    #[case::refused(false)]
    #[case::lost(true)]
    fn a_failure_is_left_to_the_table(#[case] sent: bool) {
        let mut state = deleting();
        let failed = AttemptResult::Failed {
            error: error(),
            sent,
        };
        let left = state.on_result(failed, Instant::now(), PATIENCE);
        assert_eq!(left, Err(error()));
        assert_eq!(state.sent(), sent);
    }

    #[test]
    fn a_retry_counts_and_is_listed() {
        let mut state = deleting();
        state.lost();
        let retry = RetryDecision::Retry {
            after: ms(9),
            escalate: true,
            budgeted: true,
        };
        let wish = decided(&mut state, retry, Instant::now());
        let expected = Wish::Retry {
            error: error(),
            after: ms(9),
            budgeted: true,
        };
        assert_eq!(wish, expected);
        assert!(state.escalated());
        let tries = Tries {
            all: 1,
            in_round: 1,
            ..Tries::default()
        };
        assert_eq!(state.tries(), tries, "lost connections are counted anew");
        let listed = Attempt {
            number: 1,
            at_ms: 7,
            error: error(),
        };
        assert_eq!(state.failed, [listed]);
    }

    #[test]
    fn a_second_round_begins_its_count_anew() {
        let mut state = deleting();
        let wish = decided(
            &mut state,
            RetryDecision::SecondRound { escalate: false },
            Instant::now(),
        );
        assert_eq!(wish, Wish::SecondRound);
        assert!(!state.escalated());
        assert_eq!(state.last_error(), Some(&error()));
        state.begin_round(Instant::now());
        state.begin(Next::Act, Instant::now());
        assert_eq!((state.tries().all, state.tries().in_round), (2, 1));
    }

    #[rstest]
    #[case::again(RetryDecision::RetrySame, Next::Act, Wish::Ready(Next::Act))]
    #[case::the_same_again(RetryDecision::RetrySame, Next::LastLook, Wish::Ready(Next::LastLook))]
    #[case::paused(
        RetryDecision::PauseBackend { probe: true },
        Next::WatchEnd,
        Wish::Pause { next: Next::WatchEnd, error: error(), probe: true },
    )]
    fn what_is_nobodys_fault_is_repeated_for_nothing(
        #[case] decision: RetryDecision,
        #[case] during: Next,
        #[case] expected: Wish,
    ) {
        let mut state = deleting();
        state.to(Phase::Moving(during));
        state.lost();
        assert_eq!(decided(&mut state, decision, Instant::now()), expected);
        let attempts = u32::from(during != Next::Act);
        let tries = Tries {
            all: attempts,
            in_round: attempts,
            lost_in_row: 1,
            ..Tries::default()
        };
        assert_eq!(state.tries(), tries, "only an attempt is given back");
        assert_eq!(state.failed, []);
    }

    #[rstest]
    #[case::removal(deleting(), Next::WatchRemoval)]
    #[case::stop(stopping(0), Next::WatchEnd)]
    #[case::archiving(archiving(), Next::WatchArchiving)]
    fn a_change_that_is_under_way_is_watched_for_nothing(
        #[case] mut state: StepState,
        #[case] look: Next,
    ) {
        let now = Instant::now();
        let wish = decided(&mut state, RetryDecision::Watch(look), now);
        assert_eq!(wish, Wish::Sleep(look, now + ms(50)));
        assert!(state.is_theirs() && !state.sent());
        assert_eq!(
            (state.tries(), state.last_error()),
            (Tries::default(), None)
        );
        state.begin(look, now);
        assert!(state.is_theirs(), "it is only looked at");
        state.begin(Next::GoOn, now);
        assert!(!state.is_theirs());
    }

    #[rstest]
    #[case::behind_others(false)]
    #[case::a_try_of_its_own(true)]
    fn what_is_in_use_waits_for_nothing(#[case] counts: bool) {
        let mut state = deleting();
        let now = Instant::now();
        let behind = RetryDecision::Behind {
            after: ms(500),
            counts,
        };
        let wish = decided(&mut state, behind, now);
        assert_eq!(wish, Wish::Sleep(Next::Act, now + ms(500)));
        let tries = Tries {
            dependency: u32::from(counts),
            ..Tries::default()
        };
        assert_eq!((state.tries(), state.failed), (tries, vec![]));
    }

    /// How each end is reported: the detail, the attempts, and whether the failure is listed.
    #[rstest]
    #[case::blocked(RetryDecision::Blocked, StepResult::Blocked, "busy", 0, false)]
    #[case::changed(RetryDecision::Changed, StepResult::Changed, "busy", 1, false)]
    #[case::given_up(
        RetryDecision::GiveUp { result: StepResult::Denied, reason: None },
        StepResult::Denied, "busy", 1, true,
    )]
    #[case::by_the_policy(
        RetryDecision::GiveUp { result: StepResult::Failed, reason: Some("enough".into()) },
        StepResult::Failed, "busy; the policy gave up: enough", 1, true,
    )]
    fn what_ends_badly(
        #[case] decision: RetryDecision,
        #[case] result: StepResult,
        #[case] detail: &str,
        #[case] attempts: u32,
        #[case] listed: bool,
    ) {
        let verdict = Verdict::new(result, detail).with_hint(Some("wait".into()));
        // Nothing was sent, so nothing can have happened.
        let mut state = deleting();
        let end = decided(&mut state, decision.clone(), Instant::now());
        assert_eq!(end, Wish::End(verdict.clone()));
        assert_eq!(state.tries().all, attempts);
        assert_eq!(state.last_error().is_some(), listed);
        // Something was sent, and one more look decides.
        let mut state = deleting();
        state.sent = true;
        let now = Instant::now();
        let looks = Wish::LastLook {
            at: now + LAST_LOOK_AFTER,
            is_failure: result.is_failure(),
        };
        assert_eq!(decided(&mut state, decision, now), looks);
        assert!(state.is_last_look());
        let end = wish(&mut state, AttemptResult::StillThere, now);
        assert_eq!(end, Wish::End(verdict));
    }

    #[test]
    fn a_last_look_that_could_not_be_made_says_so() {
        let mut state = deleting();
        state.verdict = Some(Verdict::new(StepResult::Failed, "busy before"));
        let end = decided(&mut state, RetryDecision::Unseen, Instant::now());
        let detail = "busy before; could not read whether it still exists: busy";
        let verdict = Verdict::new(StepResult::Failed, detail);
        assert_eq!(end, Wish::End(verdict));
    }

    #[test]
    fn who_stops_its_backend_has_a_failure_listed() {
        let mut state = deleting();
        let wish = decided(&mut state, RetryDecision::StopBackend, Instant::now());
        assert_eq!(wish, Wish::StopBackend(error()));
        assert_eq!(state.last_error(), Some(&error()));
    }

    #[rstest]
    #[case::blocked(Phase::Blocked { on: 0 }, false, false, false)]
    #[case::parked(Phase::Parked, true, false, false)]
    #[case::second_round(Phase::SecondRound, true, false, false)]
    #[case::an_attempt(Phase::Ready(Next::Act), false, true, false)]
    #[case::waits_for_an_attempt(Phase::Sleeping(Next::Act), false, true, false)]
    #[case::asked_to_end(Phase::Sleeping(Next::Act), true, true, true)]
    #[case::goes_on(Phase::Ready(Next::GoOn), false, true, true)]
    #[case::watched(Phase::Sleeping(Next::WatchRemoval), false, true, true)]
    #[case::moving(Phase::Moving(Next::Act), false, true, true)]
    #[case::looked_at_once_more(Phase::Sleeping(Next::LastLook), false, false, true)]
    #[case::done(Phase::Done, true, false, false)]
    fn phases_tell_what_is_active_and_what_is_under_way(
        #[case] phase: Phase,
        #[case] asked_to_end: bool,
        #[case] is_active: bool,
        #[case] is_under_way: bool,
    ) {
        let mut state = deleting();
        state.asked_to_end = asked_to_end;
        state.to(phase);
        assert_eq!(phase.is_active(), is_active);
        assert_eq!(state.is_under_way(), is_under_way);
    }

    #[rstest]
    #[case(
        Next::WatchRemoval,
        true,
        true,
        1,
        "deletion accepted, not yet verified"
    )]
    #[case(
        Next::WatchArchiving,
        true,
        true,
        1,
        "archiving accepted, not yet verified"
    )]
    #[case(Next::WatchEnd, true, true, 1, "asked to stop")]
    #[case(Next::Act, false, true, 1, "request sent, result unknown")]
    #[case(Next::Act, false, false, 1, "an attempt had failed")]
    #[case(Next::Act, false, false, 0, "not attempted")]
    fn a_run_that_ends_says_how_far_a_step_got(
        #[case] next: Next,
        #[case] asked_to_end: bool,
        #[case] sent: bool,
        #[case] attempts: u32,
        #[case] says: &str,
    ) {
        let mut state = deleting();
        state.asked_to_end = asked_to_end;
        state.sent = sent;
        state.tries.all = attempts;
        assert_eq!(state.how_far(next), says);
    }

    #[test]
    fn the_outcome_tells_all_attempts() {
        let mut state = deleting();
        state.dependents.push(StepNo::new(4));
        decided(
            &mut state,
            RetryDecision::GiveUp {
                result: StepResult::Failed,
                reason: None,
            },
            Instant::now(),
        );
        let verdict = Verdict::new(StepResult::Failed, "busy");
        let (outcome, dependents) = state.end(StepNo::new(3), verdict);
        assert_eq!((outcome.step, outcome.attempts), (3, 1));
        assert_eq!(outcome.failed_attempts.len(), 1);
        assert_eq!(outcome.result, StepResult::Failed);
        assert_eq!(dependents, [StepNo::new(4)]);
    }
}
