//! What the requests of a step came to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the requests of a step to change its resource came to, as far as that was seen. The result says how the step
/// ended; this says whether anything may still happen to the resource because of it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Nothing: no such request was sent, or each was clearly refused.
    #[default]
    None,
    /// A request was sent, and a read after it showed what it was to lead to: gone, ended or archived.
    Verified,
    /// A request was sent, and what it was to lead to was not seen: it may still happen.
    Unknown,
}

impl Effect {
    /// Every effect.
    pub const ALL: [Self; 3] = [Self::None, Self::Verified, Self::Unknown];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Verified => "verified",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
