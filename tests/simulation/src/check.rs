//! The promises, checked against what the providers know.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use tbengine_engine::apply::LAST_CALLS;
use tbengine_engine::plan::{ActionKind, Plan};
use tbengine_engine::report::{Outcome, Report, StepResult};
use tbengine_memory::{Deleter, Memory, Operation, Request};
use tbengine_sdk::{ErrorKind, Identity};

use crate::drive::Stats;
use crate::world::{End, NOW, World, name};

type Checked = Result<(), String>;

fn require(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

/// I1: whatever was deleted was approved, and every change was preceded by a look of its own.
pub fn safety(backends: &[Memory], approved: &HashSet<Identity>) -> Checked {
    for backend in backends {
        let oracle = backend.oracle();
        let requests = oracle.requests();
        for deletion in oracle.deletions() {
            if deletion.by != Deleter::Caller || approved.contains(&deletion.identity) {
                continue;
            }
            // No provider lets us say "only if it is still this one": what takes the id between our look
            // and the arrival of our request cannot be told apart.
            let id = deletion.identity.id();
            let slipped_in = approved.iter().any(|known| known.id() == id)
                && requests.iter().enumerate().any(|(at, request)| {
                    is_about(request, Operation::Delete, &deletion.identity)
                        && request.at <= deletion.at
                        && look_before(&requests, at, &deletion.identity)
                            .is_some_and(|look| born(&deletion.identity) >= look)
                });
            require(slipped_in, || {
                format!(
                    "I1: deleted {id} of {:?} outside of the plan\n{}",
                    born(&deletion.identity),
                    history(&requests, &deletion.identity)
                )
            })?;
        }
        looks_before_it_acts(&requests)?;
    }
    Ok(())
}

fn is_about(request: &Request, operation: Operation, target: &Identity) -> bool {
    request.operation == operation
        && request
            .target
            .as_ref()
            .is_some_and(|asked| asked.id() == target.id())
}

/// Every request about a resource, one per line.
fn history(requests: &[Request], target: &Identity) -> String {
    let lines: Vec<String> = requests
        .iter()
        .filter(|request| request.target.as_ref().is_some_and(|one| one.id() == target.id()))
        .map(|request| {
            let Request { since_opened, operation, served, answer, met_fault, .. } = request;
            format!("{since_opened:?} {operation:?} served {served:?} answer {answer:?} fault {met_fault}")
        })
        .collect();
    lines.join("\n")
}

/// When the last look before a request took effect.
fn look_before(requests: &[Request], at: usize, target: &Identity) -> Option<Duration> {
    requests[..at]
        .iter()
        .rev()
        .find(|request| is_about(request, Operation::Get, target))
        .and_then(|request| request.served)
}

/// When it was created, after the provider opened.
fn born(identity: &Identity) -> Duration {
    let created = identity.created.map_or(0, |created| created.as_unix_ms());
    Duration::from_millis(u64::try_from(created - NOW.as_unix_ms()).unwrap_or_default())
}

/// Between two changes of one sort of one resource there is a look that was answered.
fn looks_before_it_acts(requests: &[Request]) -> Checked {
    let mut seen: HashMap<&Identity, HashSet<Operation>> = HashMap::new();
    for request in requests {
        let Some(target) = &request.target else {
            continue;
        };
        match request.operation {
            Operation::Get if request.answer == Some(Ok(())) => {
                seen.insert(target, HashSet::new());
            }
            Operation::Delete | Operation::Stop | Operation::Archive => {
                let looked = seen
                    .get_mut(target)
                    .is_some_and(|done| done.insert(request.operation));
                require(looked, || {
                    format!(
                        "I1: {:?} of {} without a look before",
                        request.operation,
                        target.id()
                    )
                })?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// I3: one outcome for each step, and each is what the provider knows.
pub fn honesty(backends: &[Memory], plan: &Plan, report: &Report) -> Checked {
    require(report.outcomes.len() == plan.steps.len(), || {
        format!(
            "I3: {} outcomes for {} steps",
            report.outcomes.len(),
            plan.steps.len()
        )
    })?;
    let truths: Vec<Truth> = backends.iter().map(Truth::new).collect();
    for (step, outcome) in plan.steps.iter().zip(&report.outcomes) {
        let target = &step.target;
        require(target.id() == outcome.id.0, || {
            format!(
                "I3: an outcome of {} in place of {}",
                outcome.id,
                target.id()
            )
        })?;
        let number = (0..backends.len())
            .find(|number| name(*number) == *target.backend)
            .ok_or("I3: a step of no backend")?;
        truths[number].judge(&backends[number], target, outcome)?;
    }
    Ok(())
}

/// Answers to a change that leave no doubt: nothing was changed.
const REFUSED: [ErrorKind; 6] = [
    ErrorKind::NotFound,
    ErrorKind::RateLimited,
    ErrorKind::Unsupported,
    ErrorKind::Conflict,
    ErrorKind::Dependency,
    ErrorKind::InProgress,
];

/// What one provider knows.
struct Truth {
    by_caller: HashSet<Identity>,
    /// The changes that were asked for, and whether the answers came.
    changes: HashMap<Identity, bool>,
}

impl Truth {
    fn new(backend: &Memory) -> Self {
        let oracle = backend.oracle();
        let mut changes: HashMap<Identity, bool> = HashMap::new();
        for request in oracle.requests() {
            if matches!(request.answer, Some(Err(kind)) if REFUSED.contains(&kind)) {
                continue;
            }
            if let (Operation::Delete | Operation::Stop | Operation::Archive, Some(target)) =
                (request.operation, request.target)
            {
                let unanswered = !matches!(request.answer, Some(Ok(())));
                *changes.entry(target).or_default() |= unanswered;
            }
        }
        let deletions = oracle.deletions().into_iter();
        Self {
            by_caller: deletions
                .filter(|deletion| deletion.by == Deleter::Caller)
                .map(|deletion| deletion.identity)
                .collect(),
            changes,
        }
    }

    fn judge(&self, backend: &Memory, target: &Identity, outcome: &Outcome) -> Checked {
        let alive = backend.oracle().is_alive(target);
        let by_us = self.by_caller.contains(target);
        let asked = self.changes.contains_key(target);
        let in_doubt = self.changes.get(target).copied().unwrap_or_default();
        let detail = outcome.detail.as_deref().unwrap_or_default();
        let holds = match outcome.result {
            StepResult::Deleted => !alive && asked,
            StepResult::AlreadyGone => {
                !alive && (!by_us || outcome.action != ActionKind::Delete || asked)
            }
            // What was sent and not answered may arrive after the last look.
            StepResult::Changed
            | StepResult::Blocked
            | StepResult::Stopped
            | StepResult::Archived => !by_us || in_doubt,
            StepResult::Failed | StepResult::Stuck | StepResult::Denied => {
                let unseen = ["could not read", "not read again", "result unknown"];
                !by_us || in_doubt || unseen.iter().any(|words| detail.contains(words))
            }
            StepResult::Surrendered | StepResult::Deferred | StepResult::Cancelled => {
                !detail.contains("not attempted") || !asked
            }
        };
        require(holds, || {
            format!(
                "I3: {} is reported as {} ({detail}); alive {alive}, deleted by us {by_us}, asked for {asked}, in doubt {in_doubt}",
                outcome.id, outcome.result
            )
        })
    }
}

/// I5 and I6: bounded load, and an end in time.
pub fn bounds(world: &World, plan: &Plan, report: &Report, took: Duration) -> Checked {
    for backend in &world.backends {
        let requests = backend.oracle().requests();
        let mut deletes: HashMap<&Identity, (u32, u32)> = HashMap::new();
        for request in &requests {
            let Some(target) = &request.target else {
                continue;
            };
            let (sent, faults) = deletes.entry(target).or_default();
            *sent += u32::from(request.operation == Operation::Delete);
            *faults += u32::from(request.met_fault || !matches!(request.answer, Some(Ok(()))));
        }
        // What can still be read is deleted again, but not forever.
        let ghosts = if world.haunted { 8 } else { 0 };
        for (target, (sent, faults)) in deletes {
            require(sent <= 1 + faults + ghosts, || {
                format!(
                    "I5: {sent} deletions of {} for {faults} faults",
                    target.id()
                )
            })?;
        }
        let probes = backend.oracle().count(Operation::Check) as u64;
        require(probes <= 10 + 4 * took.as_secs(), || {
            format!("I5: {probes} probes in {took:?}")
        })?;
    }
    if let Some(deadline) = world.options.deadline {
        require(
            took <= deadline + LAST_CALLS + Duration::from_secs(1),
            || format!("I6: it took {took:?}, and had {deadline:?}"),
        )?;
    }
    match world.end {
        // What is under way ends with its calls: four of them, at the most.
        End::Stop(after) => require(took <= after + Duration::from_secs(245), || {
            format!("I6: it took {took:?} after it was to stop after {after:?}")
        }),
        End::Abort(after) => require(took <= after + Duration::from_millis(1), || {
            format!("I6: it took {took:?} after it was to end at once after {after:?}")
        }),
        _ => require(report.outcomes.len() == plan.steps.len(), String::new),
    }
}

/// I2: with nothing in the way, nothing that was approved is left.
pub fn completeness(backends: &[Memory], plan: &Plan, report: &Report) -> Checked {
    for (step, outcome) in plan.steps.iter().zip(&report.outcomes) {
        let done = match outcome.result {
            StepResult::Deleted | StepResult::AlreadyGone => true,
            StepResult::Stopped => outcome.action == ActionKind::Stop,
            StepResult::Archived => outcome.action == ActionKind::Archive,
            // What runs and is not to be killed, and what it uses.
            StepResult::Changed | StepResult::Blocked => true,
            StepResult::Failed => {
                let detail = outcome.detail.as_deref().unwrap_or_default();
                let cannot = ["cannot be stopped", "cannot be archived"];
                outcome.action != ActionKind::Delete
                    && cannot.iter().any(|words| detail.contains(words))
            }
            _ => false,
        };
        require(done, || {
            format!(
                "I2: {} is left: {} ({:?})",
                outcome.id, outcome.result, outcome.detail
            )
        })?;
        if matches!(
            outcome.result,
            StepResult::Deleted | StepResult::AlreadyGone
        ) {
            let alive = backends
                .iter()
                .any(|one| one.oracle().is_alive(&step.target));
            require(!alive, || format!("I2: {} is alive", outcome.id))?;
        }
    }
    Ok(())
}

/// How many changes were asked for and accepted.
pub fn changes(backends: &[Memory]) -> usize {
    let accepted = |request: &Request| {
        matches!(
            request.operation,
            Operation::Delete | Operation::Stop | Operation::Archive
        ) && request.answer == Some(Ok(()))
    };
    let count = |backend: &Memory| {
        let requests = backend.oracle().requests();
        requests.iter().filter(|request| accepted(request)).count()
    };
    backends.iter().map(count).sum()
}

/// I4: a finished plan asks for no change.
pub fn idempotence(backends: &[Memory], before: usize) -> Checked {
    let after = changes(backends);
    require(after == before, || {
        format!("I4: a finished plan asked for {} changes", after - before)
    })
}

/// The figures of a finished world.
pub fn stats(backends: &[Memory]) -> Stats {
    let mut stats = Stats::default();
    let mut hasher = DefaultHasher::new();
    for backend in backends {
        let oracle = backend.oracle();
        for request in oracle.requests() {
            let native = request.target.as_ref().map(|target| &target.native);
            (
                request.since_opened,
                request.operation,
                native,
                request.force,
            )
                .hash(&mut hasher);
            let kind: Option<Result<(), ErrorKind>> = request.answer;
            kind.map(|answer| answer.err()).hash(&mut hasher);
            stats.requests += 1;
        }
        stats.deleted += oracle.deleted_by_us().len();
    }
    stats.trace = hasher.finish();
    stats
}
