//! The facts that prove an owner together.

use std::borrow::Cow;

use super::fact::Condition;
use super::seen::{Around, Seen};
use super::template::Template;

/// The facts that prove an owner together.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name among those of its owner.
    pub id: String,
    /// The kinds of backend it is about; all, if there are none.
    pub providers: Vec<String>,
    /// The kinds of resource it is about; all, if there are none.
    pub kinds: Vec<String>,
    /// The classes of resource it is about; all, if there are none.
    pub classes: Vec<String>,
    /// The unit of the resource, where the backend knows of none.
    pub unit: Option<Template>,
    /// Where the facts were read.
    pub read: Option<String>,
    /// What has to hold.
    pub all: Vec<Condition>,
    /// Of which none may hold.
    pub none: Vec<Condition>,
}

impl Rule {
    /// Whether it is about resources of this sort.
    pub fn is_about(&self, provider: &str, kind: &str, class: &str) -> bool {
        let admits =
            |words: &[String], word: &str| words.is_empty() || words.iter().any(|w| w == word);
        admits(&self.providers, provider)
            && admits(&self.kinds, kind)
            && admits(&self.classes, class)
    }

    /// Whether it holds of a resource that it is about.
    pub(super) fn holds(&self, seen: &Seen<'_>, around: &dyn Around) -> bool {
        self.all.iter().all(|one| one.holds(seen, around))
            && !self.none.iter().any(|one| one.holds(seen, around))
    }

    /// The unit of a resource: the backend's, else the one that the rule gives.
    pub(super) fn unit_of<'a>(&self, seen: &Seen<'a>) -> Option<Cow<'a, str>> {
        match seen.unit {
            Some(unit) => Some(Cow::Borrowed(unit)),
            None => self.unit.as_ref()?.fill(seen).map(Cow::Owned),
        }
    }

    /// The owners whose other resources it looks at.
    pub(super) fn owners_named(&self) -> impl Iterator<Item = &str> {
        let facts = self.all.iter().flat_map(Condition::facts);
        facts.filter_map(|fact| fact.subject.owner())
    }
}
