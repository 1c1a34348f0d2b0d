//! A plan on its way to being applied.

use tbengine_engine::Planned;
use tbengine_engine::discover::ListFailure;
use tbengine_engine::facts::{Facts, IdentityKey, Quarantine};
use tbengine_engine::plan::Plan;
use tbengine_engine::policy::Fault;

use crate::discover::ToRemember;

/// A plan on its way to being applied, with what stands in its way.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The plan.
    pub plan: Plan,
    /// What could not be listed.
    pub failures: Vec<ListFailure>,
    /// Why the policy failed, if it did; then the plan is empty.
    pub fault: Option<Fault>,
    /// What is to be remembered of what was found. The first run makes the store in which it is kept.
    pub(crate) found: ToRemember,
    /// The resources of the plan that the operator releases from quarantine.
    pub(crate) released: Vec<IdentityKey>,
    /// How many running resources of unproven owner it ends.
    pub(crate) unproven_running: usize,
}

impl Draft {
    /// The draft of a plan that was just made.
    pub(crate) fn of(planned: Planned, facts: &Facts) -> Self {
        let unproven_running = planned.unproven_running(facts);
        let failures = planned.plan.gaps(&planned.inventory);
        Self {
            found: ToRemember::of(&planned.inventory),
            fault: planned.decisions.fault,
            unproven_running,
            ..Self::revised(planned.plan, failures, &facts.quarantine)
        }
    }

    /// The draft of a plan that was made before, and was looked at again.
    pub(crate) fn revised(plan: Plan, failures: Vec<ListFailure>, quarantine: &Quarantine) -> Self {
        let targets = plan.steps.iter().map(|step| &step.target);
        let released = targets.filter(|one| quarantine.releases(one));
        let released = released.map(IdentityKey::of).collect();
        Self {
            plan,
            failures,
            fault: None,
            found: ToRemember::default(),
            released,
            unproven_running: 0,
        }
    }

    /// Whether nothing of it may be applied: the policy failed, or a limit refuses the plan as a whole.
    pub fn is_refused(&self) -> bool {
        self.fault.is_some() || self.plan.blast_radius.is_some()
    }
}
