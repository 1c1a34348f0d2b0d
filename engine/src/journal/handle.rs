//! The journal of a run that is being carried out: the record, the lease, and what stops the run when
//! either is lost.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tbengine_sdk::{Identity, ResourceId, Timestamp};
use tokio_util::sync::CancellationToken;

use super::entry::{Entry, JOURNAL_FORMAT};
use super::leases::{BEATS_PER_TTL, Leases, resource_key, still_claims};
use super::quarantine;
use super::record::Record;
use super::writer::Writer;
use super::{Halt, Host, JournalError, StateDir, database};
use crate::clock::RunClock;
use crate::plan::{ActionKind, Guard, Plan, Refusal, Step};
use crate::report::{Outcome, Report, StepResult};

/// The journal of a run that is being carried out. Dropping it lets go of the record, once no executor
/// has a move of the run any more; a run that did not come to its end can then be resumed.
#[derive(Debug)]
pub struct Journal {
    pub(super) shared: Arc<Shared>,
    // Before anything else is dropped: it uses all of it.
    heartbeat: Heartbeat,
}

/// What the executors, the reporter and the heartbeat share.
#[derive(Debug)]
pub(super) struct Shared {
    run: Arc<str>,
    clock: RunClock,
    host: Host,
    /// Closed before the connection to the shared file, so that its log is left alone.
    writer: Mutex<Recorder>,
    leases: Mutex<Leases>,
    fence: u64,
    claims: usize,
    /// When the lease ends, by the host's uptime.
    expires: AtomicU64,
    /// Whether the lease was given back.
    ended: AtomicBool,
    halt: OnceLock<Halt>,
    stop: OnceLock<CancellationToken>,
    /// The steps of the approved plan.
    pub(super) places: HashMap<ResourceId, Place>,
    /// How steps ended before this process continued the run.
    pub(super) settled: Vec<Outcome>,
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
pub(super) struct Place {
    /// Its number there.
    pub(super) step: usize,
    key: String,
    identity: String,
    /// Whether a request was about to be sent before this process continued the run.
    pub(super) intended: bool,
}

impl Journal {
    /// Records the approved plan durably and claims its resources.
    ///
    /// # Errors
    /// [`JournalError`]: if another run works on one of the resources, or nothing can be recorded. Then
    /// nothing may be done.
    pub fn begin(
        state: &StateDir,
        host: &Host,
        plan: &Plan,
        clock: RunClock,
    ) -> Result<Self, JournalError> {
        let run = plan.header.run.clone();
        let now = clock.now();
        clear_unfinished(state);
        let unfinished = state.unfinished(&run);
        let file = database::create_file(&unfinished)
            .map_err(|source| JournalError::io("make", &unfinished, source))?;
        lock(&file).map_err(|source| JournalError::io("lock", &unfinished, source))?;
        let begun = || {
            if state.run(&run).exists() {
                return Err(JournalError::Exists { run: run.clone() });
            }
            let mut leases = Leases::open(state, host)?;
            let keys: Vec<String> = plan.steps.iter().map(key_of).collect();
            let (fence, expires) = leases.take(&run, &keys, now)?;
            let first = [
                Entry::Approved {
                    format: JOURNAL_FORMAT.to_owned(),
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    plan: Box::new(plan.clone()),
                },
                Entry::Began {
                    process: host.process.clone(),
                    fence,
                },
            ];
            match Writer::begin(state, &run, file, now, &first) {
                Ok(writer) => Ok((leases, fence, expires, writer)),
                Err(error) => {
                    leases.release(&run, fence, None, |_| Ok(())).ok();
                    Err(error)
                }
            }
        };
        let (leases, fence, expires, writer) = begun().inspect_err(|_| {
            std::fs::remove_file(&unfinished).ok();
        })?;
        let places = places(&plan.steps, |_| false);
        let steps = plan.steps.len();
        Self::start(
            state,
            host,
            run,
            clock,
            leases,
            (fence, expires, steps),
            writer,
            places,
            Vec::new(),
        )
    }

