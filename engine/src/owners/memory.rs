//! What was proven before.

use std::collections::BTreeSet;

/// What was proven in an account lately: by this a network is recognised when its containers are gone.
pub trait Memory: Send + Sync {
    /// Whether a member of a unit was proven to be of an owner.
    fn unit_was_of(&self, account: &str, unit: &str, owner: &str) -> bool;

    /// Whether anything in an account was proven to be of an owner.
    fn account_had(&self, account: &str, owner: &str) -> bool;
}

/// No memory: all that counts is what is there now.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMemory;

impl Memory for NoMemory {
    fn unit_was_of(&self, _account: &str, _unit: &str, _owner: &str) -> bool {
        false
    }

    fn account_had(&self, _account: &str, _owner: &str) -> bool {
        false
    }
}

/// What was proven before, as it was read from where it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    units: BTreeSet<(String, String, String)>,
    accounts: BTreeSet<(String, String)>,
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
}
