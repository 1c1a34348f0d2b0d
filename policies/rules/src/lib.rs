//! What the built-in policies have in common.
//!
//! `default` and `aggressive` judge each resource by itself; they differ in a [`Profile`] only:
//!
//! - [`profile`]: what tells one of them from another
//! - [`settings`]: the parameters, and their values
//! - [`scope`]: which resources are considered at all
//! - [`newest`]: which ones `keep-newest` spares
//! - [`judge`]: the rules
//!
//! `harbor` and `terminal-bench` judge whole units of one benchmark, and nothing else:
//!
//! - [`preset`]: all of it
//!
//! Both use:
//!
//! - [`reason`]: the texts
//! - [`effort`]: how hard is tried
//! - [`retry`]: the advice after a failed attempt

pub mod effort;
pub mod judge;
pub mod newest;
pub mod preset;
pub mod profile;
pub mod reason;
pub mod retry;
pub mod scope;
pub mod settings;

pub use preset::{HARBOR, Preset, PresetSettings, TERMINAL_BENCH};
pub use profile::{AGGRESSIVE, DEFAULT, Profile};
pub use settings::Settings;

#[cfg(test)]
mod samples;
