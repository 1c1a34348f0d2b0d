//! Owns the state of a run: starts moves, hears how they ended, decides what is next.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::{Account, Error, ErrorKind};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::executor::Moved;
use super::lane::{Lane, Stopped};
use super::limit::{Sample, Sort};
use super::progress::{Next, Phase, Progress};
use super::{ApplyOptions, Control};
use crate::clock::RunClock;
use crate::duration::millis;
use crate::plan::{Plan, PlanHeader, Step};
use crate::policy::{Policy, RetryAdvice};
use crate::report::outcome::ResourceIdText;
use crate::report::{Event, EventKind, Outcome, Report, Reporter, StepResult};

/// The loop that applies a plan.
pub(super) struct Dispatcher<'a, 'r> {
    pub(super) header: PlanHeader,
    pub(super) steps: Vec<Progress>,
    pub(super) lanes: Vec<Lane>,
    pub(super) options: &'a ApplyOptions,
    pub(super) random: fastrand::Rng,
    pub(super) policy: Arc<dyn Policy>,
    pub(super) clock: RunClock,
    reporter: &'a mut Reporter<'r>,
    pub(super) outcomes: Vec<Option<Outcome>>,
    pub(super) timers: BinaryHeap<Reverse<(Instant, usize)>>,
    pub(super) moves: JoinSet<Heard>,
    pub(super) unfinished: usize,
    /// Why nothing more is started, once that is so.
    pub(super) ending: Option<Ending>,
    /// When the run is out of time.
    pub(super) deadline: Option<Instant>,
    /// How often a retry had to wait for the budget.
    pub(super) parked_retries: usize,
}

/// Why nothing more is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Interrupted,
    FailFast,
    /// The run's deadline has passed.
    OutOfTime,
}

/// What comes back from a spawned task.
pub(super) enum Heard {
    Moved(usize, Moved, Took, RetryAdvice),
    Probed(usize, Result<Account, Error>),
}

/// How long a move took, and with which limit it began if that was in full use.
pub(super) struct Took {
    pub(super) time: Duration,
    pub(super) limit: Option<usize>,
}

impl<'a, 'r> Dispatcher<'a, 'r> {
    pub(super) fn new(
        plan: Plan,
        backends: &[OpenBackend],
        policy: Arc<dyn Policy>,
        options: &'a ApplyOptions,
        clock: RunClock,
        reporter: &'a mut Reporter<'r>,
    ) -> Self {
        let now = Instant::now();
        let mut lanes: Vec<Lane> = Vec::new();
        let mut lane_of: HashMap<Arc<str>, usize> = HashMap::new();
        let mut steps: Vec<Progress> = Vec::with_capacity(plan.steps.len());
        for (place, step) in plan.steps.into_iter().enumerate() {
            let name = step.target.backend.clone();
            let lane = *lane_of.entry(name.clone()).or_insert_with(|| {
                let open = backends.iter().find(|open| open.name == name).cloned();
                lanes.push(Lane::new(open, options.concurrency, now));
                lanes.len() - 1
            });
            for before in &step.after {
                steps[*before].dependents.push(place);
            }
            lanes[lane].unfinished += 1;
            lanes[lane].unfinished_of_rank[rank(&step)] += 1;
            steps.push(Progress::new(step, lane));
        }
        // One run id, one schedule.
        let seed = plan
            .header
            .run
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Self {
            header: plan.header,
            outcomes: steps.iter().map(|_| None).collect(),
            unfinished: steps.len(),
            steps,
            lanes,
            options,
            random: fastrand::Rng::with_seed(seed),
            policy,
            clock,
            reporter,
            timers: BinaryHeap::new(),
            moves: JoinSet::new(),
            ending: None,
            deadline: options.deadline.map(|deadline| now + deadline),
            parked_retries: 0,
        }
    }

