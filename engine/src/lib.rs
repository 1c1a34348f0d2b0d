//! The tbengine library: finds leaked resources, asks a policy what to do, and does it.
//!
//! It knows no provider and no terminal, and reads neither the environment nor the wall clock: the
//! caller hands all of that in, so every test can drive it in simulated time.
//!
//! ```text
//! Backend::list ─► Resource ─► Policy::decide ─► Decision ─► Plan::new ─► Step ─► apply ─► Outcome ─► Report
//!   discover/                     decide/                      plan/          apply/           report/
//! ```
//!
//! The words: a *backend* is one provider reached with one configuration. *Discovery* asks every
//! backend for its *resources* and makes the *inventory*. The *policy* turns what is in *scope* into
//! *decisions*. *Guards* refuse those that are not safe; what is left is the *plan*, made of *steps*.
//! Applying a plan is a *run*: each step takes one or more *attempts* and ends in exactly one
//! *outcome*. *Events* tell what happened as it happens; the *report* sums it up.
//!
//! The modules, in the order data flows:
//!
//! - [`run`]: the five stages on one screen
//! - [`scope`]: which resources the policy gets to see
//! - [`terms`]: what counts as made under a lease
//! - [`discover`]: ask every backend
//! - [`policy`]: what a policy is, and the WASM host
//! - [`decide`]: ask the policy
//! - [`facts`]: what the guards are told besides the inventory
//! - [`plan`]: guards, order, limits; pure
//! - [`apply`]: apply the plan, and tell a ledger
//! - [`report`]: events, outcomes, the report
//! - [`record`]: an inventory in a file, to judge it again
//! - [`digest`]: SHA-256 of what is written

pub mod apply;
pub mod clock;
pub mod decide;
pub mod digest;
pub mod discover;
pub mod duration;
pub mod facts;
pub mod plan;
pub mod policy;
pub mod record;
pub mod report;
pub mod run;
pub mod scope;
pub mod terms;

pub use facts::Facts;
pub use run::{Engine, EngineOptions, Planned};
