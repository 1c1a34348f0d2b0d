//! The journal of a run that is being carried out: beginning it, and continuing it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, UNIX_EPOCH};

use tbengine_sdk::{ResourceId, Timestamp};

use super::entry::{self, Entry};
use super::heartbeat::Heartbeat;
use super::leases::Leases;
use super::locked::{Locked, lock};
use super::shared::{Lease, Place, Recorder, Shared};
use super::writer::Writer;
use super::{Host, JournalError, StateDir, database};
use tbengine_engine::apply::{Halt, Ledger};
use tbengine_engine::clock::RunClock;
use tbengine_engine::plan::{Guard, Plan, Refusal, Step};
use tbengine_engine::report::{Outcome, StepResult};

/// The journal of a run that is being carried out. Dropping it lets go of the record, once no executor
/// has a move of the run any more; a run that did not come to its end can then be resumed.
#[derive(Debug)]
pub struct Journal {
    pub(super) shared: Arc<Shared>,
    // Before anything else is dropped: it uses all of it.
    heartbeat: Heartbeat,
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
        clear_unfinished(state, now);
        let unfinished = state.unfinished(&run);
        let file = database::create_file(&unfinished)
            .map_err(|source| JournalError::io("make", &unfinished, source))?;
        lock(&file).map_err(|source| JournalError::io("lock", &unfinished, source))?;
        let begun = || {
            if state.run(&run).exists() {
                return Err(JournalError::Exists { run: run.clone() });
            }
            let mut leases = Leases::open(state, host)?;
            let targets = plan.steps.iter().map(|step| &step.target);
            let (fence, expires) = leases.take(&run, targets, now)?;
            let began = Entry::Began {
                process: host.process.clone(),
                fence,
            };
            let first = entry::approved(plan).chain([began]);
            match Writer::begin(state, &run, file, now, first) {
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

    /// Continues a run with what is left of its plan, as [`revise`](tbengine_engine::Engine::revise) found it.
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
        let targets = left.steps.iter().map(|step| &step.target);
        let (fence, expires) = leases.take(&run, targets, now)?;
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
            writer.add(now, first, |_| Ok(None::<()>))?;
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
            leases: Mutex::new(leases),
            lease,
            ended: AtomicBool::new(false),
            halt: OnceLock::new(),
            stop: OnceLock::new(),
            places,
            settled,
        });
        let heartbeat = Heartbeat::start(shared.clone())?;
        Ok(Self { shared, heartbeat })
    }

    /// The journal as what the run is applied with.
    pub fn ledger(&self) -> Arc<dyn Ledger> {
        self.shared.clone()
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

fn places(steps: &[Arc<Step>], intended: impl Fn(usize) -> bool) -> HashMap<ResourceId, Place> {
    let place = |(number, step): (usize, &Arc<Step>)| {
        let place = Place {
            step: number,
            account: step.target.account.clone(),
            created: step.target.created,
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
        Some(Guard::HoldersUnknown | Guard::CascadeUnknown) => StepResult::Deferred,
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
        id: tbengine_engine::report::outcome::ResourceIdText(step.target.id()),
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
