//! One backend's queue and gate.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use tbengine_sdk::Error;
use tbengine_sdk::host::OpenBackend;
use tokio::time::Instant;

use super::budget::Budget;
use super::limit::Limit;
use crate::plan::Action;
use crate::report::StepResult;

/// One backend during a run.
pub(crate) struct Lane {
    /// `None` if the plan names a backend that is not open.
    pub(crate) open: Option<OpenBackend>,
    pub(crate) gate: Gate,
    /// What can move: urgent ones first, then in the order of the plan.
    pub(crate) ready: BinaryHeap<Reverse<(Urgency, usize)>>,
    pub(crate) in_flight: usize,
    /// Steps that failed every attempt and get a second sweep.
    pub(crate) sweep: Vec<usize>,
    /// Steps whose retry the budget does not pay for yet, and when each may be tried at the earliest.
    pub(crate) parked: VecDeque<(Instant, usize)>,
    pub(crate) budget: Budget,
    pub(crate) unfinished: usize,
    /// The unfinished steps that are ready, asleep or with an executor.
    pub(crate) active: usize,
    /// The unfinished steps by their rank in the order of deletion.
    pub(crate) unfinished_of_rank: [usize; RANKS],
    pub(crate) limit: Limit,
    /// Calls in a row that the backend did not answer.
    lost_in_row: u32,
    /// Whether a deletion that returned is complete.
    deletes_at_once: bool,
}

/// What goes first within a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// Asks something to end: all share one wait, so all are asked first.
    AskToEnd,
    /// Everything else.
    Normal,
}

/// Whether a backend is asked for anything.
#[derive(Clone, Debug)]
pub(crate) enum Gate {
    /// It is.
    Open,
    /// Not until a time.
    Paused(Pause),
    /// Not any more in this run: its steps end so.
    Stopped(Stopped),
}

/// How the steps of a backend end that is not asked for anything more.
#[derive(Clone, Debug)]
pub(crate) struct Stopped {
    pub(crate) result: StepResult,
    pub(crate) detail: String,
    pub(crate) hint: Option<String>,
}

/// How many ranks there are in the order of deletion.
const RANKS: usize = 4;

/// A backend that is given time.
#[derive(Clone, Debug)]
pub(crate) struct Pause {
    /// When it began; the outage deadline counts from here.
    pub(crate) since: Instant,
    pub(crate) until: Instant,
    /// How often in a row it was paused.
    pub(crate) times: u32,
    /// Whether it has to answer a probe before it gets anything else.
    pub(crate) probe: bool,
    /// Whether that probe is under way.
    pub(crate) probing: bool,
    pub(crate) error: Error,
}

/// So many calls in a row without an answer are an outage; one alone is a lost connection.
const LOST_IN_ROW: u32 = 5;
/// The waits before probes of a backend that does not answer.
const FIRST_PROBE: Duration = Duration::from_millis(250);
const LATEST_PROBE: Duration = Duration::from_secs(2);
/// The waits when a backend asks for fewer requests and does not say how long.
const FIRST_RATE_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_RATE_PAUSE: Duration = Duration::from_secs(60);
/// A provider cannot make us wait longer than this at once.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

impl Lane {
    pub(crate) fn new(open: Option<OpenBackend>, pinned: Option<usize>, now: Instant) -> Self {
        let capabilities = open.as_ref().map(|open| open.backend.capabilities());
        let suits = capabilities.as_ref().map_or(1, |can| can.concurrency);
        Self {
            open,
            gate: Gate::Open,
            ready: BinaryHeap::new(),
            in_flight: 0,
            sweep: Vec::new(),
            parked: VecDeque::new(),
            budget: Budget::new(now),
            unfinished: 0,
            active: 0,
            unfinished_of_rank: [0; RANKS],
            limit: Limit::new(suits, pinned),
            lost_in_row: 0,
            deletes_at_once: capabilities.is_some_and(|can| can.synchronous_delete),
        }
    }

    pub(crate) fn can_start(&self) -> bool {
        matches!(self.gate, Gate::Open)
            && self.in_flight < self.limit.now()
            && !self.ready.is_empty()
    }

    /// Whether what runs is asked to end by a request of its own, as the executor does it. Where the deletion
    /// itself ends it, nothing is shared, and what was begun must not wait behind all that is to be begun.
    pub(crate) fn asks_first(&self, action: Action) -> bool {
        match action {
            Action::Stop { .. } | Action::Archive { .. } => true,
            Action::Delete { grace, .. } => !grace.is_zero() || self.deletes_at_once,
        }
    }

    /// When the gate has to be looked at again.
    pub(crate) fn wakes_at(&self) -> Option<Instant> {
        match &self.gate {
            Gate::Paused(pause) if !pause.probing && self.unfinished > 0 => Some(pause.until),
            _ => None,
        }
    }

    /// When the budget pays for the retry of the first parked step.
    pub(crate) fn pays_at(&self) -> Option<Instant> {
        (!self.parked.is_empty()).then(|| self.budget.next())
    }

    /// Notes a call that the backend did not answer, and says whether that is an outage.
    pub(crate) fn lost(&mut self, error: &Error) -> bool {
        self.lost_in_row += 1;
        error.nobody_listens() || self.lost_in_row >= LOST_IN_ROW
    }

    /// Notes an answer, good or bad.
    pub(crate) fn answered(&mut self) {
        self.lost_in_row = 0;
    }

    /// Gives the backend time, and says how much if that is news.
    pub(crate) fn pause(
        &mut self,
        error: &Error,
        probe: bool,
        now: Instant,
        random: &mut fastrand::Rng,
    ) -> Option<Duration> {
        let asked = error
            .retry_after
            .unwrap_or_default()
            .min(LONGEST_RETRY_AFTER);
        let (since, times) = match &mut self.gate {
            Gate::Stopped(_) => return None,
            // The probe that is under way tells more than a call that was sent before it.
            Gate::Paused(pause) if pause.probing => return None,
            // One outage fails every call in flight, and it is one pause all the same.
            Gate::Paused(pause) if pause.until > now => {
                pause.until = pause.until.max(now + asked);
                pause.probe |= probe;
                return None;
            }
            Gate::Paused(pause) => (pause.since, pause.times + 1),
            Gate::Open => self.limit.trouble(now),
        };
        if !probe {
            self.limit.cut();
        }
        let (first, longest) = if probe {
            (FIRST_PROBE, LATEST_PROBE)
        } else {
            (FIRST_RATE_PAUSE, LONGEST_RATE_PAUSE)
        };
        // Who says how long is believed, the first time.
        let own = if asked > Duration::ZERO && times == 0 {
            asked
        } else {
            first.saturating_mul(1 << times.min(10)).min(longest)
        };
        // Up to a tenth more, so that parked work does not wake all at once; never less than asked.
        let wait = own.max(asked).mul_f64(1.0 + random.f64() / 10.0);
        self.gate = Gate::Paused(Pause {
            since,
            until: now + wait,
            times,
            probe,
            probing: false,
            error: error.clone(),
        });
        Some(wait)
    }

    /// Notes that the backend did what it was asked.
    pub(crate) fn succeeded(&mut self) {
        self.limit.succeeded();
    }
}
