//! A run that is in progress: beginning its record, continuing it, and writing it.
//!
//! [`SqliteRun`] is what the caller has. Executors, the reporter and the heartbeat share the rest: the record,
//! the lease, and what stops the run once either is lost.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use tbengine_engine::apply::{Halt, Ledger};
use tbengine_engine::clock::RunClock;
use tbengine_engine::facts::resource_key;
use tbengine_engine::plan::{ActionKind, Plan, Refusal, Safeguard, Step};
use tbengine_engine::report::outcome::ResourceIdText;
use tbengine_engine::report::{Effect, Event, EventKind, Outcome, Report, StepResult};
use tbengine_sdk::{Identity, ResourceId, Timestamp};
use tokio_util::sync::CancellationToken;

use super::claimed::{SqliteClaimedRun, lock};
use super::locks::{BEATS_PER_TTL, Locks, still_claims};
use super::writer::Writer;
use super::{StateDir, database, quarantine};
use crate::entry::approved;
use crate::{Entry, Host, RunLog, StoreError};

/// A run that is in progress, with its record and its claims.
#[derive(Debug)]
pub(super) struct SqliteRun {
    shared: Arc<Shared>,
    // Before anything else is dropped: it uses all of it.
    heartbeat: Heartbeat,
}

impl SqliteRun {
    /// Records the approved plan durably and claims its resources. The caller holds the lock of the run in whose
    /// place it is begun, if there is one.
    pub(super) fn begin(
        state: &StateDir,
        host: &Host,
        plan: &Plan,
        clock: RunClock,
        in_place_of: Option<&str>,
    ) -> Result<Self, StoreError> {
        let run = plan.header.run.clone();
        let now = clock.now();
        clear_unfinished(state, now);
        let unfinished = state.unfinished(&run);
        let file = database::create_file(&unfinished)
            .map_err(|source| StoreError::io("make", &unfinished, source))?;
        lock(&file).map_err(|source| StoreError::io("lock", &unfinished, source))?;
        let begun = || {
            if state.run(&run).exists() {
                return Err(StoreError::RunExists { run: run.clone() });
            }
            let mut locks = Locks::open(state, host)?;
            let targets = plan.steps.iter().map(|step| &step.target);
            let (fence, expires) = locks.take(&run, in_place_of, targets, now)?;
            let began = Entry::Began {
                process: host.process.clone(),
                fence,
            };
            let first = approved(plan).chain([began]);
            match Writer::begin(state, &run, file, now, first) {
                Ok(writer) => Ok((locks, fence, expires, writer)),
                Err(error) => {
                    locks.release(&run, fence, None, |_| Ok(())).ok();
                    Err(error)
                }
            }
        };
        let (locks, fence, expires, writer) = begun().inspect_err(|_| {
            std::fs::remove_file(&unfinished).ok();
        })?;
        let steps_by_id = approved_steps(&plan.steps, |_| false);
        let steps = plan.steps.len();
        Self::start(
            state,
            host,
            run.clone(),
            clock,
            locks,
            (fence, expires, steps),
            writer,
            steps_by_id,
            Vec::new(),
        )
        .inspect_err(|_| Writer::discard(state, &run))
    }

