//! Checking a saved plan against the world as it is now. It may lose steps, never gain any.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tbengine_sdk::{Damage, Identity, Resource, ResourceId, State, Timestamp, Unit};

use super::{
    Known, Listing, PLAN_FORMAT, Plan, PlanHeader, Proposed, Refusal, Safeguard, Safeguards, Step,
    safeguards, sealed,
};
use crate::discover::Inventory;
use crate::facts::Facts;
use crate::policy::PolicySource;

/// Why a saved plan cannot be applied any more.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Stale {
    /// It was written by another version of tbengine.
    #[error("unknown format `{0}`; this tbengine reads {PLAN_FORMAT}")]
    Format(String),
    /// It is too old.
    #[error("made {} ago; plans are valid for {}", humantime::format_duration(*.age), humantime::format_duration(*.valid))]
    TooOld {
        /// How old it is, in whole seconds.
        age: Duration,
        /// How long plans are valid.
        valid: Duration,
    },
    /// It was made later than now.
    #[error("made at {0}, which is in the future")]
    Future(Timestamp),
    /// A backend is connected to another account now.
    #[error("backend `{backend}` was connected to `{planned}`, now to `{now}`")]
    Account {
        /// The backend.
        backend: String,
        /// The account then.
        planned: String,
        /// The account now.
        now: String,
    },
    /// The policy is not the one that decided.
    #[error("policy `{name}` has changed: its digest was {planned}, now {now}")]
    Policy {
        /// Its name.
        name: String,
        /// Its digest then.
        planned: String,
        /// Its digest now.
        now: String,
    },
    /// The configuration is not what it was.
    #[error("the configuration has changed: its digest was {planned}, now {now}")]
    Configuration {
        /// Its digest then.
        planned: String,
        /// Its digest now.
        now: String,
    },
    /// It is not as it was saved.
    #[error("the file was edited after it was saved")]
    Edited,
    /// It names one resource twice.
    #[error("it has two steps for {0}")]
    Twice(ResourceId),
    /// Its steps do not fit together.
    #[error("step {0} waits for a later step")]
    Order(usize),
}

/// Checks what must hold for the whole plan.
///
/// # Errors
/// [`Stale`] with what differs.
pub fn check(
    plan: &Plan,
    policy: &PolicySource,
    configuration: &str,
    inventory: &Inventory,
    valid: Duration,
    now: Timestamp,
) -> Result<(), Stale> {
    let header = &plan.header;
    if header.format != PLAN_FORMAT {
        return Err(Stale::Format(header.format.clone()));
    }
    if plan
        .digest
        .as_ref()
        .is_some_and(|digest| *digest != sealed::digest(plan))
    {
        return Err(Stale::Edited);
    }
    match header.created.age(now) {
        None => return Err(Stale::Future(header.created)),
        Some(age) if age > valid => {
            return Err(Stale::TooOld {
                age: Duration::from_secs(age.as_secs()),
                valid,
            });
        }
        Some(_) => {}
    }
    if header.policy.digest != policy.digest || header.policy.params != policy.params {
        return Err(Stale::Policy {
            name: header.policy.name.clone(),
            planned: header.policy.digest.clone(),
            now: policy.digest.clone(),
        });
    }
    let mut targets = HashSet::with_capacity(plan.steps.len());
    if let Some(step) = plan.steps.iter().find(|step| {
        let Identity {
            account,
            kind,
            native,
            ..
        } = &step.target;
        !targets.insert((account, kind, native))
    }) {
        return Err(Stale::Twice(step.target.id()));
    }
    for (backend, planned) in &header.accounts {
        // A backend that does not answer is not stale: its steps will be deferred.
        if let Some(account) = inventory.accounts.get(backend)
            && account.id != *planned
        {
            return Err(Stale::Account {
                backend: backend.to_string(),
                planned: planned.to_string(),
                now: account.id.to_string(),
            });
        }
    }
    if header.configuration != configuration {
        return Err(Stale::Configuration {
            planned: header.configuration.clone(),
            now: configuration.to_owned(),
        });
    }
    let misplaced = |(index, step): (usize, &Arc<Step>)| {
        step.after
            .iter()
            .any(|before| *before >= index)
            .then_some(index)
    };
    match plan.steps.iter().enumerate().find_map(misplaced) {
        Some(index) => Err(Stale::Order(index)),
        None => Ok(()),
    }
}

