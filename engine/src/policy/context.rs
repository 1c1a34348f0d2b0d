//! What a policy knows besides the resources.

use std::sync::Arc;

use tbengine_sdk::{Resource, Timestamp};

use super::backend_facts::BackendFacts;
use super::zone::Zone;
use crate::clocks::Clocks;
use crate::kinds::KindFacts;

/// What a policy knows besides the resources.
#[derive(Clone, Debug)]
pub struct PolicyContext {
    /// The only clock a policy has.
    pub now: Timestamp,
    /// The time zone in which a policy reads the clock.
    pub zone: Zone,
    /// The run it decides for.
    pub run_id: Arc<str>,
    /// Whether nothing will be deleted whatever the policy says.
    pub dry_run: bool,
    /// Whether the operator named running resources by a label in the scope, and so claimed them.
    pub claimed: bool,
    /// The backends in whose accounts everything is the operator's.
    pub exclusive: Vec<Arc<str>>,
    /// The backends, as far as they are known.
    pub backends: Arc<[BackendFacts]>,
    /// The clocks of providers, where they are not this machine's. A guest has one clock, and gets the times of
    /// resources by that one.
    pub clocks: Clocks,
    /// The kinds that the backends declare.
    pub kinds: Arc<[KindFacts]>,
}

impl PolicyContext {
    /// A time and a run, of which nothing is claimed and no backend is known.
    pub fn new(now: Timestamp, run_id: impl Into<Arc<str>>) -> Self {
        Self {
            now,
            zone: Zone::default(),
            run_id: run_id.into(),
            dry_run: false,
            claimed: false,
            exclusive: Vec::new(),
            backends: Arc::default(),
            clocks: Clocks::default(),
            kinds: Arc::default(),
        }
    }

    /// Whether the operator says that a resource is theirs.
    pub(crate) fn claims(&self, resource: &Resource) -> bool {
        self.claimed || self.exclusive.contains(&resource.identity.backend)
    }
}
