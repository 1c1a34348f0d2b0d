//! The clocks of providers, where they are not this machine's.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tbengine_sdk::Timestamp;

use crate::skew::Skew;

/// The clocks of the providers whose clock is known to differ from this machine's, by backend. A provider dates
/// its resources by its own clock, so ages count by that one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Clocks(BTreeMap<Arc<str>, Skew>);

impl Clocks {
    /// Whether none differs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How far the clock of a backend is off, if it is known to be.
    pub fn skew(&self, backend: &str) -> Option<Skew> {
        self.0.get(backend).copied()
    }

    /// The time at a backend when it is `now` here.
    pub fn now_at(&self, backend: &str, now: Timestamp) -> Timestamp {
        self.skew(backend).map_or(now, |skew| skew.theirs(now))
    }

    /// A time that a backend says, as this machine's clock showed it.
    pub(crate) fn here(&self, backend: &str, at: Timestamp) -> Timestamp {
        self.skew(backend).map_or(at, |skew| skew.ours(at))
    }

    /// Adds those of others.
    pub fn extend(&mut self, others: &Self) {
        let others = others.0.iter();
        self.0
            .extend(others.map(|(name, skew)| (name.clone(), *skew)));
    }

    /// Those that are off by so much that somebody should know, as they are written down.
    #[must_use]
    pub fn notable(&self) -> Self {
        let all = self.0.iter().map(|(name, skew)| (name.clone(), *skew));
        all.filter(|(_, skew)| skew.is_notable())
            .map(|(name, skew)| (name, Skew::from(i64::from(skew))))
            .collect()
    }
}

impl FromIterator<(Arc<str>, Skew)> for Clocks {
    fn from_iter<T: IntoIterator<Item = (Arc<str>, Skew)>>(skews: T) -> Self {
        Self(skews.into_iter().collect())
    }
}