/// Lets the safeguards look again at every step, with the facts of now. A protection that came after the
/// plan wins; a step that is refused takes those along that the safeguards then refuse. What belongs together goes or
/// stays as one: if a member of a unit has changed, somebody is at work there, and the others of the unit stay as well.
///
/// A step whose resource was not listed stays in the plan, and says so: no safeguard has looked at it, so nothing
/// is sent for it. It counts for the limits.
pub fn revise(
    plan: Plan,
    inventory: &Inventory,
    facts: &Facts,
    safeguards: &Safeguards,
    now: Timestamp,
) -> Plan {
    let by_id: HashMap<ResourceId, (usize, &Resource)> = inventory
        .resources
        .iter()
        .enumerate()
        .map(|(index, resource)| (resource.identity.id(), (index, resource)))
        .collect();
    let mut refusals = plan.refusals;
    let mut unlisted = HashMap::new();
    let mut unchanged = Vec::new();
    let mut changed_units: HashMap<(&str, &str), &str> = HashMap::new();
    let refuse = |step: &Step, detail| Refusal {
        target: step.target.clone(),
        name: step.name.clone(),
        action: step.action.kind(),
        reason: step.reason.clone(),
        safeguard: Safeguard::Changed,
        detail,
    };
    for step in &plan.changed {
        if let Some(unit) = unit_of(inventory, &step.target, step.unit.as_ref()) {
            changed_units.insert(unit, &step.name);
        }
    }
    for step in &plan.steps {
        match by_id.get(&step.target.id()) {
            None => {
                let Identity { backend, kind, .. } = &step.target;
                // Who names no account has not listed anything.
                let is_known = inventory.accounts.contains_key(backend)
                    && inventory.has_listed(backend, *kind);
                let listing = match is_known {
                    true => Listing::Absent,
                    false => Listing::Unknown,
                };
                unlisted.insert(step.target.id(), listing);
            }
            Some((index, resource)) => match difference(step, resource) {
                None => unchanged.push((step, *index, *resource)),
                Some(detail) => {
                    if let Some(unit) =
                        unit_of(inventory, &resource.identity, resource.unit.as_ref())
                    {
                        changed_units.insert(unit, &step.name);
                    }
                    refusals.push(refuse(step, detail));
                }
            },
        }
    }
    let mut proposed = Vec::with_capacity(unchanged.len());
    for (step, index, resource) in unchanged {
        let unit = unit_of(inventory, &resource.identity, resource.unit.as_ref());
        match unit.and_then(|unit| changed_units.get(&unit)) {
            Some(member) => {
                let detail = format!("`{member}` of the same unit has changed");
                refusals.push(refuse(step, detail));
            }
            None => proposed.push(Proposed {
                index,
                resource,
                action: step.action,
                reason: &step.reason,
                priority: step.priority,
                alone: step.alone,
                ran: step.state.is_running(),
            }),
        }
    }
    let context = safeguards::Context {
        safeguards,
        facts,
        inventory,
        now,
        scope: &plan.header.scope,
    };
    let (survivors, refused) = safeguards::examine(&context, proposed);
    let blast_radius = super::blast_radius::examine(&context, &survivors, unlisted.len());
    refusals.extend(refused);
    let listed = survivors
        .iter()
        .map(|proposal| (proposal.resource.identity.id(), Listing::Present));
    let surviving: HashMap<ResourceId, Listing> = listed.chain(unlisted).collect();
    let alone = survivors.iter().filter(|proposal| proposal.alone);
    let alone: HashSet<ResourceId> = alone.map(|one| one.resource.identity.id()).collect();
    let mut steps = keep(plan.steps, &surviving);
    for step in &mut steps {
        let id = step.target.id();
        if !step.alone && alone.contains(&id) {
            let step = Arc::make_mut(step);
            step.alone = true;
            step.along.clear();
        }
        if let Some((_, resource)) = by_id.get(&id) {
            Arc::make_mut(step).known = Known::of(&context, resource);
        }
    }
    Plan {
        header: PlanHeader {
            clocks: inventory.clocks.notable(),
            ..plan.header
        },
        steps,
        refusals,
        blast_radius,
        digest: None,
        following: inventory.cursors.clone(),
        changed: Vec::new(),
    }
}

/// The account and the unit of a resource. What many units may share belongs to none.
fn unit_of<'a>(
    inventory: &Inventory,
    identity: &'a Identity,
    unit: Option<&'a Unit>,
) -> Option<(&'a str, &'a str)> {
    let info = inventory.kinds.info(&identity.backend, identity.kind);
    if info.is_none_or(|info| info.shared) {
        return None;
    }
    Some((&identity.account, &unit?.0))
}

impl Plan {
    /// The plan with only the steps that act on these resources, in their order.
    #[must_use]
    pub fn keeping(mut self, targets: &HashSet<ResourceId>) -> Self {
        let listings = self.steps.iter().filter_map(|step| {
            let id = step.target.id();
            targets.contains(&id).then_some((id, step.listing))
        });
        let surviving = listings.collect();
        self.steps = keep(self.steps, &surviving);
        self
    }
}

