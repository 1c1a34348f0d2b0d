//! One lane for each backend: its queue, its gate, its budget, its limit, and what is left to do there.
//!
//! Nothing outside sees how that is kept. What is due is asked for one by one, because what is done about
//! it may change what is due next.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tbengine_sdk::{Answers, Class, Error};
use tokio::time::Instant;

use super::budget::Budget;
use super::limit::{LatencyClass, Limit, Sample};
use super::state::{Phase, StepNo, Verdict};
use crate::plan::{Action, Step};
use crate::policy::Force;
use crate::report::StepResult;
use tbengine_sdk::host::OpenBackend;

/// The number of a lane, in the order in which the plan names the backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LaneNo(usize);

#[cfg(test)]
impl LaneNo {
    pub(super) const FIRST: Self = Self(0);
}

/// All lanes of a run, and the times at which their steps wake up.
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    by_name: HashMap<Arc<str>, LaneNo>,
    /// Where each step belongs.
    homes: Vec<Home>,
    timers: BinaryHeap<Reverse<(Instant, StepNo)>>,
    /// How long a backend may be unreachable.
    outage_deadline: Duration,
}

/// Where a step belongs.
#[derive(Clone, Copy)]
struct Home {
    lane: LaneNo,
    /// The rank of the step's class in the order of deletion.
    rank: usize,
    /// Whether its deletion ends what runs by itself.
    ends_by_deletion: bool,
}

/// One backend during a run.
struct Lane {
    /// `None` if the plan names a backend that is not open.
    open: Option<OpenBackend>,
    gate: Gate,
    /// What can be attempted: urgent ones first, then in the order of the plan.
    ready: BinaryHeap<Reverse<(Urgency, StepNo)>>,
    in_flight: usize,
    /// Steps that failed every attempt and get a second round.
    second_round: Vec<StepNo>,
    /// Steps whose retry the budget does not pay for yet, and when each may be tried at the earliest.
    parked: VecDeque<(Instant, StepNo)>,
    budget: Budget,
    /// Whether refusals to take more requests are about one request, or about all.
    answers: Answers,
    /// When a step last ended well, or the lane began.
    went_on: Instant,
    admitted: usize,
    /// The steps that ended well.
    ended_well: usize,
    unfinished: usize,
    /// The unfinished steps that are ready, asleep or moving.
    active: usize,
    /// The unfinished steps by their rank in the order of deletion.
    unfinished_of_rank: [usize; Class::COUNT],
    limit: Limit,
    /// Calls in a row that the backend did not answer.
    lost_in_row: u32,
}

/// What goes first within a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// Asks something to end: all share one wait, so all are asked first.
    AskToEnd,
    /// Everything else.
    Normal,
}

/// Whether a backend is asked for anything.
///
/// ```text
///   Open ──asked for fewer requests──► Paused ──due──► Open
///        ──several calls in a row without an answer──► Paused{probe} ──due──► probing
///   probing ──answers──► Open   ──does not──► Paused{probe}   ──refuses us──► Stopped
///   Paused for longer than the outage deadline ──► Stopped(deferred)
///   any ──a request is denied or invalid──► Stopped(denied)
/// ```
#[derive(Clone, Debug)]
enum Gate {
    /// It is.
    Open,
    /// Not until a time.
    Paused(Pause),
    /// Not any more in this run: its steps end so.
    Stopped(Verdict),
}

/// A backend that is given time.
#[derive(Clone, Debug)]
struct Pause {
    /// When it began; the outage deadline counts from here.
    since: Instant,
    until: Instant,
    /// How often in a row it was paused.
    times: u32,
    /// Whether it has to answer a probe before it gets anything else.
    probe: bool,
    /// Whether that probe is under way.
    probing: bool,
    error: Error,
}

/// What an attempt that has ended says about its backend.
pub(super) enum Landing<'a> {
    /// It did what it was asked. A change that took effect says how long such a thing takes as well.
    Succeeded(Option<Timing>),
    /// It answered with an error.
    Refused,
    /// It asked for fewer requests.
    RateLimited,
    /// It did not answer.
    Lost(&'a Error),
}

