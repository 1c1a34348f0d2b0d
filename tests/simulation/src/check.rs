//! The promises, checked against what the providers know, and against what a world was made for.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use tbengine_engine::apply::LAST_CALLS;
use tbengine_engine::discover::Inventory;
use tbengine_engine::plan::{Action, ActionKind, BlastRadius, Listing, MaxDelete, Plan, Safeguard};
use tbengine_engine::policy::Force;
use tbengine_engine::report::{Effect, Outcome, Report, StepResult};
use tbengine_memory::{Deleter, Deletion, Memory, Operation, Request};
use tbengine_sdk::{ErrorKind, Identity, Kind, State};

use crate::drive::Stats;
use crate::fate::{Fate, Thing};
use crate::seen::{self, Seen};
use crate::world::{End, NOW, Skewed, Vetoing, World, name};

type Checked = Result<(), String>;

fn require(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

/// How much each provider had recorded at some time.
#[derive(Clone, Debug)]
pub struct Mark(Vec<(usize, usize)>);

impl Mark {
    /// What the providers have recorded by now.
    pub fn now(backends: &[Memory]) -> Self {
        let counts = backends.iter().map(|backend| {
            let oracle = backend.oracle();
            (oracle.requests().len(), oracle.deletions().len())
        });
        Self(counts.collect())
    }

    fn requests(&self, backends: &[Memory], number: usize) -> Vec<Request> {
        let all = backends[number].oracle().requests();
        all[self.0[number].0..].to_vec()
    }

    fn deletions(&self, backends: &[Memory], number: usize) -> Vec<Deletion> {
        let all = backends[number].oracle().deletions();
        all[self.0[number].1..].to_vec()
    }
}

/// What each resource of the providers is doing now.
pub fn states(backends: &[Memory]) -> HashMap<Identity, State> {
    let alive = backends.iter().flat_map(|backend| backend.oracle().alive());
    alive.map(|one| (one.identity, one.state)).collect()
}

/// I0: the plan is what the world was made for. What is planned and what is refused, by which safeguard, was written down
/// when each thing was made. Of a world that was not listed as a whole, or that others touched, what has to stay is
/// not planned in any case.
pub fn planning(world: &World, inventory: &Inventory, plan: &Plan, seen: &mut Seen) -> Checked {
    let now = plan.header.created;
    let steps: HashMap<&Identity, _> = plan.steps.iter().map(|step| (&step.target, step)).collect();
    let refusals: HashMap<&Identity, Safeguard> = plan
        .refusals
        .iter()
        .map(|refusal| (&refusal.target, refusal.safeguard))
        .collect();
    for safeguard in refusals.values() {
        seen.note(seen::fired(*safeguard));
    }
    let failed: HashSet<&str> = inventory.failures.iter().map(|one| &*one.backend).collect();
    let mut is_exact = !world.lies && failed.is_empty();
    for thing in &world.things {
        let oracle = world.backends[thing.backend].oracle();
        let found = oracle.resource(&thing.identity);
        let Some(found) = found.filter(|found| found.identity == thing.identity) else {
            continue;
        };
        let is_about_old_enough = thing
            .old_at
            .is_some_and(|old_at| old_at.as_unix_ms().abs_diff(now.as_unix_ms()) < 10_000);
        if is_about_old_enough || world.touched.contains(&thing.group) {
            is_exact = false;
            continue;
        }
        let mut fate = thing.fate_at(now);
        if fate == Fate::Hidden && found.surrendered {
            fate = Fate::Refused(Safeguard::Surrendered);
        }
        let step = steps.get(&thing.identity).map(|step| step.action.kind());
        let refusal = refusals.get(&thing.identity).copied();
        let wrong = || {
            format!(
                "I0: `{}` ({}) has to be {fate:?}; planned {step:?}, refused {refusal:?}",
                thing.name,
                thing.identity.id()
            )
        };
        if world.lies || failed.contains(&*name(thing.backend)) {
            let may_go = fate.is_planned() || world.lies && thing.goes_with_others;
            require(may_go || step.is_none(), wrong)?;
        } else {
            let expected = match fate {
                Fate::Deleted | Fate::Hidden => (Some(ActionKind::Delete), None),
                Fate::Stopped => (Some(ActionKind::Stop), None),
                Fate::Archived => (Some(ActionKind::Archive), None),
                Fate::Refused(safeguard) => (None, Some(safeguard)),
                Fate::Kept => (None, None),
            };
            require((step, refusal) == expected, wrong)?;
        }
        if step.is_some() {
            note_spared(world, thing, seen);
        }
    }
    let known: HashSet<&Identity> = world.things.iter().map(|thing| &thing.identity).collect();
    for target in steps.keys() {
        // What others made is as young as the world, and only they can have made it.
        let is_new = born(target) > Duration::ZERO || target.created == Some(NOW);
        require(known.contains(target) || is_new, || {
            format!("I0: {} is planned, and was never put there", target.id())
        })?;
    }
    if let Some(limit) = &plan.blast_radius {
        seen.note(seen::tripped(limit));
    }
    if is_exact {
        seen.note("an exact plan");
        limits(world, plan, seen)?;
    }
    Ok(())
}

/// Notes the safeguards that had a reason to look at something which is planned.
fn note_spared(world: &World, thing: &Thing, seen: &mut Seen) {
    if let Some(safeguard) = thing.spared_by {
        seen.note(seen::spared(safeguard));
        if safeguard == Safeguard::InUse {
            seen.note(seen::spared(Safeguard::DependentsUnknown));
        }
    }
    if world.clocks[thing.backend] == Skewed::Little {
        seen.note(seen::spared(Safeguard::Clock));
    }
    if world.veto == Vetoing::ByName {
        seen.note(seen::spared(Safeguard::Veto));
    }
}

/// The limits refuse what exceeds them, and nothing else.
fn limits(world: &World, plan: &Plan, seen: &mut Seen) -> Checked {
    let steps = plan.steps.len();
    let listed: usize = world
        .backends
        .iter()
        .map(|backend| backend.oracle().alive().len())
        .sum();
    let planned: HashSet<&Identity> = plan.steps.iter().map(|step| &step.target).collect();
    let running = world.things.iter().filter(|thing| {
        let oracle = world.backends[thing.backend].oracle();
        let found = oracle.resource(&thing.identity);
        planned.contains(&thing.identity)
            && !thing.is_proven
            && found.is_some_and(|found| found.state.is_running())
    });
    let running = running.count();
    let safeguards = &world.safeguards;
    let expected = if steps > 0 && world.veto == Vetoing::Fails {
        Some("limit veto-failed")
    } else if steps > 0 && !world.facts.unreadable.is_empty() {
        Some("limit unreadable")
    } else if let Some(most) = safeguards.max_delete {
        let is_exceeded = match most {
            MaxDelete::Count(most) => steps > most,
            MaxDelete::Percent(most) => steps * 100 > listed * usize::from(most),
        };
        if !is_exceeded {
            seen.note("limit max-delete held");
        }
        is_exceeded.then_some("limit max-delete")
    } else {
        // What is not set is five, and not what the code says it is.
        let most = safeguards.max_unproven_running;
        let most = if most == usize::MAX { most } else { 5 };
        if running > 0 && running <= most && most == 5 {
            seen.note("limit unproven-running held");
        }
        (running > most).then_some("limit unproven-running")
    };
    let is = plan.blast_radius.as_ref().map(seen::tripped);
    require(is == expected, || {
        format!(
            "I0: {steps} steps of {listed}, {running} running and unproven: {expected:?} has to refuse it, and {:?} did",
            plan.blast_radius.as_ref().map(BlastRadius::to_string)
        )
    })
}

/// I7: a plan that is looked at again may lose steps, and never gains any.
pub fn revision(plan: &Plan, revised: &Plan, seen: &mut Seen) -> Checked {
    let before: HashMap<&Identity, _> = plan
        .steps
        .iter()
        .map(|step| (&step.target, step.action))
        .collect();
    for step in &revised.steps {
        require(before.get(&step.target) == Some(&step.action), || {
            format!("I7: {} was not planned so", step.target.id())
        })?;
        match step.listing {
            Listing::Present => seen.note(seen::spared(Safeguard::Changed)),
            Listing::Absent => seen.note("a step that was not listed any more"),
            Listing::Unknown => seen.note("a step that could not be listed"),
        }
    }
    let left: HashSet<&Identity> = revised.steps.iter().map(|step| &step.target).collect();
    let refused: HashMap<&Identity, Safeguard> = revised
        .refusals
        .iter()
        .map(|refusal| (&refusal.target, refusal.safeguard))
        .collect();
    for target in before.keys() {
        let safeguard = refused.get(target);
        require(left.contains(target) != safeguard.is_some(), || {
            format!(
                "I7: {} is either left or refused: {safeguard:?}",
                target.id()
            )
        })?;
        if let Some(safeguard) = safeguard {
            seen.note(seen::fired(*safeguard));
        }
    }
    Ok(())
}

/// I1: whatever was deleted was approved and is not to stay in any case, and every change was preceded by a look of its
/// own.
pub fn safety(world: &World, approved: &HashSet<Identity>) -> Checked {
    let things = world.things.iter();
    let sacred: HashSet<(usize, Kind, &str)> = things
        .filter(|thing| thing.is_sacred)
        .map(|thing| (thing.backend, thing.identity.kind, &*thing.name))
        .collect();
    for (number, backend) in world.backends.iter().enumerate() {
        for deletion in backend.oracle().deletions() {
            let is_ours = match deletion.by {
                Deleter::Caller => true,
                // A listing that leaves out what is deleted along looks the same as one after its deletion.
                Deleter::Cascade => !world.lied,
                Deleter::SomeoneElse => false,
            };
            let is_sacred = sacred.contains(&(number, deletion.identity.kind, &*deletion.name));
            require(!is_ours || !is_sacred, || {
                format!("I1: `{}` is never to be deleted", deletion.name)
            })?;
        }
    }
    approved_only(&world.backends, approved, world.follows)
}

/// I1 without what is known of a world: whatever was deleted was approved, and every change was preceded by a look of
/// its own. Where changes are followed, only what does not run is deleted without one.
pub fn approved_only(backends: &[Memory], approved: &HashSet<Identity>, follows: bool) -> Checked {
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
        looks_before_it_acts(&requests, follows)?;
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
fn looks_before_it_acts(requests: &[Request], follows: bool) -> Checked {
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
                let is_spared = follows && request.operation == Operation::Delete && !request.force;
                require(looked || is_spared, || {
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

/// I3: one outcome for each step, and each is what the provider knows of what happened since the mark. It still is at
/// a later check: an effect that was possible at the end was reported as unknown.
pub fn honesty(backends: &[Memory], since: &Mark, plan: &Plan, report: &Report) -> Checked {
    require(report.outcomes.len() == plan.steps.len(), || {
        format!(
            "I3: {} outcomes for {} steps",
            report.outcomes.len(),
            plan.steps.len()
        )
    })?;
    let truths: Vec<Truth> = (0..backends.len())
        .map(|number| Truth::new(backends, since, number))
        .collect();
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

/// Whether the answer to a change leaves open whether it was made.
fn is_in_doubt(answer: Option<Result<(), ErrorKind>>) -> bool {
    matches!(
        answer,
        None | Some(Err(ErrorKind::Transient
            | ErrorKind::Unavailable
            | ErrorKind::Internal))
    )
}

/// What one provider knows of a run.
struct Truth {
    by_caller: HashSet<Identity>,
    /// The changes that were asked for and not clearly refused, and whether one of them was accepted.
    changes: HashMap<Identity, bool>,
}

impl Truth {
    fn new(backends: &[Memory], since: &Mark, number: usize) -> Self {
        let mut changes: HashMap<Identity, bool> = HashMap::new();
        for request in since.requests(backends, number) {
            let is_accepted = request.answer == Some(Ok(()));
            if !is_accepted && !is_in_doubt(request.answer) {
                continue;
            }
            if let (Operation::Delete | Operation::Stop | Operation::Archive, Some(target)) =
                (request.operation, request.target)
            {
                *changes.entry(target).or_default() |= is_accepted;
            }
        }
        let deletions = since.deletions(backends, number).into_iter();
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
        let asked = self.changes.get(target);
        // Our own deletion is reported as one, unless it could not be observed.
        let is_reported = match outcome.result {
            StepResult::Deleted => !alive && asked.is_some(),
            StepResult::AlreadyGone => !alive && !by_us && asked.is_none(),
            StepResult::Surrendered | StepResult::Stopped | StepResult::Archived => !by_us,
            _ => !by_us || outcome.effect == Effect::Unknown,
        };
        let is_good = matches!(
            outcome.result,
            StepResult::Deleted
                | StepResult::AlreadyGone
                | StepResult::Stopped
                | StepResult::Archived
        );
        // Whether anything was asked for is known in any case, and nothing is called unknown without need.
        let has_effect = match outcome.effect {
            Effect::None => asked.is_none(),
            Effect::Verified => asked.is_some(),
            Effect::Unknown => asked.is_some() && !is_good,
        };
        require(is_reported && has_effect, || {
            format!(
                "I3: {} is reported as {}, effect {} ({:?}); alive {alive}, deleted by us {by_us}, accepted {asked:?}",
                outcome.id, outcome.result, outcome.effect, outcome.detail
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
            let (Operation::Delete, Some(target)) = (request.operation, &request.target) else {
                continue;
            };
            let (sent, faults) = deletes.entry(target).or_default();
            *sent += 1;
            // A read that fails is no reason to delete again.
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

/// I2: with nothing in the way, each step ends in the one way that what it acts on allows.
pub fn completeness(
    backends: &[Memory],
    since: &Mark,
    before: &HashMap<Identity, State>,
    plan: &Plan,
    report: &Report,
) -> Checked {
    let all = (0..backends.len()).flat_map(|number| since.deletions(backends, number));
    let deleted: HashMap<Identity, Deleter> = all.map(|one| (one.identity, one.by)).collect();
    for (step, outcome) in plan.steps.iter().zip(&report.outcomes) {
        let target = &step.target;
        let place = backends.iter().enumerate();
        let mut place = place.filter(|(number, _)| name(*number) == *target.backend);
        let (_, backend) = place.next().ok_or("I2: a step of no backend")?;
        let oracle = backend.oracle();
        let can = oracle.kind(target.kind).map(|info| info.can);
        let can = can.unwrap_or_default();
        let state = before.get(target).copied();
        let state = state.ok_or_else(|| format!("I2: {} was not there", target.id()))?;
        let is_hidden = oracle.resource(target).is_some_and(|one| one.surrendered);
        let runs = state.is_running();
        let expected = match step.action {
            Action::Delete { .. } if is_hidden => StepResult::Surrendered,
            Action::Delete { force, .. } if runs && force == Force::Never => {
                return Err(format!("I2: {} runs and is not to be killed", target.id()));
            }
            Action::Delete { .. } => match deleted.get(target) {
                Some(Deleter::Cascade) => StepResult::AlreadyGone,
                _ => StepResult::Deleted,
            },
            Action::Stop { .. } if !runs || can.stop => StepResult::Stopped,
            Action::Archive { .. } if state == State::Archived => StepResult::Archived,
            Action::Archive { .. } if can.archive && state == State::Stopped => {
                StepResult::Archived
            }
            Action::Archive { .. } if can.archive && can.stop && runs => StepResult::Archived,
            Action::Stop { .. } | Action::Archive { .. } => StepResult::Failed,
        };
        require(outcome.result == expected, || {
            format!(
                "I2: {} was {state} and is to end as {expected}: {} ({:?})",
                outcome.id, outcome.result, outcome.detail
            )
        })?;
        let by_us = deleted.get(target) == Some(&Deleter::Caller);
        require(by_us == (expected == StepResult::Deleted), || {
            format!("I2: {} is {expected}; deleted by us: {by_us}", outcome.id)
        })?;
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

/// Notes how the steps of a run ended.
pub fn note_outcomes(report: &Report, seen: &mut Seen) {
    for outcome in &report.outcomes {
        seen.note(format!("result {}", outcome.result));
        seen.note(format!("effect {}", outcome.effect));
    }
}

/// The figures of a finished world.
pub fn stats(backends: &[Memory], mut seen: Seen) -> Stats {
    let mut stats = Stats::default();
    let mut hasher = DefaultHasher::new();
    for backend in backends {
        let oracle = backend.oracle();
        let mut read: HashSet<Identity> = HashSet::new();
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
            match (request.operation, request.target) {
                (Operation::Get, Some(target)) => drop(read.insert(target)),
                (Operation::Delete, Some(target)) if !read.contains(&target) => {
                    seen.note("a deletion without a read");
                }
                _ => {}
            }
        }
        for deletion in oracle.deletions() {
            match deletion.by {
                Deleter::Caller => {
                    let kind: Kind = deletion.identity.kind;
                    seen.note(format!("deleted {kind}"));
                }
                Deleter::Cascade => seen.note("deleted along"),
                Deleter::SomeoneElse => {}
            }
        }
        stats.deleted += oracle.deleted_by_us().len();
        for (met, times) in oracle.met() {
            seen.met(met, times);
        }
    }
    stats.trace = hasher.finish();
    stats.seen = seen;
    stats
}
