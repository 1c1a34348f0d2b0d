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
//! - [`veto`]: a veto that goes by names
//! - [`fate`]: what has to become of what a world has
//! - [`world`]: what a seed makes
//! - [`drive`]: plan, apply, cut short, and do it again
//! - [`check`]: the promises
//! - [`seen`]: what occurred, so that what never does is noticed
//! - [`figures`]: how many failures and requests given faults cost

pub mod check;
pub mod drive;
pub mod fate;
pub mod figures;
pub mod policy;
pub mod seen;
pub mod veto;
pub mod world;

pub use drive::{Stats, simulate};
pub use seen::Seen;

/// The command that repeats a seed.
pub fn repeat(seed: u64) -> String {
    format!("cargo run --release -p tbengine-simulation -- --seeds 1 --from {seed}")
}

/// Lets panics that a script asks for pass without a message. All others still show theirs.
pub fn quiet_scripted_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.to_string().contains("scripted panic") {
                tell(info);
            }
        }));
    });
}
