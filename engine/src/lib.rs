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
//! *decisions*. *Safeguards* refuse those that are not safe; what is left is the *plan*, made of *steps*.
//! Applying a plan is a *run*: each step takes one or more *attempts* and ends in exactly one
//! *outcome*. *Events* say what happens as it happens; the *report* sums it up.
//!
//! The program that embeds it brings backends, a policy, and the time. Here they are the simulated provider with its
//! leaked resources and the built-in policy `aggressive`:
//!
//! ```
//! use std::sync::Arc;
//!
//! use tbengine_engine::apply::{ApplyOptions, Control};
//! use tbengine_engine::owners::Owners;
//! use tbengine_engine::plan::Safeguards;
//! use tbengine_engine::policy::{Limits, Policy, PolicyEngine, PolicyEngineOptions};
//! use tbengine_engine::report::Event;
//! use tbengine_engine::scope::Scope;
//! use tbengine_engine::{Engine, EngineOptions, Facts};
//! # use tbengine_sdk::{OpenRequest, Timestamp, host::OpenBackend};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let now = Timestamp::from_unix_seconds(1_800_000_000);
//! # let request = OpenRequest {
//! #     name: "memory".into(),
//! #     config: Default::default(),
//! #     environment: Default::default(),
//! #     now,
//! # };
//! # let memory = Arc::new(tbengine_memory::Memory::open(request)?);
//! # let backend = OpenBackend::new("memory", "memory", memory);
//! # let aggressive = tbengine_builtins::get("aggressive").unwrap().wasm;
//! let policies = PolicyEngine::new(PolicyEngineOptions::default())?;
//! let policy = policies.load(aggressive, "aggressive")?;
//! let policy: Arc<dyn Policy> = Arc::new(policy.configure(&Default::default(), Limits::default())?);
//!
//! let options = EngineOptions {
//!     run: "run-1".into(),
//!     now,
//!     scope: Scope::default(),
//!     sizes: false,
//!     account_of_nothing: true,
//!     safeguards: Safeguards::default(),
//!     apply: ApplyOptions::default(),
//! };
//! // Whose things are: the rules that are built in.
//! let owners = Arc::new(Owners::embedded()?);
//! let engine = Engine::new(vec![backend], options).recognising(owners);
//! let mut see = |event: &Event| println!("{:?}", event.kind);
//!
//! let inventory = Arc::new(engine.discover(&mut see).await);
//! // What the safeguards are to know besides: leases, and what is in quarantine. Here there is nothing.
//! let facts = Facts::default();
//! let planned = engine
//!     .plan(inventory, &facts, &policy, "aggressive", false, &mut see)
//!     .await;
//! // A limit may refuse the plan as a whole, and the program that embeds the engine has to ask.
//! assert!(planned.plan.blast_radius.is_none());
//!
//! let control = Control::default();
//! let report = engine
//!     .apply(planned.plan, &policy, &control, None, &mut see)
//!     .await;
//! // Every step has exactly one outcome.
//! assert!(!report.outcomes.is_empty() && !report.has_failures());
//! # Ok(())
//! # }
//! ```
//!
//! The modules, in the order data flows:
//!
//! - [`run`]: the five stages on one screen
//! - [`scope`]: which resources the policy gets to see
//! - [`terms`]: what counts as made under a lease
//! - [`discover`]: ask every backend
//! - [`policy`]: what a policy is, and the WASM host
//! - [`owners`]: whose a resource is, as far as facts prove it
//! - [`decide`]: ask the policy
//! - [`facts`]: what the safeguards know besides the inventory
//! - [`plan`]: safeguards, order, limits; pure
//! - [`apply`]: apply the plan, and report to a ledger
//! - [`report`]: events, outcomes, the report
//! - [`record`]: an inventory in a file, to judge it again
//! - [`clock`], [`clocks`], [`skew`]: the time here, and at the providers
//! - [`digest`]: SHA-256 of what is written

pub mod apply;
pub mod clock;
pub mod clocks;
pub mod decide;
pub mod digest;
pub mod discover;
pub mod duration;
pub mod facts;
pub mod kinds;
pub mod owners;
pub mod plan;
pub mod policy;
pub mod record;
pub mod report;
pub mod run;
pub mod scope;
pub mod skew;
pub mod terms;

pub use facts::Facts;
pub use run::{Engine, EngineOptions, Planned};
