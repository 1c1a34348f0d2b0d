//! Facts in past tense. Every reporter, human or machine, consumes this one stream.

use std::sync::Arc;

use serde::Serialize;
use tbengine_sdk::{Account, Error, Timestamp};

use super::outcome::{Outcome, ResourceIdText};
use super::summary::Report;
use crate::discover::{ListFailure, SharedAccount};
use crate::plan::{ActionKind, BlastRadius};
use crate::policy::{Fault, LogLine, PolicySource};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    tag = "event"
)]
pub enum EventKind {
    /// A backend was asked for everything it has.
    BackendListed {
        /// The backend.
        backend: Arc<str>,
        /// The account behind it.
        account: Account,
        /// How many resources it has.
        resources: usize,
    },
    /// Several backends lead to one account, or to accounts that show one id.
    AccountShared(SharedAccount),
    /// A backend, or a kind of its resources, could not be listed.
    ListFailed(ListFailure),
    /// The policy has evaluated what is in scope.
    PolicyDecided {
        /// The policy.
        policy: PolicySource,
        /// How many resources it evaluated.
        candidates: usize,
        /// How many it wants deleted, archived or stopped.
        proposals: usize,
        /// What it logged.
        log: Vec<LogLine>,
    },
    /// The policy could not decide, so nothing will be deleted.
    PolicyFailed(Fault),
    /// The plan was made.
    PlanMade {
        /// How many steps survived the safeguards.
        steps: usize,
        /// How many decisions the safeguards refused.
        refusals: usize,
        /// What refused the plan as a whole.
        blast_radius: Option<BlastRadius>,
    },
    /// The plan began to be applied.
    RunStarted {
        /// The run.
        run: Arc<str>,
        /// How many steps it has.
        steps: usize,
    },
    /// An attempt of a step began.
    AttemptStarted {
        /// The number of the step.
        step: usize,
        /// The resource.
        id: ResourceIdText,
        /// What is to be done.
        action: ActionKind,
        /// 1 is the first.
        attempt: u32,
    },
    /// A running resource was asked to end by itself.
    StopRequested {
        /// The number of the step.
        step: usize,
        /// The resource.
        id: ResourceIdText,
        /// How long it may take.
        grace_ms: u64,
    },
    /// An attempt failed, and there will be another.
    AttemptFailed {
        /// The number of the step.
        step: usize,
        /// The resource.
        id: ResourceIdText,
        /// 1 is the first.
        attempt: u32,
        /// Why it failed.
        error: Error,
        /// How long until the next attempt.
        delay_ms: u64,
    },
    /// A backend asked for fewer requests, or does not answer: it is given time.
    BackendPaused {
        /// The backend.
        backend: Arc<str>,
        /// Why.
        error: Error,
        /// How long until the next request.
        delay_ms: u64,
    },
    /// A backend that was paused answers again.
    BackendResumed {
        /// The backend.
        backend: Arc<str>,
    },
    /// A backend will not be asked for anything more in this run.
    BackendStopped {
        /// The backend.
        backend: Arc<str>,
        /// Why.
        error: Error,
    },
    /// A step ended.
    StepFinished(Outcome),
    /// The run was asked to stop; what is in progress will finish.
    RunInterrupted {
        /// How many steps are under way.
        in_flight: usize,
    },
    /// The run stopped by itself, because the journal or the lease was lost.
    RunHalted {
        /// Why.
        why: String,
    },
    /// The run ended.
    RunFinished(Report),
}
