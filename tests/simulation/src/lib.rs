//! The engine over simulated providers, in simulated time, driven by a seed.
//!
//! One seed makes one world: how many resources on how many backends, what goes wrong with which call,
//! who else works there, and how the run is cut short. After each run the providers' oracles, which know
//! what really happened, are compared with what the engine planned and reported. A seed whose world
//! breaks a promise is printed as one command that repeats it.
//!
//! The modules, in the order data flows:
//!
//! - [`policy`]: a policy that wants nearly everything gone
//! - [`world`]: what a seed makes
//! - [`drive`]: plan, apply, cut short, and do it again
//! - [`check`]: the promises
//! - [`figures`]: how many failures and requests given faults cost

pub mod check;
pub mod drive;
pub mod figures;
pub mod policy;
pub mod world;

pub use drive::{Stats, simulate};

/// The command that repeats a seed.
pub fn repeat(seed: u64) -> String {
    format!("cargo run --release -p tbengine-simulation -- --seeds 1 --from {seed}")
}
