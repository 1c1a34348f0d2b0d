//! End-to-end tests: the real binary over the simulated provider.
//!
//! - `host`: a home directory, a configuration and a way to run tbengine there
//! - `pty`: a terminal, for what is asked there
//! - one module per subject

mod config;
mod doctor;
mod explain;
mod failures;
mod host;
mod hostile;
mod interrupt;
mod journal;
mod lease;
mod list;
mod plan;
mod plugin;
mod policy;
mod pty;
mod registry;
mod run;
mod saved;
mod usage;
