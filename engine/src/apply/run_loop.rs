//! The loop that applies a plan: it starts attempts, takes their results, and does what the step wants next. It
//! alone reports events, gives outcomes, asks the policy, reads the clock and knows why a run ends.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tbengine_sdk::{Account, Changes, Error, ErrorKind, Owner, Resource, Timestamp};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::attempt::{AttemptResult, Next, StepAttempt};
use super::calls::Calls;
use super::company::Companion;
use super::following::{self, Following};
use super::lanes::{GateDue, Landing, LaneNo, Lanes, Timing, Urgency};
use super::proofs::{self, GroupNo, Proof, ProofDue, Proofs};
use super::question::{self, Question};
use super::retry::{RetryTable, Situation};
use super::state::{Patience, Phase, StepNo, StepState, Steps, Verdict, Wish};
use super::units::Units;
use super::{ApplyOptions, Control, ErrorMode, LAST_CALLS};
use crate::clock::RunClock;
use crate::duration::millis;
use crate::plan::{Plan, PlanHeader, Step};
use crate::policy::{BackendFacts, Policy, PolicyContext, RetryAdvice};
use crate::report::outcome::ResourceIdText;
use crate::report::{Event, EventKind, Outcome, Report, Reporter, StepResult};
use tbengine_sdk::host::{OpenBackend, call};

/// The loop that applies a plan.
pub(super) struct RunLoop<'a, 'r> {
    header: PlanHeader,
    steps: Steps,
    lanes: Lanes,
    proofs: Proofs,
    following: Following,
    units: Units,
    table: RetryTable,
    options: &'a ApplyOptions,
    random: fastrand::Rng,
    policy: Arc<dyn Policy>,
    /// The backends, as the policy sees them.
    backends: Arc<[BackendFacts]>,
    clock: RunClock,
    reporter: &'a mut Reporter<'r>,
    outcomes: Vec<Option<Outcome>>,
    tasks: JoinSet<TaskResult>,
    unfinished: usize,
    /// Why nothing more is started, once that is so.
    ending: Option<Ending>,
    /// When the run is out of time.
    deadline: Option<Instant>,
    /// How often a retry had to wait for the budget.
    parked_retries: usize,
}

/// Why nothing more is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Interrupted,
    FailFast,
    /// The run's deadline has passed.
    OutOfTime,
}

/// What comes back from a spawned task.
enum TaskResult {
    Attempted {
        no: StepNo,
        result: AttemptResult,
        time: Duration,
        /// The limit when it began, if it was in full use then.
        limit: Option<usize>,
        advice: RetryAdvice,
        last_read: Option<Box<Resource>>,
    },
    Probed(LaneNo, Result<Account, Error>),
    Listed {
        group: GroupNo,
        /// What the listing was to prove.
        steps: Vec<StepNo>,
        proof: Result<Proof, Error>,
        time: Duration,
    },
    Followed(LaneNo, Result<Changes, Error>),
}

impl<'a, 'r> RunLoop<'a, 'r> {
    pub(super) fn new(
        plan: Plan,
        backends: &[OpenBackend],
        policy: Arc<dyn Policy>,
        options: &'a ApplyOptions,
        clock: RunClock,
        reporter: &'a mut Reporter<'r>,
    ) -> Self {
        let now = Instant::now();
        let mut steps = Steps::with_capacity(plan.steps.len());
        let mut lanes = Lanes::new(plan.steps.len(), options.outage_deadline);
        let mut proofs = Proofs::default();
        let mut following = Following::new(plan.following);
        let mut units = Units::default();
        for (index, step) in plan.steps.into_iter().enumerate() {
            lanes.admit(&step, backends, options.concurrency, now);
            let lane = lanes.of(StepNo::new(index));
            proofs.admit(&step, lane, lanes.backend(lane));
            following.admit(StepNo::new(index), &step, lane, lanes.backend(lane));
            units.admit(StepNo::new(index), &step, lanes.backend(lane));
            steps.push(step);
        }
        // One run id, one schedule.
        let seed = plan
            .header
            .run
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let facts = backends.iter().map(|open| BackendFacts {
            name: open.name.clone(),
            provider: open.kind.clone(),
            account: plan
                .header
                .accounts
                .get(&open.name)
                .cloned()
                .unwrap_or_default(),
            ..BackendFacts::default()
        });
        Self {
            backends: facts.collect(),
            header: plan.header,
            outcomes: steps.numbers().map(|_| None).collect(),
            unfinished: steps.len(),
            steps,
            lanes,
            proofs,
            following,
            units,
            table: RetryTable {
                schedule: options.retry,
                error_mode: options.error_mode,
            },
            options,
            random: fastrand::Rng::with_seed(seed),
            policy,
            clock,
            reporter,
            tasks: JoinSet::new(),
            ending: None,
            deadline: options.deadline.map(|deadline| clock.after(deadline)),
            parked_retries: 0,
        }
    }

