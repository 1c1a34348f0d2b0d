//! A failed attempt, and what a policy wants done about it.

use std::time::Duration;

use tbengine_sdk::{Error, Resource};

use super::lease_state::LeaseState;
use super::operation::Operation;
use super::proposal::Force;
use crate::kinds::{KindFacts, Kinds};

/// An attempt that failed, as a policy sees it.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The resource as it was last read, with the owner that the plan knew.
    pub resource: Resource,
    /// What its backend declares of its kind.
    pub kind: KindFacts,
    /// Whether the run whose id it carries was still going on when the plan was made.
    pub lease: LeaseState,
    /// What was tried.
    pub operation: Operation,
    /// When it may be killed.
    pub force: Force,
    /// Why, in the policy's words.
    pub reason: String,
    /// What the backend said.
    pub error: Error,
    /// The attempt that failed; 1 is the first.
    pub attempt: u32,
    /// The round of attempts; 2 is the second.
    pub round: u32,
    /// Since the first attempt of this step began.
    pub elapsed: Duration,
}

impl Failure {
    /// A failed attempt to delete a resource of a kind that is declared in the usual way, which may not be killed.
    pub fn new(resource: Resource, error: Error, attempt: u32) -> Self {
        let identity = &resource.identity;
        Self {
            kind: Kinds::default().facts(&identity.backend, identity.kind),
            resource,
            lease: LeaseState::None,
            operation: Operation::Delete,
            force: Force::Never,
            reason: String::new(),
            error,
            attempt,
            round: 1,
            elapsed: Duration::ZERO,
        }
    }
}

/// What a policy wants done about a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryAdvice {
    /// What the engine does by itself.
    NoOpinion,
    /// Try no more, for this reason.
    GiveUp(String),
    /// Try again.
    After {
        /// How long to wait; bounded by the engine.
        delay: Duration,
        /// Whether the next attempt may kill, where the plan allowed [`Force::OnRetry`](super::Force::OnRetry).
        escalate: bool,
    },
}
