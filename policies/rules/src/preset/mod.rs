//! Policies for one benchmark. They delete what it provably made and left behind, unit by unit, and have
//! no opinion about anything else, so that a shared host or account is safe.
//!
//! - [`profile`]: what tells one of them from another
//! - [`settings`]: the parameters, and their values
//! - [`mod@unit`]: which resources belong together
//! - [`activity`]: whether a unit is finished
//! - [`stamp`]: the start of a run, as it is written in names
//! - [`judge`]: the rules for units: containers, networks and volumes
//! - [`sandboxes`]: the rules for cloud sandboxes
//! - [`shared`]: the rules for images and snapshots

pub mod activity;
pub mod judge;
pub mod profile;
pub mod sandboxes;
pub mod settings;
pub mod shared;
pub mod stamp;
pub mod unit;

pub use judge::PresetJudge;
pub use profile::{HARBOR, Preset, TERMINAL_BENCH};
pub use settings::PresetSettings;

#[cfg(test)]
mod samples;
