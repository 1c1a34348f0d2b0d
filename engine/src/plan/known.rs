//! What the plan knew of a resource that a read does not show.

use std::sync::Arc;

use tbengine_sdk::{Owner, Resource, Usage};

use super::safeguards::Context;
use crate::policy::LeaseState;

/// What the plan knew of a resource that a read does not show, for the policy's retry advice. It is not written
/// down: a plan that was saved learns it anew when it is checked against the world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Who owns it as far as facts prove.
    pub owner: Owner,
    /// Whether the run whose id it carries was still going on.
    pub lease: LeaseState,
    /// Whether the operator claimed it.
    pub claimed: bool,
    /// Whether it goes with its lease, whatever becomes of its unit.
    pub swept: bool,
    /// What it takes up, and frees when it is gone.
    pub usage: Usage,
    /// What to do instead of deleting it, if its owner makes it anew.
    pub hint: Option<Arc<str>>,
}

impl Known {
    pub(super) fn of(context: &Context<'_>, resource: &Resource) -> Self {
        Self {
            owner: resource.owner.clone(),
            lease: context.facts.lease_of(resource),
            claimed: context.claims(resource),
            swept: context.facts.only.is_some(),
            usage: resource.usage,
            hint: context.inventory.hint_of(&resource.owner),
        }
    }
}