/// How long a change took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// Whether it asked something to end; only equals are compared.
    pub(super) asks_to_end: bool,
    pub(super) time: Duration,
    /// The limit when it began, if it was in full use then.
    pub(super) limit: Option<usize>,
}

/// What a gate is due for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum GateDue {
    /// A probe is to be sent.
    Probe,
    /// It is open again.
    Reopened,
    /// The backend was unreachable for too long: its steps end with that.
    GaveUp(Verdict),
}

/// So many calls in a row without an answer are an outage; one alone is a lost connection.
const LOST_IN_ROW: u32 = 5;
/// The waits before probes of a backend that does not answer.
const FIRST_PROBE: Duration = Duration::from_millis(250);
const MAX_PROBE_INTERVAL: Duration = Duration::from_secs(2);
/// The waits when a backend asks for fewer requests and does not say how long.
const FIRST_RATE_PAUSE: Duration = Duration::from_secs(1);
const MAX_RATE_PAUSE: Duration = Duration::from_secs(60);
/// A provider cannot make us wait longer than this at once.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

impl Lanes {
    /// No lanes yet, for so many steps.
    pub(super) fn new(steps: usize, outage_deadline: Duration) -> Self {
        Self {
            lanes: Vec::new(),
            by_name: HashMap::new(),
            homes: Vec::with_capacity(steps),
            timers: BinaryHeap::new(),
            outage_deadline,
        }
    }

    /// Adds the next step of the plan, and its lane if that is new.
    pub(super) fn admit(
        &mut self,
        step: &Step,
        backends: &[OpenBackend],
        pinned: Option<usize>,
        now: Instant,
    ) {
        let name = &step.target.backend;
        let lane = match self.by_name.get(name) {
            Some(lane) => *lane,
            None => {
                let open = backends.iter().find(|open| open.name == *name).cloned();
                self.lanes.push(Lane::new(open, pinned, now));
                let lane = LaneNo(self.lanes.len() - 1);
                self.by_name.insert(name.clone(), lane);
                lane
            }
        };
        let rank = step.class.rank();
        self.lanes[lane.0].admitted += 1;
        self.lanes[lane.0].unfinished += 1;
        self.lanes[lane.0].unfinished_of_rank[rank] += 1;
        let open = self.lanes[lane.0].open.as_ref();
        self.homes.push(Home {
            lane,
            rank,
            ends_by_deletion: open
                .is_none_or(|open| open.capabilities.can(step.target.kind).end_by_delete),
        });
    }

    /// The numbers of all lanes.
    pub(super) fn numbers(&self) -> impl Iterator<Item = LaneNo> + use<> {
        (0..self.lanes.len()).map(LaneNo)
    }

    /// The lane of a step.
    pub(super) fn of(&self, step: StepNo) -> LaneNo {
        self.homes[step.index()].lane
    }

    /// The backend of a lane. `None` if the plan names one that is not open.
    pub(super) fn backend(&self, lane: LaneNo) -> Option<&OpenBackend> {
        self.lanes[lane.0].open.as_ref()
    }

    /// Puts a step into the queue of its backend.
    pub(super) fn queue(&mut self, step: StepNo, urgency: Urgency) {
        self.lane_of(step).ready.push(Reverse((urgency, step)));
    }

    /// Lets a step become due at a time.
    pub(super) fn sleep(&mut self, step: StepNo, until: Instant) {
        self.timers.push(Reverse((until, step)));
    }

    /// Pays for a retry of a step, unless others wait for that already.
    pub(super) fn pay(&mut self, step: StepNo, now: Instant) -> bool {
        let lane = self.lane_of(step);
        lane.parked.is_empty() && lane.budget.take(now)
    }

    /// Lets a step wait for the budget to pay for its retry, which is not to begin before a time.
    pub(super) fn park(&mut self, step: StepNo, not_before: Instant) {
        self.lane_of(step).parked.push_back((not_before, step));
    }

