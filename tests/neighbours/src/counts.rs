//! What occurred in stories.

use std::collections::BTreeMap;

/// What occurred in stories, and how often: a suite in which something never occurs says nothing of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub BTreeMap<String, u64>);

impl Counts {
    /// Counts something once more.
    pub fn note(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    /// Adds an amount to what is summed up.
    pub fn add_to(&mut self, what: impl Into<String>, amount: u128) {
        *self.0.entry(what.into()).or_default() += u64::try_from(amount).unwrap_or(u64::MAX);
    }

    /// Adds those of another story.
    pub fn add(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            *self.0.entry(what.clone()).or_default() += count;
        }
    }

    /// How often something occurred.
    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }
}
