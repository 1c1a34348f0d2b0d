//! What a policy asks to be told.

use std::cell::RefCell;

use crate::types::{Costly, Interest, Selection};

impl Interest {
    /// Every label and attribute, and no expensive facts.
    pub fn everything() -> Self {
        Self {
            labels: Selection::Everything,
            attrs: Selection::Everything,
            wants: Costly::empty(),
        }
    }

    /// These labels and attributes only, and no expensive facts.
    pub fn only(labels: Selection, attrs: Selection) -> Self {
        Self {
            labels,
            attrs,
            wants: Costly::empty(),
        }
    }

    /// Asks for expensive facts as well.
    #[must_use]
    pub fn wanting(mut self, facts: Costly) -> Self {
        self.wants |= facts;
        self
    }
}

impl Selection {
    fn admits(&self, key: &str) -> bool {
        match self {
            Selection::Everything => true,
            Selection::Nothing => false,
            Selection::Only(keys) => keys.iter().any(|wanted| wanted == key),
        }
    }
}

thread_local! {
    /// What the policy of this component asked for; nothing outside of one, as in its tests.
    static ASKED: RefCell<Option<Interest>> = const { RefCell::new(None) };
}

/// Remembers what the policy asked for.
pub(crate) fn remember(interest: &Interest) {
    if cfg!(debug_assertions) {
        ASKED.set(Some(interest.clone()));
    }
}

pub(crate) fn assert_label(key: &str) {
    assert_admitted("label", key, |asked| &asked.labels);
}

pub(crate) fn assert_attr(key: &str) {
    assert_admitted("attribute", key, |asked| &asked.attrs);
}

fn assert_admitted(what: &str, key: &str, selection: fn(&Interest) -> &Selection) {
    if cfg!(debug_assertions) {
        ASKED.with_borrow(|asked| {
            let is_admitted = asked
                .as_ref()
                .is_none_or(|asked| selection(asked).admits(key));
            assert!(
                is_admitted,
                "the policy reads the {what} `{key}`, which its interest does not name"
            );
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::keys;

    #[test]
    #[should_panic(expected = "reads the label `team`, which its interest does not name")]
    fn reading_a_label_that_was_not_asked_for_is_a_mistake() {
        assert_label("team");
        remember(&Interest::only(keys(["owner"]), Selection::Everything));
        assert_label("owner");
        assert_attr("image");
        assert_label("team");
    }
}