    /// The next parked step that can go on from a time on, and whether the budget paid for it: as far as
    /// the budget pays, and [some](Lane::free_retries) when nothing else is left. Those that do not wait any more are left out.
    pub(super) fn unpark(
        &mut self,
        lane: LaneNo,
        now: Instant,
        waits: impl Fn(StepNo) -> bool,
    ) -> Option<(Instant, StepNo, bool)> {
        let lane = &mut self.lanes[lane.0];
        while let Some((not_before, step)) = lane.parked.front().copied() {
            let waits = waits(step);
            let paid = waits && lane.budget.take(now);
            if waits && !paid && lane.active >= lane.free_retries() {
                return None;
            }
            lane.parked.pop_front();
            if waits {
                return Some((not_before.max(now), step, paid));
            }
        }
        None
    }

    /// For how long no step of the backend of this one has ended well.
    pub(super) fn quiet(&self, step: StepNo, now: Instant) -> Duration {
        let lane = &self.lanes[self.of(step).0];
        now.saturating_duration_since(lane.went_on)
    }

    /// Whether a backend that asks for fewer requests means the one request that it was asked.
    pub(super) fn refuses_by_chance(&self, step: StepNo) -> bool {
        self.lanes[self.of(step).0].answers.refuses_by_chance()
    }

    /// How long such a request waits, which holds nothing else up.
    pub(super) fn wait_for_chance(&self, error: &Error, random: &mut fastrand::Rng) -> Duration {
        let asked = error.retry_after.unwrap_or(FIRST_RATE_PAUSE);
        asked
            .min(MAX_RETRY_AFTER)
            .mul_f64(1.0 + random.f64() / 10.0)
    }

    /// The backend took a request: what the step's retries took of the budget is given back.
    pub(super) fn give_back(&mut self, step: StepNo, retries: u32) {
        self.lane_of(step).budget.give_back(retries);
    }

    /// Lets a step wait for the second round of its backend.
    pub(super) fn second_round(&mut self, step: StepNo) {
        self.lane_of(step).second_round.push(step);
    }

    /// The steps of the second round, once only what waits for it, or behind it, is left.
    pub(super) fn begin_second_round(&mut self, lane: LaneNo) -> Vec<StepNo> {
        let lane = &mut self.lanes[lane.0];
        if lane.active > 0 {
            return Vec::new();
        }
        std::mem::take(&mut lane.second_round)
    }

    /// The next step of a lane that may start now. It counts as in flight when [`launched`](Self::launched).
    pub(super) fn next_ready(&mut self, lane: LaneNo) -> Option<StepNo> {
        let lane = &mut self.lanes[lane.0];
        if !lane.can_start() {
            return None;
        }
        lane.ready.pop().map(|Reverse((_, step))| step)
    }

    /// Counts a step as in flight, and says with which limit if that is in full use.
    pub(super) fn launched(&mut self, step: StepNo) -> Option<usize> {
        let lane = self.lane_of(step);
        lane.in_flight += 1;
        let limit = lane.limit.now();
        (lane.in_flight == limit).then_some(limit)
    }

    /// Takes what an attempt that has ended says about its backend, however the step goes on, and answers whether
    /// the backend is unreachable.
    pub(super) fn landed(&mut self, step: StepNo, landing: Landing<'_>) -> bool {
        let Home { lane, rank, .. } = self.homes[step.index()];
        let lane = &mut self.lanes[lane.0];
        lane.in_flight -= 1;
        if !matches!(landing, Landing::Lost(_)) {
            let refused = matches!(landing, Landing::RateLimited);
            lane.answers.note(refused);
        }
        match landing {
            Landing::Lost(error) => {
                let closed = !matches!(lane.gate, Gate::Open);
                lane.lost(error) || closed
            }
            Landing::Refused | Landing::RateLimited => {
                lane.answered();
                false
            }
            Landing::Succeeded(took) => {
                lane.limit.succeeded();
                lane.answered();
                if let Some(took) = took {
                    lane.limit.learn(Sample {
                        class: LatencyClass {
                            asks_to_end: took.asks_to_end,
                            rank,
                        },
                        latency: took.time,
                        limit: took.limit,
                    });
                }
                false
            }
        }
    }