    /// Applies the plan. Every step has its outcome afterwards.
    pub(super) async fn run(mut self, control: &Control) -> Report {
        self.emit(EventKind::RunStarted {
            run: self.header.run.clone(),
            steps: self.steps.len(),
        });
        for no in self.steps.numbers() {
            if self.steps[no].phase() == (Phase::Blocked { on: 0 }) {
                self.make_ready(no, Next::Act);
            }
        }
        self.stop_lanes_without_backend();
        for lane in self.following.lanes() {
            self.follow(lane);
        }
        loop {
            self.wake(Instant::now());
            // Before attempts are started, since what no listing proves is read.
            self.prove_what_is_due(Instant::now());
            if !control.stop.is_cancelled() {
                self.start_what_can_start();
            }
            if self.unfinished == 0 {
                break;
            }
            let proof = self.proofs.next_wake(|lane| self.lanes.is_open(lane));
            let wakes = [self.lanes.next_wake(), proof];
            let wake_at = wakes.into_iter().flatten().min();
            tokio::select! {
                biased;
                () = control.abort.cancelled() => {
                    self.cut_off();
                    break;
                }
                () = control.stop.cancelled(), if self.ending != Some(Ending::Interrupted) => {
                    self.interrupt();
                }
                () = sleep_until(self.deadline), if self.is_timed() => {
                    self.out_of_time();
                }
                Some(result) = self.tasks.join_next() => self.on_result(result),
                () = sleep_until(wake_at), if wake_at.is_some() => {}
            }
        }
        self.report()
    }

    /// Whether the deadline still can end the run.
    fn is_timed(&self) -> bool {
        self.deadline.is_some() && matches!(self.ending, None | Some(Ending::FailFast))
    }

    fn stop_lanes_without_backend(&mut self) {
        for lane in self.lanes.numbers() {
            if self.lanes.backend(lane).is_none() {
                let detail = "its backend cannot be opened, or is not configured here";
                self.finish_lane(lane, Verdict::new(StepResult::Deferred, detail));
            }
        }
    }

    // When it is a step's turn.

    /// Does what is due by now.
    fn wake(&mut self, now: Instant) {
        while let Some(no) = self.lanes.next_due(now) {
            // A step may have ended while it slept.
            if let Phase::Sleeping(next) = self.steps[no].phase() {
                self.make_ready(no, next);
            }
        }
        for lane in self.lanes.numbers() {
            match self.lanes.gate_due(lane, now) {
                None => {}
                Some(GateDue::Probe) => self.probe(lane),
                Some(GateDue::Reopened) => self.resumed(lane),
                Some(GateDue::GaveUp(verdict)) => self.finish_lane(lane, verdict),
            }
            self.unpark(lane, now);
        }
    }

    /// Puts a step into its backend's queue.
    fn make_ready(&mut self, no: StepNo, next: Next) {
        if self.may_go_on(no, next) {
            let state = &self.steps[no];
            let asks = state.will_ask_to_end() && self.lanes.asks_first(no, state.step().action);
            let urgency = if next == Next::Act && asks {
                Urgency::AskToEnd
            } else {
                Urgency::Normal
            };
            self.set_phase(no, Phase::Ready(next));
            self.lanes.queue(no, urgency);
        }
    }

    /// Makes a step ready at a time.
    fn sleep(&mut self, no: StepNo, next: Next, until: Instant) {
        if self.may_go_on(no, next) {
            self.set_phase(no, Phase::Sleeping(next));
            self.lanes.sleep(no, until);
        }
    }

    /// Whether a step gets another attempt. If not, it has its outcome afterwards.
    fn may_go_on(&mut self, no: StepNo, next: Next) -> bool {
        let ends = match self.ending {
            None => false,
            Some(Ending::FailFast) => !self.steps[no].has_begun(next),
            Some(Ending::Interrupted | Ending::OutOfTime) => true,
        };
        if ends {
            self.cancel(no, next);
            return false;
        }
        if let Some(verdict) = self.lanes.stopped(self.lanes.of(no)) {
            let verdict = verdict.clone();
            self.abandon(no, verdict);
            return false;
        }
        true
    }

    fn set_phase(&mut self, no: StepNo, phase: Phase) {
        let from = self.steps[no].to(phase);
        self.lanes.moved(no, from, phase);
        self.proofs.moved(no, from, phase);
    }

    // Starting attempts, each in a task of its own, as far as their backends have room.

    fn start_what_can_start(&mut self) {
        for lane in self.lanes.numbers() {
            while let Some(no) = self.lanes.next_ready(lane) {
                if let Phase::Ready(next) = self.steps[no].phase() {
                    self.start(no, next);
                }
            }
        }
    }

