//! A simulated provider with leaked resources of every sort.
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
//! - [`backend`]: the `Backend` that the engine calls, and the handle that tests hold
//! - [`faults`]: what goes wrong with which call
//! - [`chaos`]: what goes wrong by chance on a bad day
//! - [`provider`]: the state behind it, and what a provider does and refuses
//! - [`oracle`]: what really happened

pub mod backend;
pub mod chaos;
pub mod config;
pub mod faults;
pub mod make;
pub mod oracle;
pub mod provider;
pub mod seed;

pub use backend::Memory;
pub use chaos::Chaos;
pub use config::MemoryConfig;
pub use faults::{Fault, FaultRates, Operation};
pub use make::{Make, container, image, network, sandbox, snapshot, volume};
pub use oracle::{Deleter, Deletion, Oracle, Request};
pub use provider::Act;

tbengine_sdk::backend!(
    "memory",
    "A simulated provider with leaked resources of every sort",
    Memory::open
);
