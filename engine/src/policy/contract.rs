//! The versions of the contract that this engine supports.

use std::fmt;

/// A version of the contract. Types are frozen within a major one, so that a policy that was built
/// for it goes on working; what it lacks comes with the next major version, beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// `tbengine:policy@2`.
    V2,
    /// `tbengine:policy@3`: kinds are data, and more facts are known.
    V3,
}

impl Version {
    /// Every version, the oldest first.
    pub const ALL: [Version; 2] = [Version::V2, Version::V3];
    /// What new policies are built for.
    pub const NEWEST: Version = Version::V3;

    /// The major number.
    pub const fn major(self) -> u64 {
        match self {
            Version::V2 => 2,
            Version::V3 => 3,
        }
    }

    /// The version of major number `major`, if this engine supports it.
    pub fn of_major(major: u64) -> Option<Version> {
        Self::ALL
            .into_iter()
            .find(|version| version.major() == major)
    }

    /// The contract itself, as WIT.
    pub const fn wit(self) -> &'static str {
        match self {
            Version::V2 => include_str!("../../../sdk/policy/wit/2.0/policy.wit"),
            Version::V3 => include_str!("../../../sdk/policy/wit/3.0/policy.wit"),
        }
    }

    /// The interface that exports a function of a policy.
    pub(super) fn interface_of(self, function: &str) -> &'static str {
        match (self, function) {
            (Version::V3, "describe" | "configure") => "setup",
            _ => "hooks",
        }
    }

    /// The facts that policies of this version do not get and those of the newest do, for people.
    pub const fn missing_facts(self) -> &'static [&'static str] {
        match self {
            Version::V2 => &[
                "kinds other than container, sandbox, network, volume, image and snapshot (they are `other`)",
                "that an owner keeps a resource on purpose",
                "prices, and the bytes that a deletion frees",
                "backends and their accounts, disks and currencies",
                "what is deleted along with a resource, and whether all of its users are known",
                "what an attempt failed on, apart from its id: name, owner, labels, reason and force",
            ],
            Version::V3 => &[],
        }
    }

    /// The majors this engine supports, for messages: `2.x and 3.x`.
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