    fn start(&mut self, no: StepNo, next: Next) {
        let Some(open) = self.lanes.backend(self.lanes.of(no)).cloned() else {
            return;
        };
        if next == Next::Act && self.stays_with_its_unit(no) {
            return;
        }
        let begins = Instant::now();
        let until = self.until(no, next, begins);
        if next == Next::Act && self.cannot_finish(no, begins, until) {
            return;
        }
        let elapsed = self.steps[no].begin(next, begins);
        if next == Next::Act {
            let event = EventKind::AttemptStarted {
                step: no.index(),
                id: self.id(no),
                action: self.steps[no].step().action.kind(),
                attempt: self.steps[no].tries().all,
            };
            self.emit(event);
        }
        self.set_phase(no, Phase::Moving(next));
        let state = &self.steps[no];
        let in_round = state.tries().in_round;
        let company = self.company(no, next);
        let attempt = StepAttempt {
            calls: Calls {
                open,
                timeout: self.options.call_timeout,
                until,
            },
            step: state.step().clone(),
            now: self.earliest(&state.step().target.backend),
            asked_to_end: state.asked_to_end(),
            escalated: state.escalated(),
            sent: state.sent(),
            theirs: state.is_theirs(),
            proven_by_listing: self.ending.is_none() && self.proofs.may_wait(no),
            as_listed: state.tries().all == 1
                && self
                    .following
                    .spares_reading(state.step(), self.lanes.of(no)),
            keeps_reads: self.options.ask_policy,
            requests: state.requests().clone(),
            company,
            last_read: Mutex::new(state.last_read().cloned()),
        };
        let asks = self.options.ask_policy;
        let context = asks.then(|| self.policy_context(state.step()));
        let question = Question {
            kind: question::kind_of(&attempt),
            attempt: in_round,
            round: if state.tries().all > in_round { 2 } else { 1 },
        };
        let policy = self.policy.clone();
        let limit = self.lanes.launched(no);
        self.tasks.spawn(async move {
            let result = attempt.make(next).await;
            let time = begins.elapsed();
            let mut advice = RetryAdvice::NoOpinion;
            let mut last_read = None;
            if let (AttemptResult::Failed { error, .. }, Some(context)) = (&result, context) {
                let step = attempt.step.clone();
                last_read = attempt.into_last_read().map(Box::new);
                if question::is_for_policy(error.kind) {
                    let elapsed = elapsed + begins.elapsed();
                    let failure = question.failure(&step, last_read.as_deref(), error, elapsed);
                    advice = question::ask(policy, context, failure).await;
                }
            }
            TaskResult::Attempted {
                no,
                result,
                time,
                limit,
                advice,
                last_read,
            }
        });
    }

    /// Whether a step has ended because another member of its unit has changed: a unit goes or stays as one, as far as
    /// nothing was sent yet.
    fn stays_with_its_unit(&mut self, no: StepNo) -> bool {
        let Some(member) = self.units.changed(no).filter(|_| !self.steps[no].sent()) else {
            return false;
        };
        let detail = self.stays_with(member);
        self.finish(no, Verdict::new(StepResult::Changed, detail));
        true
    }

    /// Why a step stays whose unit has a member that has changed.
    fn stays_with(&self, member: StepNo) -> String {
        let name = &self.steps[member].step().name;
        format!("`{name}` of the same unit has changed")
    }

    /// The other members of the unit of a step, which are compared before its first request.
    fn company(&self, no: StepNo, next: Next) -> Vec<Companion> {
        if next != Next::Act || self.steps[no].sent() {
            return Vec::new();
        }
        let lane = self.lanes.of(no);
        self.units.company(no, &self.steps, |other| {
            self.following.is_untouched(&other.target, lane)
        })
    }

    /// The earlier of the times here and at a provider, for what is protected until a time.
    fn earliest(&self, backend: &str) -> Timestamp {
        let now = self.clock.now();
        now.min(self.header.clocks.now_at(backend, now))
    }

    /// What the policy gets besides a failed attempt.
    fn policy_context(&self, step: &Step) -> PolicyContext {
        PolicyContext {
            claimed: step.known.claimed,
            backends: self.backends.clone(),
            zone: self.options.zone.clone(),
            clocks: self.header.clocks.clone(),
            ..PolicyContext::new(self.clock.now(), self.header.run.clone())
        }
    }

    /// Until when the calls of a step may take.
    fn until(&self, no: StepNo, next: Next, now: Instant) -> Instant {
        let left = match next {
            // It was not tried again for want of time, but the truth is worth one more call.
            Next::LastLook => self.options.call_timeout,
            _ => self
                .options
                .step_deadline
                .saturating_sub(self.steps[no].spent()),
        };
        let until = now + left;
        match self.deadline {
            Some(deadline) => until.min(deadline + LAST_CALLS),
            None => until,
        }
    }

