//! What a policy is to the engine: it proposes, the engine disposes.
//!
//! [`Policy`] is what the stages see, and these are its words:
//!
//! - `interface`: what is asked of a policy
//! - `context`, `candidate`: what it is asked about, with `backend_facts`, `lease_state`
//! - `interest`, `wants`: what it is sent, and which expensive facts are collected for it
//! - `answer`, `proposal`: what it says
//! - `failure`, `operation`: a failed attempt, and its advice
//! - `fault`, `log_line`: how it fails, and what it logged
//! - `veto`: what takes proposals away, and what it is asked
//!
//! The WASM host that implements it for `.wasm` components is in the modules below, in the order a policy
//! passes through them:
//!
//! - [`contract`]: the versions of the contract that it may speak
//! - [`engine`]: compiles components, and keeps what it compiled
//! - [`load`]: what a component must be before anything in it runs
//! - [`description`]: what a policy says of itself
//! - [`params`]: the operator's parameters, checked against the description
//! - [`configured`]: a policy with its parameters; implements [`Policy`]
//! - `compiled_veto`, `configured_veto`: the same for vetoes; implements [`Veto`]
//! - `compiled`: what is known of a component from then on
//! - `value`: how parameters and limits are written
//! - `batch`: which candidates go into one call
//! - `convert`: candidates to records, and answers back, for each version of the contract
//! - `guest`: the same questions to a policy of any version
//! - `call`: one call, in an instance of its own
//! - `state`: what the host keeps for an instance, and grants it
//! - `log`: what a guest logged, up to a limit
//! - `bounded`: other texts of a guest, up to a limit
//! - [`mod@pack`]: makes a component of a core module
//! - [`limits`]: how much a call may use
//! - `wasi`: the frozen world that a guest sees
//! - `examine`: what went wrong in a guest
//! - `bindings`: the contract, generated
//!
//! Calls block, and guests that use WASI enter a tokio runtime: from async code, call
//! [`Policy::decide`] and [`Policy::retry`] in `tokio::task::spawn_blocking`. On a worker thread of
//! the runtime such a guest would panic.

mod answer;
mod backend_facts;
mod batch;
mod bindings;
mod bodies;
mod bounded;
mod call;
mod candidate;
mod compiled;
mod compiled_veto;
pub mod configured;
mod configured_veto;
mod context;
pub mod contract;
mod convert;
pub mod description;
pub mod engine;
mod examine;
mod failure;
mod fault;
mod guest;
mod interest;
mod interface;
mod lease_state;
pub mod limits;
pub mod load;
mod log;
mod log_line;
mod operation;
pub mod pack;
pub mod params;
mod proposal;
mod spent;
mod state;
mod value;
mod veto;
mod wants;
mod wasi;
mod zone;

pub use crate::kinds::KindFacts;
pub use answer::Answer;
pub use backend_facts::BackendFacts;
pub use batch::MAX_BATCH;
pub use candidate::{Candidate, Dependent};
pub use compiled_veto::CompiledVeto;
pub use configured::ConfiguredPolicy;
pub use configured_veto::ConfiguredVeto;
pub use context::PolicyContext;
pub use contract::Version;
pub use description::{Description, Judging, Param, ParamType};
pub use engine::{EngineError, PolicyEngine, PolicyEngineOptions};
pub use failure::{Failure, RetryAdvice};
pub use fault::{Fault, FaultKind};
pub use interest::{Interest, Selection};
pub use interface::{Policy, PolicySource};
pub use lease_state::LeaseState;
pub use limits::Limits;
pub use load::{CompiledPolicy, LoadError};
pub use log_line::LogLine;
pub use operation::Operation;
pub use pack::{PackError, Packed, pack};
pub use params::ConfigError;
pub use proposal::{Force, Proposal, Verdict};
pub use spent::Spent;
pub use veto::{Review, Reviewed, Veto, Vetoed};
pub use wants::Wants;
pub use zone::Zone;
