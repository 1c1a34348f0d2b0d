//! The units of which something has changed since the plan was made.

use std::collections::HashMap;
use std::sync::Arc;

use tbengine_sdk::Unit;
use tbengine_sdk::host::OpenBackend;

use crate::plan::Step;

/// The units of which something turned out changed at its attempt, each with the name of that member. Somebody is at
/// work there, so what belongs to them stays as well.
#[derive(Default)]
pub(super) struct ChangedUnits(HashMap<(Arc<str>, Unit), String>);

impl ChangedUnits {
    /// Notes that the resource of a step has changed.
    pub(super) fn note(&mut self, step: &Step, backend: Option<&OpenBackend>) {
        if let Some(unit) = unit_of(step, backend) {
            self.0.entry(unit).or_insert_with(|| step.name.clone());
        }
    }

    /// The name of the member that has changed of the unit of a step.
    pub(super) fn member(&self, step: &Step, backend: Option<&OpenBackend>) -> Option<&str> {
        if self.0.is_empty() {
            return None;
        }
        let member = self.0.get(&unit_of(step, backend)?)?;
        Some(member)
    }
}

/// The account and the unit that a resource lives and dies with. What many units may share belongs to none, and what a
/// lease proves goes with the lease.
fn unit_of(step: &Step, backend: Option<&OpenBackend>) -> Option<(Arc<str>, Unit)> {
    let info = backend?.capabilities.kind(step.target.kind)?;
    let is_part = !info.shared && !step.known.swept;
    let unit = step.unit.as_ref().filter(|_| is_part)?;
    Some((step.target.account.clone(), unit.clone()))
}
