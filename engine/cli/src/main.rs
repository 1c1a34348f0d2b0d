//! The command line of tbengine: arguments, configuration, output, exit codes.
//!
//! The modules, in the order data flows:
//!
//! - [`world`]: what the process reads of the environment and the clock
//! - [`args`]: the command line
//! - [`config`]: the configuration file, and what is in force
//! - [`start`]: from the command line to a command
//! - [`app`], [`backends`], [`plugins`], [`policies`], [`own`], [`signals`]: what commands work with
//! - [`leases`]: what commands do with leases
//! - [`commands`]: one module per command
//! - [`output`]: everything that is written
//! - [`exit`]: how a command ends

mod app;
mod args;
mod backends;
mod commands;
mod config;
mod exit;
mod leases;
mod output;
mod own;
mod plugins;
mod policies;
mod signals;
mod start;
mod world;

// Linking a plugin registers it.
use tbengine_daytona as _;
use tbengine_docker as _;
use tbengine_memory as _;

/// A plan over many resources is a million small texts; this allocator takes half the time for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    start::start()
}
