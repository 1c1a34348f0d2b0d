//! Write a tbengine cleanup policy in Rust.
//!
//! A policy is a type that implements [`Policy`], and one [`export!`] line. This one deletes what
//! ended long enough ago:
//!
//! ```
//! use tbengine_policy::prelude::*;
//!
//! struct LongEnded {
//!     after: Duration,
//! }
//!
//! impl Policy for LongEnded {
//!     fn describe() -> Description {
//!         describe("long-ended", "1.0.0", "Deletes what ended long ago.", Judging::Each)
//!             .param("after", ParamType::Duration, Some("24h"), "How long ago is long.")
//!     }
//!
//!     fn configure(params: &Params) -> Result<Self, ParamError> {
//!         Ok(Self { after: params.required("after")? })
//!     }
//!
//!     fn decide(&self, context: &Context, resources: &[Resource]) -> Result<Vec<Verdict>, String> {
//!         let ended = |one: &&Resource| one.is_dead() && one.age(context).is_some_and(|age| age > self.after);
//!         Ok(resources.iter().filter(ended).map(|one| one.delete("ended long ago")).collect())
//!     }
//! }
//!
//! tbengine_policy::export!(LongEnded);
//! ```
//!
//! Build it as a `cdylib` for `wasm32-unknown-unknown`, and let `wasm-component-ld` (it comes with
//! that target) link it into a component. See `policies/` for whole crates.
//!
//! - [`policy`]: the trait to implement
//! - [`params`]: describing parameters, and reading their values
//! - [`facts`]: questions about a resource
//! - [`verdicts`]: what to answer about it
//! - [`log`]: messages to the operator
//! - [`bindings`]: the types of the WIT, generated
//! - [`rt`]: what the generated code and the engine call

#[rustfmt::skip]
pub mod bindings;
pub mod facts;
pub mod log;
pub mod params;
pub mod policy;
pub mod rt;
pub mod verdicts;

#[cfg(all(target_arch = "wasm32", feature = "allocator"))]
mod allocator;
mod export;

pub use bindings::tbengine::policy::types;
pub use policy::Policy;

// The generated export macro names this crate by its name, also when it is used in here.
extern crate self as tbengine_policy;

/// All that a policy usually needs.
pub mod prelude {
    pub use std::time::Duration;

    pub use crate::params::{ParamError, Params, describe, keys};
    pub use crate::policy::Policy;
    pub use crate::types::{
        Action, Context, Description, Failure, FailureKind, Force, Interest, Judging, Kind, Owner,
        ParamType, Resource, RetryAction, Selection, State, Verdict, Wait,
    };
}