    /// Continues a run with what is left of its plan, as [`revise`](crate::Engine::revise) found it.
    ///
    /// # Errors
    /// [`JournalError`]: if another run works on one of the resources, or nothing can be recorded.
    pub fn resume(
        locked: Locked,
        host: &Host,
        left: &Plan,
        clock: RunClock,
    ) -> Result<Self, JournalError> {
        let Locked {
            state,
            file,
            record,
        } = locked;
        let run = record.run.clone();
        let now = clock.now();
        let mut leases = Leases::open(&state, host)?;
        let keys: Vec<String> = left.steps.iter().map(key_of).collect();
        let (fence, expires) = leases.take(&run, &keys, now)?;
        let mut settled = record.settled();
        let approved = &record.plan.steps;
        let places = places(approved, |step| record.steps[step].intents > 0);
        let staying: HashSet<ResourceId> = left.steps.iter().map(|step| step.target.id()).collect();
        let mut first = vec![Entry::Began {
            process: host.process.clone(),
            fence,
        }];
        for number in record.open_steps() {
            let step = &approved[number];
            if staying.contains(&step.target.id()) {
                continue;
            }
            let dropped = dropped(number, step, &left.refusals);
            first.push(Entry::Outcome(dropped.clone()));
            settled.push(dropped);
        }
        let path = state.run(&run);
        let begun = Writer::go_on(path, file, record.number, record.link).and_then(|mut writer| {
            writer.add(now, &first, |_| Ok(None::<()>))?;
            Ok(writer)
        });
        let writer = match begun {
            Ok(writer) => writer,
            Err(error) => {
                leases.release(&run, fence, None, |_| Ok(())).ok();
                return Err(error);
            }
        };
        let steps = left.steps.len();
        Self::start(
            &state,
            host,
            run,
            clock,
            leases,
            (fence, expires, steps),
            writer,
            places,
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
        leases: Leases,
        (fence, expires, claims): (u64, u64, usize),
        writer: Writer,
        places: HashMap<ResourceId, Place>,
        settled: Vec<Outcome>,
    ) -> Result<Self, JournalError> {
        writer.attach(&state.leases())?;
        let shared = Arc::new(Shared {
            run,
            clock,
            host: host.clone(),
            writer: Mutex::new(Recorder {
                writer,
                later: Vec::new(),
            }),
            leases: Mutex::new(leases),
            fence,
            claims,
            expires: AtomicU64::new(expires),
            ended: AtomicBool::new(false),
            halt: OnceLock::new(),
            stop: OnceLock::new(),
            places,
            settled,
        });
        let heartbeat = Heartbeat::start(shared.clone())?;
        Ok(Self { shared, heartbeat })
    }

    /// Why the run was stopped, if the journal stopped it.
    pub fn halted(&self) -> Option<&Halt> {
        self.shared.halt.get()
    }

    /// The run.
    pub fn run(&self) -> &Arc<str> {
        &self.shared.run
    }

    /// Lets the lease run out, as if this process had hung, for tests.
    #[doc(hidden)]
    pub fn stop_heartbeat(&mut self) {
        self.heartbeat.end();
    }
}

impl Shared {
    /// What stops the run once the journal or the lease is lost.
    pub(super) fn stop_with(&self, stop: CancellationToken) {
        self.stop.set(stop).ok();
    }

    pub(super) fn halted(&self) -> Option<&Halt> {
        self.halt.get()
    }

    fn halt(&self, why: Halt) -> &Halt {
        let why = self.halt.get_or_init(|| why);
        if let Some(stop) = self.stop.get() {
            stop.cancel();
        }
        why
    }

    /// Whether the claims are still ours, so that a request may go on. Once their time is over, the
    /// shared file has the last word: nobody may have taken them.
    pub(super) fn holds(&self) -> Result<(), Halt> {
        if self.host.uptime_ms() < self.expires.load(Ordering::Acquire) {
            return Ok(());
        }
        self.renew()
    }

    fn renew(&self) -> Result<(), Halt> {
        match self.try_renew() {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.halt(Halt::lost()).clone()),
            Err(error) => Err(self.halt(Halt::Journal(error.to_string())).clone()),
        }
    }

