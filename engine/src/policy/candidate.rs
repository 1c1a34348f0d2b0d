//! A resource that a policy may evaluate.

use tbengine_sdk::{Identity, Resource};

use super::lease_state::LeaseState;
use crate::kinds::{KindFacts, Kinds};

/// A resource that a policy may evaluate, with what is known of it besides its own facts. The records of every
/// version of the contract are made of this.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its own facts.
    pub resource: &'a Resource,
    /// What its backend declares of its kind.
    pub kind: KindFacts,
    /// The resources that use it.
    pub used_by: &'a [Dependent<'a>],
    /// Whether everything that might use it could be listed.
    pub users_known: bool,
    /// The candidates that are deleted along with it, by their indices.
    pub takes_along: &'a [usize],
    /// Whether something of its unit runs, or might.
    pub unit_runs: bool,
    /// Whether the run whose id it carries is still going on.
    pub lease: LeaseState,
    /// The same for neighbours that must be evaluated in one call, where there are more candidates than
    /// [`MAX_BATCH`](super::MAX_BATCH).
    pub group: usize,
}

/// A resource that uses another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependent<'a> {
    /// What it is.
    pub identity: &'a Identity,
    /// Its index among the candidates, if it is one of them.
    pub candidate: Option<usize>,
}

impl<'a> Candidate<'a> {
    /// One of a kind that is declared in the usual way, which nothing uses, and that belongs together with
    /// nothing else.
    pub fn alone(resource: &'a Resource) -> Self {
        let identity = &resource.identity;
        Self {
            resource,
            kind: Kinds::default().facts(&identity.backend, identity.kind),
            used_by: &[],
            users_known: true,
            takes_along: &[],
            unit_runs: resource.unit.is_some() && resource.state.is_running(),
            lease: LeaseState::None,
            group: 0,
        }
    }
}
