//! What the policy is asked about a failed attempt.

use std::sync::Arc;
use std::time::Duration;

use tbengine_sdk::{Error, ErrorKind, Owner, Resource};

use super::attempt::StepAttempt;
use crate::plan::{Action, Step};
use crate::policy::{Failure, Force, KindFacts, Operation, Policy, PolicyContext, RetryAdvice};

/// What a policy is asked about besides the failure itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// What its backend declares of the kind of the resource.
    pub(super) kind: KindFacts,
    /// The attempt, counted in its round.
    pub(super) attempt: u32,
    /// The round.
    pub(super) round: u32,
}

impl Question {
    /// The failed attempt at a step. `read` is the resource as it was last read, if it ever was.
    pub(super) fn failure(
        self,
        step: &Step,
        read: Option<&Resource>,
        error: &Error,
        elapsed: Duration,
    ) -> Failure {
        let mut resource = read.cloned().unwrap_or_else(|| {
            let mut planned = Resource::new(step.target.clone(), step.name.clone(), step.state);
            (planned.started, planned.unit) = (step.started, step.unit.clone());
            planned
        });
        if step.known.owner != Owner::Unknown {
            resource.owner = step.known.owner.clone();
        }
        let (operation, force) = match step.action {
            Action::Stop { .. } => (Operation::Stop, Force::Never),
            Action::Archive { .. } => (Operation::Archive, Force::Never),
            Action::Delete { force, .. } => (Operation::Delete, force),
        };
        Failure {
            resource,
            kind: self.kind,
            lease: step.known.lease,
            operation,
            force,
            reason: step.reason.clone(),
            error: error.clone(),
            attempt: self.attempt,
            round: self.round,
            elapsed,
        }
    }
}

/// What the backend of an attempt declares of the kind of its resource.
pub(super) fn kind_of(attempt: &StepAttempt) -> KindFacts {
    let kind = attempt.step.target.kind;
    let mut declared = attempt.calls.open.capabilities.kinds.iter();
    declared
        .find(|info| info.kind == kind)
        .map_or(KindFacts::undeclared(kind), KindFacts::from)
}

/// Whether the policy is asked about such a failure. The others concern the whole backend, or are final.
pub(super) fn is_for_policy(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Transient | ErrorKind::Conflict | ErrorKind::Dependency | ErrorKind::Stuck
    )
}

/// Asks the policy what to do about a failure. A fault of the policy counts as no opinion.
pub(super) async fn ask(
    policy: Arc<dyn Policy>,
    context: PolicyContext,
    failure: Failure,
) -> RetryAdvice {
    let asked = tokio::task::spawn_blocking(move || policy.retry(&context, &failure)).await;
    match asked {
        Ok(Ok(advice)) => advice,
        Ok(Err(fault)) => {
            tracing::warn!(%fault, "the policy gave no retry advice");
            RetryAdvice::NoOpinion
        }
        Err(panic) => {
            tracing::warn!(%panic, "the policy host panicked");
            RetryAdvice::NoOpinion
        }
    }
}