    /// Ends a step whose next attempt would not be finished in time.
    fn cannot_finish(&mut self, no: StepNo, now: Instant, until: Instant) -> bool {
        let typical = self.lanes.typical(no);
        if self
            .deadline
            .is_some_and(|deadline| now + typical > deadline)
        {
            let detail = "no time for an attempt before the run's deadline";
            self.finish(no, Verdict::new(StepResult::Deferred, detail));
            return true;
        }
        let state = &mut self.steps[no];
        if now + typical < until || state.tries().all == 0 {
            return false;
        }
        let (message, hint) = state.last_error().map_or_else(
            || ("attempted".to_owned(), None),
            |error| (error.message.clone(), error.hint.clone()),
        );
        let deadline = humantime::format_duration(self.options.step_deadline);
        let detail = format!("{message}; the step's time limit of {deadline} is used up");
        let verdict = Verdict::new(StepResult::Failed, detail).with_hint(hint);
        let wish = state.finish_failed(verdict, now);
        self.apply_wish(no, wish, now);
        true
    }

    /// Begins the listings that are due, or has those read each that a listing will not prove.
    fn prove_what_is_due(&mut self, now: Instant) {
        let is_cut = matches!(self.ending, Some(Ending::Interrupted | Ending::OutOfTime));
        for (group, lane) in self.proofs.groups() {
            let is_open = self.lanes.is_open(lane);
            if !is_open && !is_cut {
                continue;
            }
            match self.proofs.due(group, now, is_cut) {
                None => {}
                Some(ProofDue::Listing(steps)) if is_open => self.prove(group, lane, steps, now),
                Some(ProofDue::Listing(steps)) => {
                    self.proofs.ended(group, false, Duration::ZERO, now);
                    self.read_each(steps);
                }
                Some(ProofDue::Each(steps)) => self.read_each(steps),
            }
        }
    }

    fn prove(&mut self, group: GroupNo, lane: LaneNo, steps: Vec<StepNo>, begins: Instant) {
        let Some(open) = self.lanes.backend(lane).cloned() else {
            return;
        };
        let kind = self.proofs.kind(group);
        let target = |no: &StepNo| (*no, self.steps[*no].step().target.clone());
        let accepted = steps.iter().map(target).collect();
        let left = self
            .deadline
            .map(|deadline| (deadline + LAST_CALLS).saturating_duration_since(begins));
        let timeout = self.options.call_timeout;
        let timeout = left.map_or(timeout, |left| left.min(timeout));
        self.tasks.spawn(async move {
            let proof = proofs::prove(&open, kind, accepted, timeout).await;
            TaskResult::Listed {
                group,
                steps,
                proof,
                time: begins.elapsed(),
            }
        });
    }

    /// Has those read each that still wait for a proof.
    fn read_each(&mut self, steps: Vec<StepNo>) {
        for no in steps {
            if self.steps[no].awaits_proof() {
                self.make_ready(no, Next::WatchRemoval);
            }
        }
    }

    /// Takes what a listing proves.
    fn listed(
        &mut self,
        group: GroupNo,
        steps: Vec<StepNo>,
        proof: Result<Proof, Error>,
        time: Duration,
    ) {
        self.proofs
            .ended(group, proof.is_ok(), time, Instant::now());
        let proof = match proof {
            Ok(proof) => proof,
            Err(error) => {
                tracing::debug!(%error, "no proof by a listing, so each is read");
                return self.read_each(steps);
            }
        };
        let gone = proof.gone.into_iter().map(|no| (no, true));
        let there = proof.there.into_iter().map(|no| (no, false));
        for (no, is_gone) in gone.chain(there) {
            // A step may have ended while its proof was under way.
            if self.steps[no].awaits_proof() {
                let result = match is_gone {
                    true => AttemptResult::Ended(StepResult::Deleted, None),
                    false => AttemptResult::Removing { by_us: true },
                };
                self.attempted(no, result, RetryAdvice::NoOpinion, false);
            }
        }
    }

    /// Asks a backend what has changed, in the background.
    fn follow(&mut self, lane: LaneNo) {
        let request = self.following.request(lane);
        if let Some((request, open)) = request.zip(self.lanes.backend(lane).cloned()) {
            let timeout = self.options.call_timeout;
            self.tasks.spawn(async move {
                TaskResult::Followed(lane, following::ask(open, request, timeout).await)
            });
        }
    }

    /// Takes in what has changed. What waits for an end looks at once.
    fn followed(&mut self, lane: LaneNo, answer: Result<Changes, Error>) {
        for no in self.following.reported(lane, answer) {
            if let Phase::Sleeping(next @ (Next::WatchEnd | Next::WatchRemoval)) =
                self.steps[no].phase()
            {
                self.make_ready(no, next);
            }
        }
        self.follow(lane);
    }