    /// Continues a run with what is left of its plan.
    pub(super) fn resume(
        claimed: SqliteClaimedRun,
        left: &Plan,
        clock: RunClock,
    ) -> Result<Self, StoreError> {
        let SqliteClaimedRun {
            state,
            host,
            file,
            record,
            head: (number, link),
        } = claimed;
        let run = record.run.clone();
        let now = clock.now();
        let mut locks = Locks::open(&state, &host)?;
        let targets = left.steps.iter().map(|step| &step.target);
        let (fence, expires) = locks.take(&run, None, targets, now)?;
        let mut settled = record.settled();
        let steps_then = &record.plan.steps;
        let steps_by_id = approved_steps(steps_then, |step| record.steps[step].intents > 0);
        let staying: HashSet<ResourceId> = left.steps.iter().map(|step| step.target.id()).collect();
        let mut first = vec![Entry::Began {
            process: host.process.clone(),
            fence,
        }];
        for step_number in record.open_steps() {
            let step = &steps_then[step_number];
            if staying.contains(&step.target.id()) {
                continue;
            }
            let effect = match record.steps[step_number].intents {
                0 => Effect::None,
                _ => Effect::Unknown,
            };
            let dropped = dropped(step_number, step, &left.refusals, effect);
            first.push(Entry::Outcome(dropped.clone()));
            settled.push(dropped);
        }
        let path = state.run(&run);
        let begun = Writer::go_on(path, file, number, link).and_then(|mut writer| {
            writer.add(now, first, |_| Ok(None::<()>))?;
            Ok(writer)
        });
        let writer = match begun {
            Ok(writer) => writer,
            Err(error) => {
                locks.release(&run, fence, None, |_| Ok(())).ok();
                return Err(error);
            }
        };
        let steps = left.steps.len();
        Self::start(
            &state,
            &host,
            run,
            clock,
            locks,
            (fence, expires, steps),
            writer,
            steps_by_id,
            settled,
        )
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one thing, put together in one place"
    )]
    fn start(
        state: &StateDir,
        host: &Host,
        run: Arc<str>,
        clock: RunClock,
        locks: Locks,
        (fence, expires, claims): (u64, u64, usize),
        writer: Writer,
        steps_by_id: HashMap<ResourceId, ApprovedStep>,
        settled: Vec<Outcome>,
    ) -> Result<Self, StoreError> {
        writer.attach(&state.shared())?;
        let lease = Lease {
            fence,
            claims,
            expires: AtomicU64::new(expires),
        };
        let shared = Arc::new(Shared {
            run,
            clock,
            host: host.clone(),
            recorder: Mutex::new(Recorder {
                writer,
                later: Vec::new(),
            }),
            locks: Mutex::new(locks),
            lease,
            ended: AtomicBool::new(false),
            halt: OnceLock::new(),
            stop: OnceLock::new(),
            steps_by_id,
            settled,
        });
        let heartbeat = Heartbeat::start(shared.clone())?;
        Ok(Self { shared, heartbeat })
    }
}

impl RunLog for SqliteRun {
    fn run(&self) -> &Arc<str> {
        &self.shared.run
    }

    fn ledger(&self) -> Arc<dyn Ledger> {
        self.shared.clone()
    }

    fn halt(&self) -> Option<Halt> {
        self.shared.halt.get().cloned()
    }

    fn stop_heartbeat(&mut self) {
        self.heartbeat.end();
    }
}

/// What the executors, the reporter and the heartbeat share.
#[derive(Debug)]
struct Shared {
    run: Arc<str>,
    clock: RunClock,
    host: Host,
    /// Closed before the connection to the shared file, so that its log is left alone.
    recorder: Mutex<Recorder>,
    locks: Mutex<Locks>,
    lease: Lease,
    /// Whether the lease was given back.
    ended: AtomicBool,
    halt: OnceLock<Halt>,
    stop: OnceLock<CancellationToken>,
    /// The steps of the approved plan.
    steps_by_id: HashMap<ResourceId, ApprovedStep>,
    /// How steps ended before this process continued the run.
    settled: Vec<Outcome>,
}

/// What this run holds of the shared file.
#[derive(Debug)]
struct Lease {
    /// The fence of its claims.
    fence: u64,
    /// How many resources it claims.
    claims: usize,
    /// When it ends, by the host's uptime.
    expires: AtomicU64,
}

/// The record, and outcomes that need not be written at once.
#[derive(Debug)]
struct Recorder {
    writer: Writer,
    /// Steps that were never begun, or may be begun again: without these rows they count as that.
    later: Vec<Entry>,
}

/// One step of the approved plan.
#[derive(Debug)]
struct ApprovedStep {
    /// Its number there.
    step: usize,
    /// Of what it acts on, that which its id does not say.
    account: Arc<str>,
    created: Option<Timestamp>,
    /// Whether a request was about to be sent before this process continued the run.
    intended: bool,
}

