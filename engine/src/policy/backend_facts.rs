//! The facts about a backend that a policy gets.

use std::sync::Arc;

use tbengine_sdk::Disk;

/// The facts about a backend that a policy gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackendFacts {
    /// The configured name.
    pub name: Arc<str>,
    /// The kind of backend, like `docker`; empty where that is not known, as for a recording.
    pub provider: Arc<str>,
    /// What tells two accounts of one provider apart; empty where nothing was found in it.
    pub account: Arc<str>,
    /// The currency of prices, in ISO 4217.
    pub currency: Option<String>,
    /// Whether everything in it could be listed.
    pub complete: bool,
    /// The disks that its resources are on, if that was asked for and could be read.
    pub disks: Vec<Disk>,
}
