//! What the built-in policies have in common: they differ in a [`Profile`] only.
//!
//! - [`profile`]: what tells one built-in policy from another
//! - [`settings`]: the parameters, and their values
//! - [`scope`]: which resources are considered at all
//! - [`newest`]: which ones `keep-newest` spares
//! - [`judge`]: the rules
//! - [`reason`]: the texts
//! - [`retry`]: how hard to try

pub mod judge;
pub mod newest;
pub mod profile;
pub mod reason;
pub mod retry;
pub mod scope;
pub mod settings;

pub use profile::{AGGRESSIVE, DEFAULT, Profile};
pub use settings::Settings;

#[cfg(test)]
mod samples;