    fn probe(&mut self, lane: LaneNo) {
        let Some(open) = self.lanes.backend(lane).cloned() else {
            return;
        };
        let timeout = self.options.call_timeout;
        self.tasks.spawn(async move {
            TaskResult::Probed(lane, call("check", timeout, open.backend.check()).await)
        });
    }

    // Taking their results.

    fn on_result(&mut self, result: Result<TaskResult, tokio::task::JoinError>) {
        match result {
            Ok(TaskResult::Attempted {
                no,
                result,
                time,
                limit,
                advice,
                last_read,
            }) => {
                self.steps[no].spend(time);
                if let Some(resource) = last_read {
                    self.steps[no].note_read(resource);
                }
                let landing = landing(self.steps[no].phase(), &result, time, limit);
                let is_lost = matches!(landing, Landing::Lost(_));
                let backend_is_out = self.lanes.landed(no, landing);
                if !is_lost {
                    self.steps[no].answered();
                } else if !backend_is_out {
                    self.steps[no].lost();
                }
                self.attempted(no, result, advice, backend_is_out);
            }
            Ok(TaskResult::Probed(lane, answer)) => self.probed(lane, answer),
            Ok(TaskResult::Listed {
                group,
                steps,
                proof,
                time,
            }) => self.listed(group, steps, proof, time),
            Ok(TaskResult::Followed(lane, answer)) => self.followed(lane, answer),
            // Calls of backends contain their panics, so this is a defect of the engine itself.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => {}
        }
    }

    fn attempted(
        &mut self,
        no: StepNo,
        result: AttemptResult,
        advice: RetryAdvice,
        backend_is_out: bool,
    ) {
        let now = Instant::now();
        match result {
            AttemptResult::AskedToEnd => {
                let event = EventKind::StopRequested {
                    step: no.index(),
                    id: self.id(no),
                    grace_ms: millis(self.steps[no].step().action.grace()),
                };
                self.emit(event);
            }
            AttemptResult::Accepted { .. }
            | AttemptResult::Removing { .. }
            | AttemptResult::Archiving { .. } => {
                self.accepted(no, now);
            }
            _ => {}
        }
        let patience = self.patience(no, now);
        let wish = match self.steps[no].on_result(result, now, patience) {
            Ok(wish) => wish,
            Err(error) => self.decide(no, error, advice, backend_is_out, now),
        };
        self.apply_wish(no, wish, now);
    }

    /// Asks the retry table about an attempt that failed.
    fn decide(
        &mut self,
        no: StepNo,
        error: Error,
        advice: RetryAdvice,
        backend_is_out: bool,
        now: Instant,
    ) -> Wish {
        let patience = self.patience(no, now);
        let state = &mut self.steps[no];
        let at = Situation {
            error: &error,
            always_the_same: state.met_only(&error),
            action: state.step().action.kind(),
            tries: state.tries(),
            last_look: state.is_last_look(),
            others_first: self.lanes.goes_after_others(no),
            backend_is_out,
            is_ending: self.ending.is_some(),
        };
        let decision = self.table.decide(&at, advice, &mut self.random);
        let since_start = self.clock.elapsed();
        state.on_decision(decision, error, since_start, now, patience)
    }

    /// How long a change of a step may still go on.
    fn patience(&self, no: StepNo, now: Instant) -> Patience {
        Patience {
            stuck_after: self.options.stuck_after,
            quiet: self.lanes.quiet(no, now),
        }
    }

    fn apply_wish(&mut self, no: StepNo, wish: Wish, now: Instant) {
        match wish {
            Wish::Ready(next) => self.make_ready(no, next),
            Wish::Sleep(next, until) => self.sleep(no, next, until),
            Wish::Proof => match self.lanes.stopped(self.lanes.of(no)).cloned() {
                Some(verdict) => self.abandon(no, verdict),
                None => {
                    self.set_phase(no, Phase::AwaitsProof);
                    self.proofs.wait(no, now);
                }
            },
            Wish::Retry {
                error,
                after,
                budgeted,
            } => {
                let event = EventKind::AttemptFailed {
                    step: no.index(),
                    id: self.id(no),
                    attempt: self.steps[no].tries().all,
                    error,
                    delay_ms: millis(after),
                };
                self.emit(event);
                self.wait_for_retry(no, now + after, budgeted, now);
            }
            Wish::SecondRound => {
                self.set_phase(no, Phase::SecondRound);
                self.lanes.second_round(no);
                self.begin_second_round(self.lanes.of(no));
            }
            // The backend needs time. No step pays an attempt for that.
            // A refusal among many answers is about the one request.
            Wish::Pause {
                next,
                error,
                probe: false,
            } if self.lanes.refuses_by_chance(no) => {
                let wait = self.lanes.wait_for_chance(&error, &mut self.random);
                self.sleep(no, next, now + wait);
            }
            Wish::Pause { next, error, probe } => {
                self.make_ready(no, next);
                self.pause_lane(self.lanes.of(no), error, probe, now);
            }
            // The backend refuses us: nothing more is sent to it, and all its steps end.
            Wish::StopBackend(error) => {
                let verdict = Verdict::new(StepResult::Denied, error.message.clone());
                self.abandon(no, verdict.with_hint(error.hint.clone()));
                self.stop_backend(self.lanes.of(no), error);
            }
            Wish::LastLook { at, is_failure } => {
                self.sleep(no, Next::LastLook, at);
                // Nothing more is to begin after a failure, and this is one unless that look proves otherwise.
                if is_failure {
                    self.fail_fast();
                }
                self.begin_second_round(self.lanes.of(no));
            }
            Wish::StayWith(member) => {
                self.units.note(member);
                let detail = self.stays_with(member);
                self.finish(no, Verdict::new(StepResult::Changed, detail));
            }
            Wish::End(verdict) => self.finish(no, verdict),
        }
    }

