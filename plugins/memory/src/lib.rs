//! Simulated provider for demos and tests.
//!
//! Users meet it as `--backend memory`: a believable host after several killed benchmark runs, on
//! which every command can be tried without harm. Tests drive it as [`Memory`]: they fill it, script
//! its faults, and compare what tbengine reports with what the [`Oracle`] knows. Its only clock is
//! tokio's, so a test with paused time decides what happens when.
//!
//! The modules, in the order data flows:
//!
//! - [`config`]: the backend's table of the configuration
//! - [`seed`]: the leaked inventory, made from a seed
//! - [`make`]: resources that a test puts there
//! - [`backend`]: the `Backend` that the engine calls, the handle that tests hold, and what they learn from it
//! - [`faults`]: what goes wrong with which call
//! - [`chaos`]: what goes wrong by chance on a bad day
//! - [`external_change`]: changes that someone else makes
//! - [`provider`]: the state behind it, and what a provider does and refuses
//! - `kinds`: what it has
//! - `entry`: a resource as the provider keeps it
//! - `change_log`: what happened lately, for those who watch
//! - `attachments`: commands whose creations are reported
//! - [`record`]: what was asked for, and what was deleted

mod attachments;
pub mod backend;
mod change_log;
pub mod chaos;
pub mod config;
mod entry;
pub mod external_change;
pub mod faults;
mod kinds;
pub mod make;
pub mod provider;
pub mod record;
pub mod seed;

pub use attachments::RUN_VARIABLE;
pub use backend::{Memory, Oracle, Script};
pub use chaos::Chaos;
pub use config::MemoryConfig;
pub use external_change::ExternalChange;
pub use faults::{Fault, FaultRates, Operation};
pub use kinds::BUILD_CACHE;
pub use make::{Make, container, image, network, resource, sandbox, snapshot, volume};
pub use record::{Deleter, Deletion, Met, REFUSALS, Request};

tbengine_sdk::backend!(
    "memory",
    "Simulated provider for demos and tests",
    Memory::open
);