    /// Keeps count of the active steps of each backend.
    pub(super) fn moved(&mut self, step: StepNo, from: Phase, to: Phase) {
        let lane = self.lane_of(step);
        lane.active = lane.active + usize::from(to.is_active()) - usize::from(from.is_active());
    }

    /// A step has its outcome. One that ended well gives back what its retries took of the budget.
    pub(super) fn finished(&mut self, step: StepNo, gives_back: Option<u32>) {
        let Home { lane, rank, .. } = self.homes[step.index()];
        let lane = &mut self.lanes[lane.0];
        lane.unfinished -= 1;
        lane.unfinished_of_rank[rank] -= 1;
        if let Some(retries) = gives_back {
            lane.went_on = Instant::now();
            lane.ended_well += 1;
            lane.budget.give_back(retries);
        }
    }

    /// Whether something that goes before a step in the order of deletion is not finished.
    pub(super) fn goes_after_others(&self, step: StepNo) -> bool {
        let Home { lane, rank, .. } = self.homes[step.index()];
        let before = &self.lanes[lane.0].unfinished_of_rank[..rank];
        before.iter().any(|count| *count > 0)
    }

    /// How long a successful change takes lately at the backend of a step; zero as long as there was none.
    pub(super) fn typical(&self, step: StepNo) -> Duration {
        self.lanes[self.of(step).0].limit.typical()
    }

    /// Whether what runs is asked to end by a request of its own, as an attempt does it. Where the deletion
    /// itself ends it, nothing is shared, and what was begun must not wait behind all that is to be begun.
    pub(super) fn asks_first(&self, step: StepNo, action: Action) -> bool {
        match action {
            Action::Stop { .. } | Action::Archive { .. } => true,
            Action::Delete { force, .. } => {
                force == Force::OnRetry || !self.homes[step.index()].ends_by_deletion
            }
        }
    }

    /// Whether a backend is asked for anything now.
    pub(super) fn is_open(&self, lane: LaneNo) -> bool {
        matches!(self.lanes[lane.0].gate, Gate::Open)
    }

    /// How the steps of a backend end that is asked for nothing more.
    pub(super) fn stopped(&self, lane: LaneNo) -> Option<&Verdict> {
        match &self.lanes[lane.0].gate {
            Gate::Stopped(verdict) => Some(verdict),
            _ => None,
        }
    }

    /// Asks a backend for nothing more.
    pub(super) fn stop(&mut self, lane: LaneNo, verdict: Verdict) {
        self.lanes[lane.0].gate = Gate::Stopped(verdict);
    }

    /// Gives a backend time, and says how much if that is news.
    pub(super) fn pause(
        &mut self,
        lane: LaneNo,
        error: &Error,
        probe: bool,
        now: Instant,
        random: &mut fastrand::Rng,
    ) -> Option<Duration> {
        self.lanes[lane.0].pause(error, probe, now, random)
    }

    /// Opens the gate of a backend again.
    pub(super) fn reopen(&mut self, lane: LaneNo) {
        let lane = &mut self.lanes[lane.0];
        lane.gate = Gate::Open;
        lane.answered();
    }

    /// The probe of a backend has ended without opening its gate.
    pub(super) fn probe_failed(&mut self, lane: LaneNo) {
        if let Gate::Paused(pause) = &mut self.lanes[lane.0].gate {
            pause.probing = false;
        }
    }

