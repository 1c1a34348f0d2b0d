//! A failed attempt, and what a policy wants done about it.

use std::time::Duration;

use tbengine_sdk::{ErrorKind, Kind, ResourceId};

/// An attempt that failed, as a policy sees it.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The resource.
    pub id: ResourceId,
    /// `stop`, `archive` or `delete`.
    pub operation: &'static str,
    /// The kind of the error.
    pub kind: ErrorKind,
    /// What the backend said.
    pub message: String,
    /// The attempt that failed; 1 is the first.
    pub attempt: u32,
    /// Since the first attempt of this step began.
    pub elapsed: Duration,
    /// What the provider asked for.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// The kind of the resource.
    pub fn resource_kind(&self) -> Kind {
        self.id.kind
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