    pub(super) async fn run(mut self, control: &Control) -> Report {
        self.emit(EventKind::RunStarted {
            run: self.header.run.clone(),
            steps: self.steps.len(),
        });
        for place in 0..self.steps.len() {
            if self.steps[place].waits_for == 0 {
                self.make_ready(place, Next::Act);
            }
        }
        self.stop_lanes_without_backend();
        loop {
            self.wake(Instant::now());
            if !control.stop.is_cancelled() {
                self.start_what_can_start();
            }
            if self.unfinished == 0 {
                break;
            }
            let wake_at = self.next_wake();
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
                Some(heard) = self.moves.join_next() => self.hear(heard),
                () = sleep_until(wake_at), if wake_at.is_some() => {}
            }
        }
        self.report()
    }

    /// Whether the deadline still can end the run.
    fn is_timed(&self) -> bool {
        self.deadline.is_some() && matches!(self.ending, None | Some(Ending::FailFast))
    }

    fn hear(&mut self, heard: Result<Heard, tokio::task::JoinError>) {
        match heard {
            Ok(Heard::Moved(place, moved, took, advice)) => {
                self.steps[place].spent += took.time;
                self.learn(place, &moved, &took);
                self.moved(place, moved, advice);
            }
            Ok(Heard::Probed(lane, answer)) => self.probed(lane, answer),
            // Calls of backends contain their panics, so this is a defect of the engine itself.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => {}
        }
    }

    /// What a move says about its backend, however the step goes on.
    fn learn(&mut self, place: usize, moved: &Moved, took: &Took) {
        let progress = &mut self.steps[place];
        let lane = &mut self.lanes[progress.lane];
        lane.in_flight -= 1;
        match moved {
            Moved::Failed { error, .. } if error.kind == ErrorKind::Unavailable => return,
            Moved::Failed { .. } => {}
            _ => lane.succeeded(),
        }
        lane.answered();
        progress.lost_in_row = 0;
        let acted = matches!(
            moved,
            Moved::AskedToEnd
                | Moved::Ended(
                    StepResult::Deleted | StepResult::Stopped | StepResult::Archived,
                    _
                )
        );
        if acted && matches!(progress.phase, Phase::Moving(Next::Act | Next::GoOn)) {
            lane.limit.learn(Sample {
                sort: Sort {
                    asks_to_end: matches!(moved, Moved::AskedToEnd),
                    rank: rank(&progress.step),
                },
                latency: took.time,
                limit: took.limit,
            });
        }
    }

    fn moved(&mut self, place: usize, moved: Moved, advice: RetryAdvice) {
        let now = Instant::now();
        match moved {
            Moved::Ended(result, detail) => self.finish(place, result, detail, None),
            Moved::AskedToEnd => {
                let progress = &mut self.steps[place];
                let grace = progress.step.action.grace();
                progress.asked_to_end = true;
                progress.sent = true;
                progress.grace_until = Some(now + grace);
                progress.watched = Default::default();
                let event = EventKind::StopRequested {
                    step: place,
                    id: self.id(place),
                    grace_ms: millis(grace),
                };
                self.emit(event);
                if grace.is_zero() {
                    self.make_ready(place, Next::GoOn);
                } else {
                    self.watch(place, Next::WatchEnd, now);
                }
            }
            Moved::StillRuns => self.still_runs(place, now),
            Moved::EndedRunning => {
                self.steps[place].watched = Default::default();
                self.make_ready(place, Next::GoOn);
            }
            Moved::Removing { by_us } => {
                self.steps[place].sent |= by_us;
                self.accepted(place, now);
                self.watch(place, Next::WatchRemoval, now);
            }
            Moved::StillThere => self.confirm(place, None),
            Moved::Archiving => {
                self.steps[place].sent = true;
                self.accepted(place, now);
                self.watch(place, Next::WatchArchiving, now);
            }
            Moved::Failed { error, sent } => {
                self.steps[place].sent |= sent;
                self.failed(place, error, advice, now);
            }
        }
    }

    /// It was asked to end. Once it has had its time, force is next; after force, patience.
    fn still_runs(&mut self, place: usize, now: Instant) {
        let progress = &self.steps[place];
        match progress.grace_until {
            Some(until) if now >= until => {
                self.steps[place].grace_until = None;
                self.steps[place].watched = Default::default();
                self.make_ready(place, Next::GoOn);
            }
            _ => self.watch(place, Next::WatchEnd, now),
        }
    }

    fn stop_lanes_without_backend(&mut self) {
        for lane in 0..self.lanes.len() {
            if self.lanes[lane].open.is_none() {
                let stopped = Stopped {
                    result: StepResult::Deferred,
                    detail: "its backend is not configured here".into(),
                    hint: None,
                };
                self.finish_lane(lane, stopped);
            }
        }
    }

    pub(super) fn id(&self, place: usize) -> ResourceIdText {
        ResourceIdText(self.steps[place].step.target.id())
    }

    pub(super) fn elapsed_ms(&self) -> u64 {
        millis(self.clock.elapsed())
    }

    pub(super) fn emit(&mut self, kind: EventKind) {
        let event = Event {
            at: self.clock.now(),
            kind,
        };
        (self.reporter)(&event);
    }
}

/// The place of a step's kind in the order of deletion.
pub(super) fn rank(step: &Step) -> usize {
    usize::from(step.target.kind.deletion_rank())
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
