//! What a policy is to the engine: it proposes, the engine disposes.
//!
//! [`Policy`] is what the stages see. The WASM host that implements it for `.wasm` components is
//! in the modules below, in the order a policy passes through them:
//!
//! - [`contract`]: the versions of the contract that it may speak
//! - [`engine`]: compiles components, and keeps what it compiled
//! - [`load`]: what a component must be before anything in it runs
//! - [`description`]: what a policy says of itself
//! - [`params`]: the operator's parameters, checked against the description
//! - [`configured`]: a policy with its parameters; implements [`Policy`]
//! - `batch`: which candidates go into one call
//! - `convert`: candidates to records, verdicts to proposals
//! - `call`: one call, in an instance of its own
//! - [`mod@pack`]: makes a component of a core module
//! - [`limits`]: how much a call may use
//! - `wasi`: the frozen world that a guest sees
//! - `fault`: what went wrong in a guest
//!
//! Calls block, and guests that use WASI enter a tokio runtime: from async code, call
//! [`Policy::decide`] and [`Policy::retry`] in `tokio::task::spawn_blocking`. On a worker thread of
//! the runtime such a guest would panic.

mod batch;
mod bindings;
mod call;
pub mod configured;
pub mod contract;
mod convert;
pub mod description;
pub mod engine;
mod fault;
pub mod limits;
pub mod load;
pub mod pack;
pub mod params;
mod wasi;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tbengine_sdk::{ErrorKind, Identity, Kind, Resource, ResourceId, Timestamp};

pub use batch::LARGEST_BATCH;
pub use configured::ConfiguredPolicy;
pub use contract::Version;
pub use description::{Description, Judging, Param, ParamType};
pub use engine::{EngineError, PolicyEngine, PolicyEngineOptions};
pub use limits::Limits;
pub use load::{CompiledPolicy, LoadError};
pub use pack::{PackError, Packed, pack};
pub use params::ConfigError;

/// Decides what to delete and how hard to try. Must be callable from many threads at once.
pub trait Policy: Send + Sync {
    /// Which policy this is, for plans and reports.
    fn source(&self) -> &PolicySource;

    /// Judges the candidates. Blocks; call it where blocking is allowed.
    ///
    /// # Errors
    /// A [`Fault`] if the policy could not decide; then nothing is deleted.
    fn decide(
        &self,
        context: &PolicyContext,
        candidates: &[Candidate<'_>],
    ) -> Result<Answer, Fault>;

    /// Gives advice after a failed attempt. Blocks for at most a second.
    ///
    /// # Errors
    /// A [`Fault`] if it could not; then the engine's own schedule applies.
    fn retry(&self, context: &PolicyContext, failure: &Failure) -> Result<RetryAdvice, Fault>;
}

/// Which policy decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PolicySource {
    /// The name it gives itself.
    pub name: String,
    /// The version it gives itself.
    pub version: String,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// The parameters in force, defaults included.
    pub params: std::collections::BTreeMap<String, String>,
}

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
}

/// A resource that a policy may judge.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its facts.
    pub resource: &'a Resource,
    /// The resources that use it; they need not be candidates.
    pub holders: &'a [&'a Identity],
    /// The same for neighbours that must be judged in one call, where there are more candidates than
    /// [`LARGEST_BATCH`].
    pub group: usize,
}

impl<'a> Candidate<'a> {
    /// One that nothing uses, and that belongs together with nothing else.
    pub fn alone(resource: &'a Resource) -> Self {
        Self {
            resource,
            holders: &[],
            group: 0,
        }
    }
}

/// What a policy answered, before the engine has checked it.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Its proposals, in the policy's own order.
    pub proposals: Vec<Proposal>,
    /// What it logged.
    pub log: Vec<LogLine>,
}

/// One opinion about one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The id as the policy wrote it; not yet known to name a candidate.
    pub id: String,
    /// What it proposes.
    pub verdict: Verdict,
    /// Higher goes first.
    pub priority: i32,
}

/// Keep, stop, archive or delete, always with a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// Leave it alone.
    Keep {
        /// Why, in the policy's words.
        reason: String,
    },
    /// End it and leave it there.
    Stop {
        /// Why, in the policy's words.
        reason: String,
        /// How long it may take to end by itself; `None` means the engine's default.
        grace: Option<Duration>,
    },
    /// Move it to cold storage. What runs is ended first, as by `Stop`.
    Archive {
        /// Why, in the policy's words.
        reason: String,
        /// How long what runs may take to end by itself; `None` means the engine's default.
        grace: Option<Duration>,
    },
    /// Delete it.
    Delete {
        /// Why, in the policy's words.
        reason: String,
        /// When it may be killed.
        force: Force,
        /// How long what runs may take to end by itself; `None` means the engine's default.
        grace: Option<Duration>,
    },
}

/// When a running resource may be killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Force {
    /// Never: what runs when its turn comes is left alone.
    #[default]
    Never,
    /// Only where the retry advice escalates to it.
    OnRetry,
    /// From the first attempt on, after the grace period.
    Always,
}

/// A line that a policy logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// Unescaped: the policy wrote it.
    pub message: String,
}

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
        /// Whether the next attempt may kill, where the plan allowed [`Force::OnRetry`].
        escalate: bool,
    },
}

/// A policy that could not do what it was asked. Nothing is deleted on its account.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq, Serialize, Deserialize)]
#[error("policy `{policy}`: {message}")]
#[serde(rename_all = "kebab-case")]
pub struct Fault {
    /// The name of the policy.
    pub policy: String,
    /// The function that failed: `describe`, `configure`, `decide`, `retry`.
    pub function: String,
    /// What sort of fault it was.
    pub kind: FaultKind,
    /// What happened, for people.
    pub message: String,
    /// The guest's frames, innermost first, where it has names for them.
    pub backtrace: Vec<String>,
    /// What the guest wrote to its standard error.
    pub stderr: String,
    /// What it logged before it failed.
    pub log: Vec<LogLine>,
}

/// What sort of fault a policy committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// It trapped: a panic, memory out of bounds, stack overflow.
    Trap,
    /// It ran past its deadline.
    TimedOut,
    /// It used up its fuel.
    OutOfFuel,
    /// It asked for more memory than it may have.
    OutOfMemory,
    /// It sent more to the host than it may.
    TooMuchOutput,
    /// It said itself that it could not decide.
    Refused,
    /// Its answer named a resource it was not asked about, or one twice.
    BadAnswer,
}
