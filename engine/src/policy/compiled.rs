//! What is known of a component once it is compiled, linked and described.

use super::contract::Version;
use super::description::Description;
use super::guest::GuestPre;
use super::state::State;

/// A component that is compiled, linked and described.
pub(super) struct Compiled {
    pub(super) pre: GuestPre<State>,
    pub(super) description: Description,
    pub(super) digest: String,
    /// How many instances may work at once.
    pub(super) threads: usize,
    pub(super) version: Version,
    pub(super) exports: Vec<String>,
    pub(super) imports: Vec<String>,
    pub(super) origin: String,
}