    /// The next step that is due.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<StepNo> {
        let Reverse((at, _)) = self.timers.peek()?;
        if *at > now {
            return None;
        }
        self.timers.pop().map(|Reverse((_, step))| step)
    }

    /// Opens the gate of a backend, or says that it is time to probe it or to give up on it.
    pub(super) fn gate_due(&mut self, lane: LaneNo, now: Instant) -> Option<GateDue> {
        let is_due = self.lanes[lane.0].wakes_at().is_some_and(|at| at <= now);
        let Gate::Paused(pause) = &mut self.lanes[lane.0].gate else {
            return None;
        };
        if !is_due {
            return None;
        }
        if now - pause.since >= self.outage_deadline {
            let detail = format!(
                "the backend was unreachable for {}: {}",
                humantime::format_duration(self.outage_deadline),
                pause.error.message
            );
            let verdict = Verdict::new(StepResult::Deferred, detail);
            return Some(GateDue::GaveUp(verdict.with_hint(pause.error.hint.clone())));
        }
        if pause.probe {
            pause.probing = true;
            return Some(GateDue::Probe);
        }
        self.reopen(lane);
        Some(GateDue::Reopened)
    }

    /// When something is due next.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        let gates = self.lanes.iter().filter_map(Lane::wakes_at);
        let budgets = self.lanes.iter().filter_map(Lane::pays_at);
        timer.into_iter().chain(gates).chain(budgets).min()
    }

    fn lane_of(&mut self, step: StepNo) -> &mut Lane {
        &mut self.lanes[self.homes[step.index()].lane.0]
    }
}

impl Lane {
    fn new(open: Option<OpenBackend>, pinned: Option<usize>, now: Instant) -> Self {
        let capabilities = open.as_ref().map(|open| open.capabilities.clone());
        let suits = capabilities.as_ref().map_or(1, |can| can.concurrency);
        Self {
            open,
            gate: Gate::Open,
            ready: BinaryHeap::new(),
            in_flight: 0,
            second_round: Vec::new(),
            parked: VecDeque::new(),
            budget: Budget::new(now),
            answers: Answers::default(),
            went_on: now,
            admitted: 0,
            ended_well: 0,
            unfinished: 0,
            active: 0,
            unfinished_of_rank: [0; Class::COUNT],
            limit: Limit::new(suits, pinned),
            lost_in_row: 0,
        }
    }

    fn can_start(&self) -> bool {
        matches!(self.gate, Gate::Open)
            && self.in_flight < self.limit.now()
            && !self.ready.is_empty()
    }

    /// How many parked steps go on at once when nothing else is left. As many as of the calls at once that the backend gets
    /// are likely to be good: to one that is sick, one.
    fn free_retries(&self) -> usize {
        (self.limit.now() * self.ended_well / self.admitted.max(1)).max(1)
    }

    /// When the gate has to be looked at again.
    fn wakes_at(&self) -> Option<Instant> {
        match &self.gate {
            Gate::Paused(pause) if !pause.probing && self.unfinished > 0 => Some(pause.until),
            _ => None,
        }
    }

    /// When the budget pays for the retry of the first parked step.
    fn pays_at(&self) -> Option<Instant> {
        (!self.parked.is_empty()).then(|| self.budget.next())
    }

    /// Notes a call that the backend did not answer, and says whether that is an outage.
    fn lost(&mut self, error: &Error) -> bool {
        self.lost_in_row += 1;
        error.nobody_listens() || self.lost_in_row >= LOST_IN_ROW
    }

    /// Notes an answer, good or bad.
    fn answered(&mut self) {
        self.lost_in_row = 0;
    }