/// Keeps the surviving steps in their order, and points `after` at their new indices.
fn keep(steps: Vec<Arc<Step>>, surviving: &HashMap<ResourceId, Listing>) -> Vec<Arc<Step>> {
    let mut new_index: HashMap<usize, usize> = HashMap::new();
    let mut kept = Vec::new();
    for (index, mut step) in steps.into_iter().enumerate() {
        if let Some(listing) = surviving.get(&step.target.id()) {
            new_index.insert(index, kept.len());
            let after: Vec<usize> = step
                .after
                .iter()
                .filter_map(|before| new_index.get(before).copied())
                .collect();
            if after != step.after || *listing != step.listing {
                let step = Arc::make_mut(&mut step);
                step.after = after;
                step.listing = *listing;
            }
            kept.push(step);
        }
    }
    kept
}

/// What a step's resource no longer has in common with what the plan saw, if it matters.
///
/// What ran and has ended since may still be deleted; what had ended and runs, or was started again in between, may not:
/// the policy evaluated something else. So it is with what the backend declares to [bind](super::Bound) a step.
pub fn difference(step: &Step, now: &Resource) -> Option<String> {
    if let Some(what) = identity_difference(&step.target, &now.identity) {
        // What could be read only in part may show its time of creation less exactly.
        return Some(match &now.damaged {
            Some(damage) if step.target.id() == now.identity.id() => in_part(damage),
            _ => what,
        });
    }
    if let Some(what) = life_difference(step, now) {
        return Some(what);
    }
    // What cannot be read may be a label that protects it, or a fact that binds the step.
    if (!step.damaged || !step.bound.is_empty())
        && let Some(damage) = &now.damaged
    {
        return Some(in_part(damage));
    }
    step.bound.iter().find_map(|bound| bound.difference(now))
}

fn in_part(damage: &Damage) -> String {
    format!("only part of it could be read: {}", damage.message)
}

fn life_difference(step: &Step, now: &Resource) -> Option<String> {
    let ran = step.state.is_running();
    if !ran && now.state.is_running() {
        return Some(format!("it was {}, now {}", step.state, now.state));
    }
    // Between two runs of a restart policy it begins anew all the time, and nobody's hand is in that.
    let restarts = [step.state, now.state].contains(&State::Restarting);
    if step.started == now.started || restarts {
        return None;
    }
    // Some providers forget the start of what has ended.
    if ran && !now.state.is_running() && (step.started.is_none() || now.started.is_none()) {
        return None;
    }
    Some(match ran {
        true => "it was started again since the plan was made".into(),
        false => "it ran again after the plan was made".into(),
    })
}

fn identity_difference(planned: &Identity, now: &Identity) -> Option<String> {
    if planned == now {
        return None;
    }
    let what = if planned.account != now.account {
        "it now belongs to another account"
    } else if planned.created != now.created {
        "another resource has its id now: creation times differ"
    } else {
        "another resource has its id now"
    };
    Some(what.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tbengine_sdk::Kind;

    use super::*;

    fn container(damaged: bool) -> Resource {
        let identity = Identity {
            backend: "docker".into(),
            account: "a".into(),
            kind: Kind::CONTAINER,
            native: "1".into(),
            created: None,
        };
        let mut container = Resource::new(identity, "web", State::Exited);
        container.damaged = damaged.then(|| Damage {
            message: "layer does not exist".into(),
            code: None,
        });
        container
    }

    fn step(damaged: bool) -> Step {
        serde_json::from_value(json!({
            "target": container(false).identity,
            "class": "compute",
            "name": "web",
            "state": "exited",
            "damaged": damaged,
            "action": { "do": "delete", "force": "never", "grace-ms": 0 },
            "reason": "the test says so",
        }))
        .unwrap()
    }

    #[test]
    fn what_ran_may_have_ended_since_but_not_have_been_started_again() {
        let at = |seconds| Some(Timestamp::from_unix_seconds(seconds));
        let ran = Step {
            state: State::Running,
            started: at(100),
            ..step(false)
        };
        let ended = |started| Resource {
            started,
            ..container(false)
        };
        assert_eq!(difference(&ran, &ended(at(100))), None);
        // A provider may forget it.
        assert_eq!(difference(&ran, &ended(None)), None);
        let again = difference(&ran, &ended(at(200))).unwrap();
        assert!(again.contains("started again"), "{again}");
    }

    #[test]
    fn what_was_whole_and_is_read_in_part_now_has_changed() {
        assert_eq!(difference(&step(false), &container(false)), None);
        let changed = difference(&step(false), &container(true)).unwrap();
        assert!(changed.contains("layer does not exist"), "{changed}");
        // The plan saw it so, and the safeguards let it pass.
        assert_eq!(difference(&step(true), &container(true)), None);
    }
}
