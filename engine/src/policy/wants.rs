//! Which expensive facts a policy asks for.

/// Which expensive facts a policy asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Sizes that are slow to determine.
    pub sizes: bool,
    /// The free space of disks.
    pub disks: bool,
    /// Since when a running resource has been idle.
    pub samples: bool,
    /// What is remembered of a resource from earlier runs.
    pub history: bool,
    /// Prices.
    pub prices: bool,
}