impl ApprovedStep {
    fn identity(&self, id: &ResourceId) -> Identity {
        Identity {
            backend: id.backend.clone(),
            account: self.account.clone(),
            kind: id.kind,
            native: id.native.clone(),
            created: self.created,
        }
    }
}

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
    fn halt(&self, why: Halt) -> &Halt {
        let why = self.halt.get_or_init(|| why);
        if let Some(stop) = self.stop.get() {
            stop.cancel();
        }
        why
    }

    /// Renews the lease, or stops the run: once its time has passed, the shared file has the last word, since
    /// nobody may have taken the claims.
    fn renew_or_halt(&self) -> Result<(), Halt> {
        match self.try_renew() {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.halt(lost()).clone()),
            Err(error) => Err(self.halt(Halt::Journal(error.to_string())).clone()),
        }
    }

    /// Renews the lease; `false` if it is lost.
    fn try_renew(&self) -> Result<bool, StoreError> {
        let head = {
            let recorder = self.recorder();
            (recorder.writer.number, recorder.writer.link)
        };
        let mut locks = lock_of(&self.locks);
        if self.ended.load(Ordering::Acquire) {
            return Ok(true);
        }
        let renewed = locks.renew(&self.run, self.lease.fence, self.lease.claims, head)?;
        if let Some(expires) = renewed {
            self.lease.expires.store(expires, Ordering::Release);
        }
        Ok(renewed.is_some())
    }

    /// Notes that a request is about to be sent, if it still may be.
    fn note_intent(&self, target: &Identity, act: ActionKind, force: bool) -> Result<(), Halt> {
        if let Some(halt) = self.halt.get() {
            return Err(halt.clone());
        }
        if !self.holds() {
            self.renew_or_halt()?;
        }
        let id = target.id();
        let Some(approved) = self.steps_by_id.get(&id) else {
            let why = format!("{id} is not part of the approved plan");
            return Err(self.halt(Halt::Journal(why)).clone());
        };
        let key = resource_key(&approved.identity(&id));
        let intent = Entry::Intent {
            step: approved.step,
            act,
            force,
            fence: self.lease.fence,
        };
        let added = self
            .recorder()
            .writer
            .add(self.clock.now(), [intent], |all| {
                Ok((!still_claims(all, &key, self.lease.fence)?).then_some(()))
            });
        match added {
            Ok(None) => Ok(()),
            Ok(Some(())) => Err(self.halt(lost()).clone()),
            Err(error) => Err(self.halt(Halt::Journal(error.to_string())).clone()),
        }
    }

    /// Adds a row. What cannot be written stops the run.
    fn note(&self, at: Timestamp, entry: Entry) {
        let added = self.recorder().writer.add(at, [entry], |_| Ok(None::<()>));
        if let Err(error) = added {
            self.halt(Halt::Journal(error.to_string()));
        }
    }

    /// Adds the outcome of a step; of one that can be resumed, at the latest at the end.
    fn note_outcome(&self, at: Timestamp, outcome: &Outcome) {
        let entry = Entry::Outcome(outcome.clone());
        if outcome.result == StepResult::Cancelled {
            self.recorder().later.push(entry);
        } else {
            self.note(at, entry);
        }
    }

    /// Ends the record durably and gives the claims back.
    fn end(&self, at: Timestamp, report: &Report) {
        let ended = {
            let mut recorder = self.recorder();
            let mut last = std::mem::take(&mut recorder.later);
            last.push(Entry::Ended {
                interrupted: report.interrupted,
                halted: self.halt.get().map(ToString::to_string),
                took_ms: report.took_ms,
            });
            let writer = &mut recorder.writer;
            let written = writer.add(at, last, |_| Ok(None::<()>));
            written
                .and_then(|_| writer.settle())
                .map(|()| (writer.number, writer.link))
        };
        let (head, failed) = match ended {
            Ok(head) => (Some(head), None),
            Err(error) => (None, Some(error)),
        };
        let mut locks = lock_of(&self.locks);
        self.ended.store(true, Ordering::Release);
        let released = locks.release(&self.run, self.lease.fence, head, |all| {
            quarantine::note(all, &self.run, at, self.identities_of(report))
        });
        drop(locks);
        if let Some(error) = failed.or(released.err()) {
            self.halt(Halt::Journal(error.to_string()));
        }
    }

    /// The outcomes with the identities that they are about.
    fn identities_of<'a>(
        &self,
        report: &'a Report,
    ) -> impl Iterator<Item = (&'a Outcome, Identity)> {
        report.outcomes.iter().filter_map(|outcome| {
            let id = &outcome.id.0;
            Some((outcome, self.steps_by_id.get(id)?.identity(id)))
        })
    }

    fn number(&self, id: &ResourceId, otherwise: usize) -> usize {
        self.steps_by_id
            .get(id)
            .map_or(otherwise, |approved| approved.step)
    }

    /// Gives an outcome the number of its step, and takes into account what was asked for before.
    fn amend(&self, outcome: &mut Outcome) {
        let Some(approved) = self.steps_by_id.get(&outcome.id.0) else {
            return;
        };
        outcome.step = approved.step;
        let asked = approved.intended && outcome.action == ActionKind::Delete;
        if asked && outcome.result == StepResult::AlreadyGone {
            outcome.result = StepResult::Deleted;
            let detail = "verified gone; requested before the run was interrupted";
            outcome.detail = Some(detail.into());
        }
        if approved.intended && outcome.effect == Effect::None {
            // The effect of a request sent before the interruption is unknown, unless the result shows it.
            outcome.effect = match outcome.result {
                StepResult::Deleted | StepResult::Stopped | StepResult::Archived => {
                    Effect::Verified
                }
                _ => Effect::Unknown,
            };
        }
    }

    /// Makes a report the one of the whole run: every step of the approved plan, in its order.
    fn complete(&self, report: &mut Report) {
        for outcome in &mut report.outcomes {
            self.amend(outcome);
        }
        let seen: HashSet<usize> = report.outcomes.iter().map(|outcome| outcome.step).collect();
        let settled = self
            .settled
            .iter()
            .filter(|outcome| !seen.contains(&outcome.step));
        report.outcomes.extend(settled.cloned());
        report.outcomes.sort_by_key(|outcome| outcome.step);
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        lock_of(&self.recorder)
    }
}