    /// Renews the lease; `false` if it is lost.
    fn try_renew(&self) -> Result<bool, JournalError> {
        let head = {
            let recorder = self.recorder();
            (recorder.writer.number, recorder.writer.link)
        };
        let mut leases = lock_of(&self.leases);
        if self.ended.load(Ordering::Acquire) {
            return Ok(true);
        }
        let renewed = leases.renew(&self.run, self.fence, self.claims, head)?;
        if let Some(expires) = renewed {
            self.expires.store(expires, Ordering::Release);
        }
        Ok(renewed.is_some())
    }

    /// Notes that a request is about to be sent, if it still may be.
    pub(super) fn intend(
        &self,
        target: &Identity,
        act: ActionKind,
        force: bool,
    ) -> Result<(), Halt> {
        if let Some(halt) = self.halt.get() {
            return Err(halt.clone());
        }
        self.holds()?;
        let Some(place) = self.places.get(&target.id()) else {
            let why = format!("{} is not part of the approved plan", target.id());
            return Err(self.halt(Halt::Journal(why)).clone());
        };
        let intent = Entry::Intent {
            step: place.step,
            act,
            force,
            fence: self.fence,
        };
        let added = self
            .recorder()
            .writer
            .add(self.clock.now(), &[intent], |all| {
                Ok((!still_claims(all, &place.key, self.fence)?).then_some(()))
            });
        match added {
            Ok(None) => Ok(()),
            Ok(Some(())) => Err(self.halt(Halt::lost()).clone()),
            Err(error) => Err(self.halt(Halt::Journal(error.to_string())).clone()),
        }
    }

    /// Adds a row. What cannot be written stops the run.
    pub(super) fn note(&self, at: Timestamp, entry: Entry) {
        let added = self.recorder().writer.add(at, &[entry], |_| Ok(None::<()>));
        if let Err(error) = added {
            self.halt(Halt::Journal(error.to_string()));
        }
    }

    /// Adds the outcome of a step; of one that can be resumed, at the latest at the end.
    pub(super) fn note_outcome(&self, at: Timestamp, outcome: &Outcome) {
        let entry = Entry::Outcome(outcome.clone());
        if outcome.result == StepResult::Cancelled {
            self.recorder().later.push(entry);
        } else {
            self.note(at, entry);
        }
    }

    /// Ends the record durably and gives the claims back.
    pub(super) fn finish(&self, at: Timestamp, report: &Report) {
        let ended = {
            let mut recorder = self.recorder();
            let mut last = std::mem::take(&mut recorder.later);
            last.push(Entry::Ended {
                interrupted: report.interrupted,
                halted: self.halt.get().map(ToString::to_string),
                took_ms: report.took_ms,
            });
            let writer = &mut recorder.writer;
            let written = writer.add(at, &last, |_| Ok(None::<()>));
            written
                .and_then(|_| writer.settle())
                .map(|()| (writer.number, writer.link))
        };
        let (head, failed) = match ended {
            Ok(head) => (Some(head), None),
            Err(error) => (None, Some(error)),
        };
        let mut leases = lock_of(&self.leases);
        self.ended.store(true, Ordering::Release);
        let released = leases.release(&self.run, self.fence, head, |all| {
            quarantine::note(all, &self.run, at, &self.places_of(report))
        });
        drop(leases);
        if let Some(error) = failed.or(released.err()) {
            self.halt(Halt::Journal(error.to_string()));
        }
    }

    /// The outcomes with the identities that they are about.
    fn places_of<'a>(&self, report: &'a Report) -> Vec<(&'a Outcome, &str)> {
        report
            .outcomes
            .iter()
            .filter_map(|outcome| {
                let place = self.places.get(&outcome.id.0)?;
                Some((outcome, place.identity.as_str()))
            })
            .collect()
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        lock_of(&self.writer)
    }
}

fn lock_of<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done where a holder could panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key_of(step: &Step) -> String {
    resource_key(&step.target)
}

fn places(steps: &[Step], intended: impl Fn(usize) -> bool) -> HashMap<ResourceId, Place> {
    let place = |(number, step): (usize, &Step)| {
        let place = Place {
            step: number,
            key: key_of(step),
            identity: quarantine::identity_key(&step.target),
            intended: intended(number),
        };
        (step.target.id(), place)
    };
    steps.iter().enumerate().map(place).collect()
}