    // The budget and the second round.

    /// Lets a step wait for its next attempt, at the end of the queue while the budget is used up.
    fn wait_for_retry(&mut self, no: StepNo, until: Instant, budgeted: bool, now: Instant) {
        if !budgeted {
            self.sleep(no, Next::Act, until);
        } else if self.lanes.pay(no, now) {
            self.steps[no].pay();
            self.sleep(no, Next::Act, until);
        } else {
            self.parked_retries += 1;
            self.set_phase(no, Phase::Parked);
            self.lanes.park(no, until);
            self.unpark(self.lanes.of(no), now);
        }
    }

    /// The backend took the request, so what the step's retries took of the budget is given back. Where
    /// a change goes on for long after that, the others would else wait for nothing but its end.
    fn accepted(&mut self, no: StepNo, now: Instant) {
        let paid = self.steps[no].take_paid();
        if paid > 0 {
            self.lanes.give_back(no, paid);
            self.unpark(self.lanes.of(no), now);
        }
    }

    /// Lets parked steps go on as far as the budget pays for it, and one of them when nothing else is left.
    fn unpark(&mut self, lane: LaneNo, now: Instant) {
        while let Some((until, no, paid)) = self
            .lanes
            .unpark(lane, now, |no| self.steps[no].phase() == Phase::Parked)
        {
            if paid {
                self.steps[no].pay();
            }
            self.sleep(no, Next::Act, until);
        }
    }

    /// Begins the second round of a backend when only what waits for it, or behind it, is left.
    fn begin_second_round(&mut self, lane: LaneNo) {
        self.unpark(lane, Instant::now());
        for no in self.lanes.begin_second_round(lane) {
            // A step may have ended while it waited.
            if self.steps[no].phase() == Phase::SecondRound {
                let at = self.steps[no].begin_round(Instant::now());
                self.sleep(no, Next::Act, at);
            }
        }
    }

    // What concerns a whole backend.

    fn pause_lane(&mut self, lane: LaneNo, error: Error, probe: bool, now: Instant) {
        let paused = self.lanes.pause(lane, &error, probe, now, &mut self.random);
        if let (Some(delay), Some(open)) = (paused, self.lanes.backend(lane)) {
            let event = EventKind::BackendPaused {
                backend: open.name.clone(),
                error,
                delay_ms: millis(delay),
            };
            self.emit(event);
        }
    }

    /// Takes the answer to a probe.
    fn probed(&mut self, lane: LaneNo, answer: Result<Account, Error>) {
        let open = self.lanes.backend(lane);
        let planned = open.and_then(|open| self.header.accounts.get(&open.name));
        let error = match answer {
            Ok(account) if planned.is_none_or(|id| *id == account.id) => {
                self.lanes.reopen(lane);
                self.resumed(lane);
                return;
            }
            Ok(account) => Error::new(
                ErrorKind::Invalid,
                format!(
                    "the backend now points to another account (`{}`)",
                    account.id
                ),
            ),
            Err(error) => error,
        };
        self.lanes.probe_failed(lane);
        let may_pass = error.kind.gates_backend() || error.kind == ErrorKind::Transient;
        if error.kind.is_critical() {
            self.stop_backend(lane, error);
        } else if !may_pass {
            // It answers that it cannot go on: no probe will bring it back.
            self.abandon_backend(lane, error);
        } else {
            self.pause_lane(lane, error, true, Instant::now());
        }
    }

    fn resumed(&mut self, lane: LaneNo) {
        if let Some(open) = self.lanes.backend(lane) {
            let backend = open.name.clone();
            self.emit(EventKind::BackendResumed { backend });
        }
    }

    fn stop_backend(&mut self, lane: LaneNo, error: Error) {
        if self.lanes.stopped(lane).is_some() {
            return;
        }
        let detail = format!("the backend refused an earlier request: {}", error.message);
        let verdict = Verdict::new(StepResult::Denied, detail).with_hint(error.hint.clone());
        if let Some(open) = self.lanes.backend(lane) {
            let backend = open.name.clone();
            self.emit(EventKind::BackendStopped { backend, error });
        }
        self.finish_lane(lane, verdict);
    }

