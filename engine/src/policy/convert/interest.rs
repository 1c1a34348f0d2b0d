//! What a policy reads.

use tbengine_sdk::Labels;

use crate::policy::wants::Wants;

/// Which labels or attributes a policy reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Selection {
    Everything,
    Nothing,
    Only(Vec<String>),
}

/// What a policy reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::policy) struct Interest {
    pub(in crate::policy) labels: Selection,
    pub(in crate::policy) attrs: Selection,
    pub(in crate::policy) wants: Wants,
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
    pub(in crate::policy) fn admits(&self, key: &str) -> bool {
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