/// The halt of a run whose claims another one has taken.
fn lost() -> Halt {
    Halt::Lock("its lock expired, and another run locked some of its resources".into())
}

fn lock_of<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done where a holder could panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread that renews the lease, so that a slow reader of the output does not lose it. It ends when this is
/// dropped.
#[derive(Debug)]
struct Heartbeat {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    fn start(shared: Arc<Shared>) -> Result<Self, StoreError> {
        let (end, ended) = mpsc::channel();
        let pause = shared.host.lease / BEATS_PER_TTL;
        let beat = move || {
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                match shared.try_renew() {
                    Ok(true) => {}
                    Ok(false) => {
                        shared.halt(lost());
                        return;
                    }
                    // There is time for some more tries before the lease runs out.
                    Err(error) => tracing::warn!(%error, "the lock was not renewed"),
                }
            }
        };
        let thread = thread::Builder::new()
            .name("lease".into())
            .spawn(beat)
            .map_err(|source| StoreError::Thread { source })?;
        Ok(Self {
            end: Some(end),
            thread: Some(thread),
        })
    }

    fn end(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.end();
    }
}

fn approved_steps(
    steps: &[Arc<Step>],
    intended: impl Fn(usize) -> bool,
) -> HashMap<ResourceId, ApprovedStep> {
    let approved = |(number, step): (usize, &Arc<Step>)| {
        let id = step.target.id();
        let step = ApprovedStep {
            step: number,
            account: step.target.account.clone(),
            created: step.target.created,
            intended: intended(number),
        };
        (id, step)
    };
    steps.iter().enumerate().map(approved).collect()
}

/// A step that was approved and is not applied any more, because it changed or a safeguard says so now.
fn dropped(number: usize, step: &Step, refusals: &[Refusal], effect: Effect) -> Outcome {
    let refusal = refusals
        .iter()
        .rfind(|refusal| refusal.target == step.target);
    let result = match refusal.map(|refusal| refusal.safeguard) {
        Some(Safeguard::InUse) => StepResult::Blocked,
        // What could not be listed may still be there, and what is not known now may be known when the run is resumed.
        Some(Safeguard::DependentsUnknown | Safeguard::CascadeUnknown | Safeguard::Clock) => {
            StepResult::Deferred
        }
        _ => StepResult::Changed,
    };
    let why = refusal.map_or_else(
        || "dropped when the run was resumed".to_owned(),
        |refusal| {
            format!(
                "when the run was resumed: {} ({})",
                refusal.detail, refusal.safeguard
            )
        },
    );
    Outcome {
        step: number,
        id: ResourceIdText(step.target.id()),
        name: step.name.clone(),
        action: step.action.kind(),
        result,
        effect,
        detail: Some(why),
        hint: None,
        failed_attempts: Vec::new(),
        attempts: 0,
        took_ms: 0,
    }
}

/// Removes what processes left behind that were killed before their record was complete. What is new
/// may be about to be locked.
fn clear_unfinished(state: &StateDir, now: Timestamp) {
    let is_old = |path: &std::path::Path| {
        let modified = path.metadata().and_then(|metadata| metadata.modified());
        let since_epoch = modified
            .ok()
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let at = since_epoch.and_then(|at| i64::try_from(at.as_millis()).ok());
        let age = at.and_then(|at| Timestamp::from_unix_ms(at).age(now));
        age.is_some_and(|age| age > Duration::from_secs(60))
    };
    let Ok(entries) = std::fs::read_dir(state.runs()) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_unfinished = path.extension().is_some_and(|end| end == "new");
        if is_unfinished
            && is_old(&path)
            && database::open_file(&path).is_ok_and(|file| lock(&file).is_ok())
        {
            std::fs::remove_file(&path).ok();
        }
    }
}
