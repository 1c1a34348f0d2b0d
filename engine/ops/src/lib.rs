//! What a run, a resume, a sweep, a guard and a lease are: the middle floor between the engine and whoever
//! fronts it (the command line, a service, a program that embeds it).
//!
//! It reads the files that the configuration or a request names, the processes that carry a lease's id, and
//! the store. It does not read the environment, the wall clock, the terminal, signals or arguments: a front
//! hands those in.
//!
//! - [`world`]: what a process reads of the world, once
//! - [`config`]: the configuration file, and what is in force
//! - [`context`]: what every operation works with
//! - [`backends`], [`plugins`], [`policies`]: opening what the configuration names
//! - [`own`]: what tbengine itself runs in
//! - [`facts`]: what the guards are told
//! - [`lease`]: what was made under a lease, and removing it
//! - [`error`]: why an operation could not do its work

pub mod backends;
pub mod config;
pub mod context;
pub mod error;
pub mod facts;
pub mod lease;
pub mod own;
pub mod plugins;
pub mod policies;
pub mod world;

pub use context::{Context, Purpose};
pub use error::Error;
