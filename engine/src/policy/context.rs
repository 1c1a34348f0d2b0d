//! What a policy knows besides the resources.

use std::sync::Arc;

use tbengine_sdk::{Resource, Timestamp};

/// What a policy knows besides the resources.
#[derive(Clone, Debug)]
pub struct PolicyContext {
    /// The only clock a policy has.
    pub now: Timestamp,
    /// The run it decides for.
    pub run_id: Arc<str>,
    /// Whether nothing will be deleted whatever the policy says.
    pub dry_run: bool,
    /// Whether the operator named running resources by a label in the scope, and so claimed them.
    pub claimed: bool,
    /// The backends in whose accounts everything is the operator's.
    pub exclusive: Vec<Arc<str>>,
}

impl PolicyContext {
    /// Whether the operator says that a resource is theirs.
    pub(super) fn claims(&self, resource: &Resource) -> bool {
        self.claimed || self.exclusive.contains(&resource.identity.backend)
    }
}