    /// Gives the backend time, and says how much if that is news.
    fn pause(
        &mut self,
        error: &Error,
        probe: bool,
        now: Instant,
        random: &mut fastrand::Rng,
    ) -> Option<Duration> {
        let asked = error.retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        let (since, times) = match &mut self.gate {
            Gate::Stopped(_) => return None,
            // The probe that is under way says more than a call that was sent before it.
            Gate::Paused(pause) if pause.probing => return None,
            // One outage fails every call in flight, and it is one pause all the same.
            Gate::Paused(pause) if pause.until > now => {
                pause.until = pause.until.max(now + asked);
                pause.probe |= probe;
                return None;
            }
            Gate::Paused(pause) => (pause.since, pause.times + 1),
            Gate::Open => self.limit.note_pause(now),
        };
        if !probe {
            self.limit.cut();
        }
        let (first, longest) = if probe {
            (FIRST_PROBE, MAX_PROBE_INTERVAL)
        } else {
            (FIRST_RATE_PAUSE, MAX_RATE_PAUSE)
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
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tbengine_sdk::ErrorKind;
    use tbengine_sdk::error::NOBODY_LISTENS;

    use super::*;
    use crate::apply::attempt::Next;
    use crate::kinds::Kinds;

    const A: LaneNo = LaneNo(0);
    const B: LaneNo = LaneNo(1);
    const OUTAGE: Duration = Duration::from_secs(600);

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn no(index: usize) -> StepNo {
        StepNo::new(index)
    }

    /// Lanes with these steps, by backend and kind, and two calls at once.
    fn lanes(steps: &[(&str, &str)], now: Instant) -> Lanes {
        let mut lanes = Lanes::new(steps.len(), OUTAGE);
        for (backend, kind) in steps {
            let class = Kinds::default().class(backend, kind.parse().unwrap());
            let step = json!({
                "target": {
                    "backend": backend,
                    "account": "account",
                    "kind": kind,
                    "native": "id",
                },
                "class": class,
                "name": "one",
                "state": "exited",
                "action": { "do": "delete", "force": "always", "grace-ms": 0 },
                "reason": "the test says so",
            });
            let step: Step = serde_json::from_value(step).unwrap();
            lanes.admit(&step, &[], Some(2), now);
        }
        lanes
    }

    fn containers(count: usize, now: Instant) -> Lanes {
        lanes(&vec![("a", "container"); count], now)
    }

    fn unanswered() -> Error {
        Error::new(ErrorKind::Unavailable, "no answer").with_hint("is it up?")
    }

    fn random() -> fastrand::Rng {
        fastrand::Rng::with_seed(1)
    }

    /// Uses up the budget of the first lane.
    fn spend_budget(lanes: &mut Lanes, now: Instant) {
        while lanes.pay(no(0), now) {}
    }

    #[test]
    fn each_backend_has_a_lane_in_the_order_of_the_plan() {
        let now = Instant::now();
        let steps = [("b", "container"), ("a", "container"), ("b", "network")];
        let lanes = lanes(&steps, now);
        assert_eq!(lanes.numbers().collect::<Vec<_>>(), [A, B]);
        assert_eq!(
            [lanes.of(no(0)), lanes.of(no(1)), lanes.of(no(2))],
            [A, B, A]
        );
        assert!(lanes.backend(A).is_none(), "none is open");
    }

    #[test]
    fn urgent_steps_go_first_and_then_those_of_the_plan_up_to_the_limit() {
        let now = Instant::now();
        let mut lanes = containers(4, now);
        for index in [2, 0, 3] {
            lanes.queue(no(index), Urgency::Normal);
        }
        lanes.queue(no(1), Urgency::AskToEnd);
        assert_eq!(lanes.next_ready(A), Some(no(1)));
        assert_eq!(lanes.launched(no(1)), None, "there is room for another");
        assert_eq!(lanes.next_ready(A), Some(no(0)));
        assert_eq!(lanes.launched(no(0)), Some(2), "the limit is in full use");
        assert_eq!(lanes.next_ready(A), None);
        assert!(!lanes.landed(no(1), Landing::Succeeded(None)));
        assert_eq!(lanes.next_ready(A), Some(no(2)));
    }

    #[test]
    fn what_is_asleep_is_due_in_its_turn() {
        let now = Instant::now();
        let mut lanes = containers(2, now);
        lanes.sleep(no(0), now + seconds(2));
        lanes.sleep(no(1), now + seconds(1));
        assert_eq!(lanes.next_due(now), None);
        assert_eq!(lanes.next_wake(), Some(now + seconds(1)));
        assert_eq!(lanes.next_due(now + seconds(2)), Some(no(1)));
        assert_eq!(lanes.next_due(now + seconds(2)), Some(no(0)));
        assert_eq!(
            (lanes.next_due(now + seconds(2)), lanes.next_wake()),
            (None, None)
        );
    }

    #[test]
    fn five_calls_in_a_row_without_an_answer_are_an_outage() {
        let now = Instant::now();
        let mut lanes = containers(1, now);
        let error = unanswered();
        let mut land = |landing: Landing<'_>| {
            lanes.launched(no(0));
            lanes.landed(no(0), landing)
        };
        for landing in [Landing::Refused, Landing::Succeeded(None)] {
            for _ in 0..4 {
                assert!(!land(Landing::Lost(&error)));
            }
            assert!(!land(landing), "an answer is a sign of life");
        }
        for _ in 0..4 {
            assert!(!land(Landing::Lost(&error)));
        }
        assert!(land(Landing::Lost(&error)));
    }

    #[test]
    fn nobody_listening_is_an_outage_at_once_and_so_is_a_closed_gate() {
        let now = Instant::now();
        let mut lanes = containers(1, now);
        let refused = unanswered().with_code(NOBODY_LISTENS);
        lanes.launched(no(0));
        assert!(lanes.landed(no(0), Landing::Lost(&refused)));
        let mut lanes = containers(1, now);
        lanes.pause(A, &unanswered(), true, now, &mut random());
        lanes.launched(no(0));
        assert!(lanes.landed(no(0), Landing::Lost(&unanswered())));
    }

    #[test]
    fn a_backend_that_asks_for_time_gets_it_and_goes_on_by_itself() {
        let now = Instant::now();
        let mut lanes = containers(1, now);
        lanes.queue(no(0), Urgency::Normal);
        let error = Error::new(ErrorKind::RateLimited, "slow down").with_retry_after(seconds(10));
        let wait = lanes.pause(A, &error, false, now, &mut random()).unwrap();
        assert!(wait >= seconds(10) && wait <= seconds(11), "{wait:?}");
        assert_eq!(lanes.next_ready(A), None);
        assert_eq!(lanes.next_wake(), Some(now + wait));
        assert_eq!(
            lanes.pause(A, &error, false, now, &mut random()),
            None,
            "no news"
        );
        assert_eq!(lanes.gate_due(A, now), None);
        assert_eq!(lanes.gate_due(A, now + wait), Some(GateDue::Reopened));
        assert_eq!(lanes.gate_due(A, now + wait), None);
        assert_eq!(lanes.next_ready(A), Some(no(0)));
    }

    #[test]
    fn an_unreachable_backend_is_probed_until_it_answers_or_for_too_long() {
        let now = Instant::now();
        let mut lanes = containers(1, now);
        let wait = lanes
            .pause(A, &unanswered(), true, now, &mut random())
            .unwrap();
        assert_eq!(lanes.gate_due(A, now + wait), Some(GateDue::Probe));
        assert_eq!(
            lanes.gate_due(A, now + seconds(9)),
            None,
            "one probe at a time"
        );
        assert_eq!(lanes.next_wake(), None);
        lanes.probe_failed(A);
        let at = now + wait;
        let wait = lanes
            .pause(A, &unanswered(), true, at, &mut random())
            .unwrap();
        assert!(wait >= FIRST_PROBE * 2, "{wait:?}");
        let gave_up = lanes.gate_due(A, now + OUTAGE);
        let detail = "the backend was unreachable for 10m: no answer";
        let verdict = Verdict::new(StepResult::Deferred, detail);
        let verdict = verdict.with_hint(Some("is it up?".into()));
        assert_eq!(gave_up, Some(GateDue::GaveUp(verdict)));
    }

    #[test]
    fn a_backend_that_is_stopped_is_asked_for_nothing_more() {
        let now = Instant::now();
        let mut lanes = lanes(&[("a", "container"), ("b", "container")], now);
        lanes.queue(no(0), Urgency::Normal);
        lanes.queue(no(1), Urgency::Normal);
        let verdict = Verdict::new(StepResult::Denied, "no");
        lanes.stop(A, verdict.clone());
        assert_eq!((lanes.stopped(A), lanes.stopped(B)), (Some(&verdict), None));
        assert_eq!(
            lanes.pause(A, &unanswered(), true, now, &mut random()),
            None
        );
        assert_eq!(lanes.next_ready(A), None);
        assert_eq!(lanes.next_ready(B), Some(no(1)), "the others go on");
    }

    #[test]
    fn parked_steps_wait_for_the_budget_or_until_nothing_else_is_active() {
        let now = Instant::now();
        let mut lanes = containers(4, now);
        let active = Phase::Sleeping(Next::Act);
        lanes.moved(no(0), Phase::Parked, active);
        spend_budget(&mut lanes, now);
        for index in 1..4 {
            lanes.park(no(index), now + seconds(index as u64));
        }
        let waits = |step| step != no(1);
        assert_eq!(lanes.unpark(A, now, waits), None, "another step is active");
        // The first one does not wait any more, and the budget pays for the second after a while.
        let later = lanes.next_wake().unwrap();
        assert!(
            later > now && later < now + seconds(15),
            "{:?}",
            later - now
        );
        assert_eq!(lanes.unpark(A, later, waits), Some((later, no(2), true)));
        assert!(
            !lanes.pay(no(0), later),
            "the budget is for those that wait"
        );
        assert_eq!(lanes.unpark(A, later, waits), None);
        // Nothing else is left, so one goes on for nothing, and not before its time.
        lanes.moved(no(0), active, Phase::Done);
        assert_eq!(
            lanes.unpark(A, now, waits),
            Some((now + seconds(3), no(3), false))
        );
        assert_eq!(lanes.unpark(A, now, waits), None);
    }

    #[test]
    fn the_budget_gets_back_what_paid_off() {
        let now = Instant::now();
        let mut lanes = containers(10, now);
        spend_budget(&mut lanes, now);
        lanes.give_back(no(0), 1);
        assert!(lanes.pay(no(1), now) && !lanes.pay(no(1), now));
        lanes.finished(no(0), Some(1));
        assert!(lanes.pay(no(1), now) && !lanes.pay(no(1), now));
        for index in 1..10 {
            lanes.finished(no(index), None);
        }
        assert!(!lanes.pay(no(1), now), "a failure gives nothing back");
    }

    #[test]
    fn the_second_round_begins_when_nothing_else_is_active() {
        let now = Instant::now();
        let mut lanes = containers(2, now);
        let active = Phase::Ready(Next::Act);
        lanes.moved(no(0), Phase::Blocked { on: 0 }, active);
        lanes.second_round(no(1));
        assert_eq!(lanes.begin_second_round(A), []);
        lanes.moved(no(0), active, Phase::Done);
        assert_eq!(lanes.begin_second_round(A), [no(1)]);
        assert_eq!(lanes.begin_second_round(A), []);
    }

    #[test]
    fn what_is_used_goes_after_what_uses_it_at_the_same_backend() {
        let now = Instant::now();
        let steps = [("a", "container"), ("a", "network"), ("b", "network")];
        let mut lanes = lanes(&steps, now);
        let after = |lanes: &Lanes| [0, 1, 2].map(|index| lanes.goes_after_others(no(index)));
        assert_eq!(after(&lanes), [false, true, false]);
        lanes.finished(no(0), None);
        assert_eq!(after(&lanes), [false, false, false]);
    }

    #[test]
    fn how_long_a_change_takes_is_learnt_from_changes() {
        let now = Instant::now();
        let mut lanes = containers(1, now);
        lanes.launched(no(0));
        lanes.landed(no(0), Landing::Succeeded(None));
        assert_eq!(lanes.typical(no(0)), Duration::ZERO);
        lanes.launched(no(0));
        let took = Timing {
            asks_to_end: false,
            time: seconds(3),
            limit: None,
        };
        lanes.landed(no(0), Landing::Succeeded(Some(took)));
        assert_eq!(lanes.typical(no(0)), seconds(3));
    }
}
