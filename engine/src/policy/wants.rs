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

impl Wants {
    /// What one of the two asks for.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            sizes: self.sizes || other.sizes,
            disks: self.disks || other.disks,
            samples: self.samples || other.samples,
            history: self.history || other.history,
            prices: self.prices || other.prices,
        }
    }
}