    /// Stops using a backend whose own code failed: its other steps are deferred to another run.
    fn abandon_backend(&mut self, lane: LaneNo, error: Error) {
        if self.lanes.stopped(lane).is_some() {
            return;
        }
        let detail = format!("the backend does not work any more: {}", error.message);
        let verdict = Verdict::new(StepResult::Deferred, detail).with_hint(error.hint.clone());
        if let Some(open) = self.lanes.backend(lane) {
            let backend = open.name.clone();
            self.emit(EventKind::BackendStopped { backend, error });
        }
        self.finish_lane(lane, verdict);
    }

    /// Asks a backend for nothing more, and ends every step of it that no task has.
    fn finish_lane(&mut self, lane: LaneNo, verdict: Verdict) {
        self.lanes.stop(lane, verdict.clone());
        for no in self.steps.numbers() {
            let state = &self.steps[no];
            if self.lanes.of(no) == lane && !state.is_moving() && !state.is_done() {
                self.abandon(no, verdict.clone());
            }
        }
    }

    // Runs that are cut short: by the operator, by the first failure, or by a deadline.

    /// Told to stop: nothing more begins, what a task has is let finish.
    fn interrupt(&mut self) {
        self.ending = Some(Ending::Interrupted);
        self.emit(EventKind::RunInterrupted {
            in_flight: self.tasks.len(),
        });
        self.cancel_where(|state| !state.is_moving() && !state.awaits_proof());
    }

    /// A step failed for good and the operator wants no more of it.
    fn fail_fast(&mut self) {
        if self.ending.is_none() && self.options.error_mode == ErrorMode::FailFast {
            self.ending = Some(Ending::FailFast);
            self.cancel_where(|state| !state.is_under_way());
        }
    }

    /// The run's deadline has passed: nothing more begins, and what a task has gets a little longer.
    fn out_of_time(&mut self) {
        self.ending = Some(Ending::OutOfTime);
        self.cancel_where(|state| !state.is_moving() && !state.awaits_proof());
    }

    /// Told to end now: tasks are dropped in the middle.
    fn cut_off(&mut self) {
        self.ending = Some(Ending::Interrupted);
        self.tasks.abort_all();
        self.cancel_where(|state| !state.is_moving());
        for no in self.steps.numbers() {
            if !self.steps[no].is_done() {
                let detail = match self.steps[no].requests().were_sent() {
                    true => "interrupted during a request; result unknown",
                    false => "interrupted while it was read; nothing was requested",
                };
                self.finish(no, Verdict::new(StepResult::Cancelled, detail));
            }
        }
    }

    fn cancel_where(&mut self, which: fn(&StepState) -> bool) {
        for no in self.steps.numbers() {
            let state = &self.steps[no];
            if !state.is_done() && which(state) {
                let next = match state.phase() {
                    Phase::Ready(next) | Phase::Sleeping(next) => next,
                    Phase::AwaitsProof => Next::WatchRemoval,
                    _ => Next::Act,
                };
                self.cancel(no, next);
            }
        }
    }

    /// Ends a step because the run ends; `next` is the attempt that it would have made.
    fn cancel(&mut self, no: StepNo, next: Next) {
        let (why, result) = match self.ending {
            Some(Ending::FailFast) => (
                "another step failed first (--fail-fast)",
                StepResult::Cancelled,
            ),
            Some(Ending::OutOfTime) => ("the run's deadline has passed", StepResult::Deferred),
            _ => ("the run was interrupted", StepResult::Cancelled),
        };
        let state = &mut self.steps[no];
        let verdict = match state.take_verdict() {
            Some(verdict) => verdict.and(&format!("{why}, so it was not read again")),
            None => Verdict::new(result, format!("{why}; {}", state.how_far(next))),
        };
        self.finish(no, verdict);
    }

    // Outcomes and the report.

    /// Ends a step whose backend gets no more requests. An unknown result stays visible.
    fn abandon(&mut self, no: StepNo, verdict: Verdict) {
        let verdict = if self.steps[no].sent() {
            verdict.and("request sent, result unknown")
        } else {
            verdict
        };
        self.finish(no, verdict);
    }

    /// Gives a step its one outcome, and releases those that wait for it.
    fn finish(&mut self, no: StepNo, verdict: Verdict) {
        if self.steps[no].is_done() {
            return;
        }
        let result = verdict.result;
        if result == StepResult::Changed {
            self.units.note(no);
        }
        self.set_phase(no, Phase::Done);
        let state = &mut self.steps[no];
        let (outcome, dependents) = state.end(no, verdict);
        let gives_back = (!result.is_failure()).then_some(state.paid());
        self.lanes.finished(no, gives_back);
        self.unfinished -= 1;
        self.outcomes[no.index()] = Some(outcome.clone());
        self.emit(EventKind::StepFinished(outcome));
        for dependent in dependents {
            self.dependent_ended(dependent, no, result);
        }
        if result.is_failure() {
            self.fail_fast();
        }
        self.begin_second_round(self.lanes.of(no));
    }

