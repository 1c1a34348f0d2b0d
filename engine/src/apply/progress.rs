//! How far a step is.

use std::sync::Arc;
use std::time::Duration;

use tbengine_sdk::Error;
use tokio::time::Instant;

use crate::plan::{Action, Step};
use crate::report::{Attempt, StepResult};

/// How far a step is.
pub(crate) struct Progress {
    pub(crate) step: Arc<Step>,
    /// The place of its backend among the lanes.
    pub(crate) lane: usize,
    pub(crate) phase: Phase,
    /// How many steps have to end before it may begin.
    pub(crate) waits_for: usize,
    /// The steps that wait for it.
    pub(crate) dependents: Vec<usize>,
    /// Attempts begun, over both sweeps.
    pub(crate) attempts: u32,
    /// Attempts begun in this sweep: the schedule counts these.
    pub(crate) attempts_in_sweep: u32,
    pub(crate) failed: Vec<Attempt>,
    pub(crate) began: Option<Instant>,
    /// When what was asked to end has had its time.
    pub(crate) grace_until: Option<Instant>,
    pub(crate) asked_to_end: bool,
    pub(crate) escalated: bool,
    /// Whether a request that may have had an effect went out.
    pub(crate) sent: bool,
    /// How long it was watched, and how often it was looked at. Pauses of the backend do not count.
    pub(crate) watched: (Duration, u32),
    pub(crate) dependency_tries: u32,
    /// How long its calls took.
    pub(crate) spent: Duration,
    /// Moves in a row that the backend did not answer, although it answers others.
    pub(crate) lost_in_row: u32,
    /// How many retries of it the budget of its backend paid for.
    pub(crate) paid: u32,
    /// How it ends unless the last look finds it gone.
    pub(crate) verdict: Option<Verdict>,
}

/// How a step ends that did not end well.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) result: StepResult,
    pub(crate) detail: String,
    pub(crate) hint: Option<String>,
}

/// What a step is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Steps that use its resource come first.
    Waiting,
    /// It can make its next move.
    Ready(Next),
    /// It will be ready at a time.
    Sleeping(Next),
    /// An executor has it.
    Moving(Next),
    /// It has its outcome.
    Done,
}

/// The next move of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A new attempt.
    Act,
    /// The same attempt goes on, after what ran was given its time.
    GoOn,
    /// See whether it has ended by itself.
    WatchEnd,
    /// See whether it is gone.
    WatchRemoval,
    /// It failed for good, but what was sent may have had an effect: see what is true.
    LastLook,
    /// See whether it is in cold storage.
    WatchArchiving,
}

/// How much later the first look is, and how much later a look can be at the most.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LATEST_LOOK: Duration = Duration::from_millis(500);

impl Progress {
    pub(crate) fn new(step: Arc<Step>, lane: usize) -> Self {
        Self {
            waits_for: step.after.len(),
            step,
            lane,
            phase: Phase::Waiting,
            dependents: Vec::new(),
            attempts: 0,
            attempts_in_sweep: 0,
            failed: Vec::new(),
            began: None,
            grace_until: None,
            asked_to_end: false,
            escalated: false,
            sent: false,
            watched: (Duration::ZERO, 0),
            dependency_tries: 0,
            spent: Duration::ZERO,
            lost_in_row: 0,
            paid: 0,
            verdict: None,
        }
    }

    /// What it is to do.
    pub(crate) fn action(&self) -> Action {
        self.step.action
    }

    /// Whether its first move may ask something to end: those go first, so that all share one wait.
    pub(crate) fn will_ask_to_end(&self) -> bool {
        self.step.state.is_running() && !self.asked_to_end
    }

    /// Whether it has an effect that is not finished: asked to end, or being removed.
    pub(crate) fn is_under_way(&self) -> bool {
        match self.phase {
            Phase::Moving(_) => true,
            Phase::Ready(next) | Phase::Sleeping(next) => next != Next::Act || self.asked_to_end,
            Phase::Waiting | Phase::Done => false,
        }
    }

    /// Notes one more look, and says how long until the next and how long it has been watched.
    pub(crate) fn look_again(&mut self) -> (Duration, Duration) {
        let (watched_for, looks) = self.watched;
        let pause = FIRST_LOOK
            .saturating_mul(1 << looks.min(8))
            .min(LATEST_LOOK);
        self.watched = (watched_for + pause, looks + 1);
        (pause, watched_for)
    }

    pub(crate) fn note_failure(&mut self, at_ms: u64, error: Error) {
        self.failed.push(Attempt {
            number: self.attempts,
            at_ms,
            error,
        });
    }
}
