//! Policies that evaluate each resource by itself. They differ in a [`Profile`] only.
//!
//! - [`profile`]: what tells one of them from another
//! - [`settings`]: the parameters, and their values
//! - [`scope`]: which resources are considered at all
//! - `newest`: which ones `keep-newest` spares
//! - [`judge`]: the rules

pub mod judge;
mod newest;
pub mod profile;
pub mod scope;
pub mod settings;

pub use judge::Judge;
pub use profile::{AGGRESSIVE, DEFAULT, Profile};
pub use settings::Settings;

#[cfg(test)]
pub(crate) mod samples;
