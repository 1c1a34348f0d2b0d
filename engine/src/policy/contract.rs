//! The versions of the contract that this engine speaks.

use std::fmt;

/// A version of the contract. Types are frozen within a major one, so that a policy that was built
/// for it goes on working; what it lacks comes with the next major version, beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// `tbengine:policy@1`.
    V1,
    /// `tbengine:policy@2`: adds the verdict `archive`.
    V2,
}

impl Version {
    /// Every version, the oldest first.
    pub const ALL: [Version; 2] = [Version::V1, Version::V2];
    /// What new policies are built for.
    pub const NEWEST: Version = Version::V2;

    /// The major number.
    pub const fn major(self) -> u64 {
        match self {
            Version::V1 => 1,
            Version::V2 => 2,
        }
    }

    /// The version of major number `major`, if this engine speaks it.
    pub fn of_major(major: u64) -> Option<Version> {
        Self::ALL
            .into_iter()
            .find(|version| version.major() == major)
    }

    /// The contract itself, as WIT.
    pub const fn wit(self) -> &'static str {
        match self {
            Version::V1 => include_str!("../../../sdk/policy/wit/1.0/policy.wit"),
            Version::V2 => include_str!("../../../sdk/policy/wit/2.0/policy.wit"),
        }
    }

    /// The majors this engine speaks, for messages: `1.x and 2.x`.
    pub(super) fn all_for_people() -> String {
        Self::ALL
            .map(|version| format!("{}.x", version.major()))
            .join(" and ")
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tbengine:policy@{}.0.0", self.major())
    }
}
