//! Whether the run whose id a resource carries is still going on.

/// Whether the run whose id a resource carries is still going on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeaseState {
    /// It carries no id of a run, and was created under no live lease.
    #[default]
    None,
    /// The run is going on.
    Live,
    /// The run has ended.
    Over,
    /// The run is not known here, so the resource belongs to somebody.
    Foreign,
}

impl LeaseState {
    /// The word for it, as in the contract.
    pub const fn word(self) -> &'static str {
        match self {
            LeaseState::None => "none",
            LeaseState::Live => "live",
            LeaseState::Over => "over",
            LeaseState::Foreign => "foreign",
        }
    }
}
