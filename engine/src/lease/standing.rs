//! Which leases are live: what was made under those is not to be touched.

use std::collections::BTreeSet;

use tbengine_sdk::{Owner, Resource};

use super::ownership::{Belonging, Ownership};
use super::record::Lease;
use super::store::Standing;

/// What the guards know of leases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standings {
    live: Vec<Lease>,
    over: BTreeSet<String>,
    sweep: Option<Ownership>,
}

impl Standings {
    /// What these leases say.
    pub fn new(leases: impl IntoIterator<Item = (Lease, Standing)>) -> Self {
        let mut standings = Self::default();
        for (lease, standing) in leases {
            match standing {
                Standing::Live => standings.live.push(lease),
                Standing::Over | Standing::Ended => drop(standings.over.insert(lease.id)),
            }
        }
        standings
    }

    /// The same for the sweep of one lease: only what was made under that one may be touched.
    #[must_use]
    pub fn sweeping(mut self, ownership: Ownership) -> Self {
        self.live.retain(|lease| lease.id != ownership.lease().id);
        self.sweep = Some(ownership);
        self
    }

    /// The live lease that a resource was made under.
    pub fn live_over(&self, resource: &Resource) -> Option<&Lease> {
        self.live.iter().find(|lease| lease.names(resource))
    }

    /// Whether this is a sweep, and a resource is none of its business.
    pub fn is_foreign(&self, resource: &Resource) -> bool {
        let belonging = self.sweep.as_ref().map(|ownership| ownership.of(resource));
        belonging.is_some_and(|belonging| !matches!(belonging, Belonging::Ours(_)))
    }

    /// Whether leases prove who owns a resource: the run behind it is over, or this is its sweep.
    pub fn prove(&self, resource: &Resource) -> bool {
        let is_over = matches!(&resource.owner, Owner::Run(run) if self.over.contains(run));
        is_over || self.sweep.is_some() && !self.is_foreign(resource)
    }
}
