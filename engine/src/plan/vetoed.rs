//! What vetoes take away of a plan.

use std::collections::HashMap;

use tbengine_sdk::{ResourceId, Timestamp};

use super::{Plan, Refusal, Safeguard, Safeguards, saved};
use crate::discover::Inventory;
use crate::facts::Facts;

impl Plan {
    /// The plan without the steps on these resources, for these reasons, and without whatever they use: what uses
    /// it stays.
    #[must_use]
    pub fn without_vetoed(
        mut self,
        veto: &str,
        reasons: &HashMap<ResourceId, String>,
        inventory: &Inventory,
        facts: &Facts,
        safeguards: &Safeguards,
        now: Timestamp,
    ) -> Self {
        if reasons.is_empty() {
            return self;
        }
        let vetoed = self.steps.iter().filter_map(|step| {
            let reason = reasons.get(&step.target.id())?;
            Some(Refusal {
                target: step.target.clone(),
                name: step.name.clone(),
                action: step.action.kind(),
                reason: step.reason.clone(),
                safeguard: Safeguard::Veto,
                detail: format!("{veto}: {reason}"),
            })
        });
        let vetoed: Vec<Refusal> = vetoed.collect();
        let left = self.steps.iter().map(|step| step.target.id());
        let left = left.filter(|id| !reasons.contains_key(id)).collect();
        self = self.keeping(&left);
        self.refusals.extend(vetoed);
        // The safeguards look at what is left: what used to go with its users may stay now.
        saved::revise(self, inventory, facts, safeguards, now)
    }
}