    fn dependent_ended(&mut self, no: StepNo, dependent: StepNo, result: StepResult) {
        if self.steps[no].is_done() {
            return;
        }
        if matches!(result, StepResult::Deleted | StepResult::AlreadyGone) {
            if self.steps[no].unblock() {
                self.make_ready(no, Next::Act);
            }
            return;
        }
        let detail = format!(
            "still used by {}, which ended as {result}",
            self.id(dependent)
        );
        let result = match result {
            StepResult::Deferred | StepResult::Cancelled | StepResult::Denied => result,
            _ => StepResult::Blocked,
        };
        self.finish(no, Verdict::new(result, detail));
    }

    fn report(mut self) -> Report {
        let outcomes: Vec<Outcome> = std::mem::take(&mut self.outcomes)
            .into_iter()
            .flatten()
            .collect();
        let mut warnings = suspicions(&outcomes);
        warnings.extend(self.returning(&outcomes));
        let report = Report {
            run: self.header.run.clone(),
            earlier: Vec::new(),
            warnings,
            parked_retries: self.parked_retries,
            outcomes,
            interrupted: self.ending == Some(Ending::Interrupted),
            took_ms: millis(self.clock.elapsed()),
        };
        self.emit(EventKind::RunFinished(report.clone()));
        report
    }

    /// What was deleted although its owner makes it anew, by owner, with what to do instead.
    fn returning(&self, outcomes: &[Outcome]) -> Vec<String> {
        let mut by_owner: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        let deleted = outcomes
            .iter()
            .filter(|one| one.result == StepResult::Deleted);
        for outcome in deleted {
            let step = self.steps[StepNo::new(outcome.step)].step();
            if let (Owner::Kept(owner), Some(hint)) = (&step.known.owner, &step.known.hint) {
                let names = by_owner.entry((owner, hint)).or_default();
                names.push(&outcome.name);
            }
        }
        let said = by_owner.into_iter().map(|((owner, hint), mut names)| {
            names.sort_unstable();
            let more = match names.len() {
                1 => " was".to_owned(),
                several => format!(" and {} more were", several - 1),
            };
            format!(
                "`{}`{more} deleted, but {owner} makes such things anew; to end it: {hint}",
                names[0]
            )
        });
        said.collect()
    }

    fn id(&self, no: StepNo) -> ResourceIdText {
        self.steps[no].id()
    }

    fn emit(&mut self, kind: EventKind) {
        let event = Event {
            at: self.clock.now(),
            kind,
        };
        (self.reporter)(&event);
    }
}

/// What an attempt in this phase says about its backend.
fn landing(
    phase: Phase,
    result: &AttemptResult,
    time: Duration,
    limit: Option<usize>,
) -> Landing<'_> {
    let asks_to_end = match result {
        AttemptResult::Failed { error, .. } if error.kind == ErrorKind::Unavailable => {
            return Landing::Lost(error);
        }
        AttemptResult::Failed { error, .. } if error.kind == ErrorKind::RateLimited => {
            return Landing::RateLimited;
        }
        AttemptResult::Failed { .. } => return Landing::Refused,
        AttemptResult::AskedToEnd => true,
        AttemptResult::Accepted { is_done: true } => false,
        AttemptResult::Ended(
            StepResult::Deleted | StepResult::Stopped | StepResult::Archived,
            _,
        ) => false,
        _ => return Landing::Succeeded(None),
    };
    let acted = matches!(phase, Phase::Moving(Next::Act | Next::GoOn));
    Landing::Succeeded(acted.then_some(Timing {
        asks_to_end,
        time,
        limit,
    }))
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// A whole backend where everything was gone before we came smells of the wrong account or region.
fn suspicions(outcomes: &[Outcome]) -> Vec<String> {
    let mut by_backend: HashMap<&Arc<str>, (usize, usize)> = HashMap::new();
    for outcome in outcomes {
        let (gone, all) = by_backend.entry(&outcome.id.0.backend).or_default();
        *gone += usize::from(outcome.result == StepResult::AlreadyGone);
        *all += 1;
    }
    let mut warnings: Vec<String> = by_backend
        .into_iter()
        .filter(|(_, (gone, all))| gone == all && *all >= 3)
        .map(|(backend, (gone, _))| {
            format!(
                "all {gone} resources of backend `{backend}` were already gone: wrong account or region, or is another cleaner running?"
            )
        })
        .collect();
    warnings.sort();
    warnings
}
