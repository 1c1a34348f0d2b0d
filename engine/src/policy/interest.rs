//! What a policy is sent.

use tbengine_sdk::Labels;

use super::wants::Wants;

/// Which labels or attributes a policy is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    Everything,
    /// None of them.
    Nothing,
    /// Those with these keys.
    Only(Vec<String>),
}

/// What a policy is sent, and which expensive facts are collected for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interest {
    /// The labels.
    pub labels: Selection,
    /// The attributes.
    pub attrs: Selection,
    /// The expensive facts.
    pub wants: Wants,
}

impl Interest {
    /// All labels and attributes, and no expensive facts.
    pub fn everything() -> Self {
        Self {
            labels: Selection::Everything,
            attrs: Selection::Everything,
            wants: Wants::default(),
        }
    }
}

impl Default for Interest {
    fn default() -> Self {
        Self::everything()
    }
}

impl Selection {
    /// These keys only.
    pub(super) fn only(keys: Vec<String>) -> Self {
        match keys.is_empty() {
            true => Selection::Nothing,
            false => Selection::Only(keys),
        }
    }

    /// Whether a key is sent.
    pub fn admits(&self, key: &str) -> bool {
        match self {
            Selection::Everything => true,
            Selection::Nothing => false,
            Selection::Only(keys) => keys.iter().any(|wanted| wanted == key),
        }
    }

    /// Adds the pairs that are sent.
    pub(super) fn take<'a>(&self, from: &'a Labels, pairs: &mut Vec<(&'a str, &'a str)>) {
        match self {
            Selection::Nothing => {}
            Selection::Everything => pairs.extend(from.iter()),
            Selection::Only(_) => pairs.extend(from.iter().filter(|(key, _)| self.admits(key))),
        }
    }
}