/// A step that was approved and is not carried out any more, because it changed or a guard says so now.
fn dropped(number: usize, step: &Step, refusals: &[Refusal]) -> Outcome {
    let refusal = refusals
        .iter()
        .rfind(|refusal| refusal.target == step.target);
    let result = match refusal.map(|refusal| refusal.guard) {
        Some(Guard::Held) => StepResult::Blocked,
        // What could not be listed is no reason to give it up.
        Some(Guard::HoldersUnknown) => StepResult::Deferred,
        _ => StepResult::Changed,
    };
    let why = refusal.map_or_else(
        || "it was dropped when the run was resumed".to_owned(),
        |refusal| {
            format!(
                "when the run was resumed: {} ({})",
                refusal.detail, refusal.guard
            )
        },
    );
    Outcome {
        step: number,
        id: crate::report::outcome::ResourceIdText(step.target.id()),
        name: step.name.clone(),
        action: step.action.kind(),
        result,
        detail: Some(why),
        hint: None,
        failed_attempts: Vec::new(),
        attempts: 0,
        took_ms: 0,
    }
}

/// The record of a run that this process has locked, to continue it.
#[derive(Debug)]
pub struct Locked {
    pub(super) state: StateDir,
    file: File,
    /// What it says.
    pub record: Record,
}

impl Locked {
    /// Locks and reads the record of a run.
    ///
    /// # Errors
    /// [`JournalError::Running`] if a process holds it; otherwise as [`Record::read`].
    pub fn lock(state: &StateDir, host: &Host, run: &str) -> Result<Self, JournalError> {
        let path = state.run(run);
        let file =
            database::open_file(&path).map_err(|source| JournalError::io("open", &path, source))?;
        // Another process may hold it for an instant, to see whether this run lives.
        let locked = (0..5).find_map(|_| match lock(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                thread::park_timeout(Duration::from_millis(5));
                None
            }
            ended => Some(ended),
        });
        match locked.unwrap_or_else(|| lock(&file)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                let holders = Leases::open(state, host)?.holders()?;
                let holder = holders.into_iter().find(|holder| holder.id == run);
                return Err(JournalError::Running {
                    run: run.into(),
                    holder: holder.map(Box::new),
                });
            }
            Err(source) => return Err(JournalError::io("lock", &path, source)),
        }
        let record = Record::read(state, host, run)?;
        Ok(Self {
            state: state.clone(),
            file,
            record,
        })
    }

    /// Notes that a new plan took the place of this one.
    ///
    /// # Errors
    /// [`JournalError`] if that cannot be recorded.
    pub fn replace(
        self,
        host: &Host,
        by: Option<Arc<str>>,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        let Record {
            run, number, link, ..
        } = self.record;
        let mut writer = Writer::go_on(self.state.run(&run), self.file, number, link)?;
        writer.add(at, &[Entry::Replaced { by }], |_| Ok(None::<()>))?;
        writer.settle()?;
        Leases::open(&self.state, host)?.seal(&run, (writer.number, writer.link))
    }
}

fn lock(file: &File) -> std::io::Result<()> {
    Ok(flock(file, FlockOperation::NonBlockingLockExclusive)?)
}

/// Removes what processes left behind that were killed before their record was complete.
fn clear_unfinished(state: &StateDir) {
    let Ok(entries) = std::fs::read_dir(state.runs()) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_unfinished = path.extension().is_some_and(|end| end == "new");
        if is_unfinished && database::open_file(&path).is_ok_and(|file| lock(&file).is_ok()) {
            std::fs::remove_file(&path).ok();
        }
    }
}

/// A thread that renews the lease, so that a slow reader of the output does not lose it.
#[derive(Debug)]
struct Heartbeat {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    fn start(shared: Arc<Shared>) -> Result<Self, JournalError> {
        let (end, ended) = mpsc::channel();
        let pause = shared.host.lease / BEATS_PER_TTL;
        let beat = move || {
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                match shared.try_renew() {
                    Ok(true) => {}
                    Ok(false) => {
                        shared.halt(Halt::lost());
                        return;
                    }
                    // There is time for some more tries before the lease runs out.
                    Err(error) => tracing::warn!(%error, "the lease was not renewed"),
                }
            }
        };
        let thread = thread::Builder::new()
            .name("lease".into())
            .spawn(beat)
            .map_err(|source| JournalError::Thread { source })?;
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
