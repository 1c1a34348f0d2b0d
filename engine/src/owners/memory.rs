//! What is remembered from earlier runs.

use std::collections::{BTreeSet, HashMap};

use tbengine_sdk::Timestamp;

use crate::facts::IdentityKey;

/// What is remembered from earlier runs: what was proven in an account lately, by which a network is recognised when
/// its containers are gone; and when things were first seen that do not say when they arrived.
pub trait Memory: Send + Sync {
    /// Whether a member of a unit was proven to be of an owner.
    fn unit_was_of(&self, account: &str, unit: &str, owner: &str) -> bool;

    /// Whether anything in an account was proven to be of an owner.
    fn account_had(&self, account: &str, owner: &str) -> bool;

    /// When a resource was first seen. `None` if it was not, or nobody remembers.
    fn first_seen(&self, resource: &IdentityKey) -> Option<Timestamp>;
}

/// No memory: all that counts is what exists now.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMemory;

impl Memory for NoMemory {
    fn unit_was_of(&self, _account: &str, _unit: &str, _owner: &str) -> bool {
        false
    }

    fn account_had(&self, _account: &str, _owner: &str) -> bool {
        false
    }

    fn first_seen(&self, _resource: &IdentityKey) -> Option<Timestamp> {
        None
    }
}

/// What is remembered, as it was read from where it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    units: BTreeSet<(String, String, String)>,
    accounts: BTreeSet<(String, String)>,
    first_seen: HashMap<IdentityKey, Timestamp>,
}

impl Remembered {
    /// Adds that something in an account was proven to be of an owner; if it has a unit, of that one.
    pub fn add(&mut self, account: &str, unit: Option<&str>, owner: &str) {
        self.accounts.insert((account.to_owned(), owner.to_owned()));
        if let Some(unit) = unit {
            let unit = (account.to_owned(), unit.to_owned(), owner.to_owned());
            self.units.insert(unit);
        }
    }

    /// Adds when a resource was first seen.
    pub fn add_first_seen(&mut self, resource: IdentityKey, at: Timestamp) {
        self.first_seen.insert(resource, at);
    }
}

impl Memory for Remembered {
    fn unit_was_of(&self, account: &str, unit: &str, owner: &str) -> bool {
        let wanted = (account.to_owned(), unit.to_owned(), owner.to_owned());
        self.units.contains(&wanted)
    }

    fn account_had(&self, account: &str, owner: &str) -> bool {
        let wanted = (account.to_owned(), owner.to_owned());
        self.accounts.contains(&wanted)
    }

    fn first_seen(&self, resource: &IdentityKey) -> Option<Timestamp> {
        self.first_seen.get(resource).copied()
    }
}
