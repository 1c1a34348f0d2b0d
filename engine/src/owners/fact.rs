//! Something that may hold of a resource.

use std::fmt;

use super::pattern::Pattern;
use super::seen::{Around, Seen};
use super::subject::Subject;

/// Something that may hold of a resource.
#[derive(Clone, Debug)]
pub struct Fact {
    /// What it is about.
    pub subject: Subject,
    /// What is said of it.
    pub predicate: Predicate,
    /// Whether nobody types this by chance.
    pub rare: bool,
}

/// What is said of the subject of a fact.
#[derive(Clone, Debug)]
pub enum Predicate {
    /// It is there.
    There,
    /// It is this text.
    Is(String),
    /// The whole of it is like this.
    Like(Pattern),
}

/// What a rule needs: a fact, or one of several.
#[derive(Clone, Debug)]
pub enum Condition {
    /// A fact.
    One(Fact),
    /// Facts of which one is enough.
    Any(Vec<Fact>),
}

impl Fact {
    /// Whether it holds. What is about something that is not there does not.
    pub(super) fn holds(&self, seen: &Seen<'_>, around: &dyn Around) -> bool {
        let said = |text: &str| self.says(text, seen);
        match &self.subject {
            Subject::Label(key) => seen.labels.get(key).is_some_and(said),
            Subject::Attr(key) => seen.attrs.get(key).is_some_and(said),
            Subject::Name => said(seen.name),
            Subject::Names => !seen.names.is_empty() && seen.names.iter().all(|name| said(name)),
            Subject::Uses(kind) => around.used(kind).into_iter().any(said),
            Subject::UnitOf(owner) => around.unit_is_of(owner),
            Subject::UsersOf(owner) => around.users_are_of(owner),
            Subject::AccountHas(owner) => around.account_has(owner),
        }
    }

    /// Whether the text that it is about is as it says.
    pub(super) fn says(&self, text: &str, seen: &Seen<'_>) -> bool {
        self.predicate.holds(text, seen)
    }
}

impl Predicate {
    fn holds(&self, text: &str, seen: &Seen<'_>) -> bool {
        match self {
            Self::There => true,
            Self::Is(wanted) => text == wanted,
            Self::Like(pattern) => pattern.fits(text, seen),
        }
    }
}

impl Condition {
    /// The facts, of which one has to hold.
    pub fn facts(&self) -> &[Fact] {
        match self {
            Self::One(fact) => std::slice::from_ref(fact),
            Self::Any(facts) => facts,
        }
    }

    pub(super) fn holds(&self, seen: &Seen<'_>, around: &dyn Around) -> bool {
        self.facts().iter().any(|fact| fact.holds(seen, around))
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.subject)?;
        match &self.predicate {
            Predicate::There => Ok(()),
            Predicate::Is(text) => write!(f, " is `{text}`"),
            Predicate::Like(pattern) => write!(f, " is like `{}`", pattern.as_str()),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fact) in self.facts().iter().enumerate() {
            if index > 0 {
                f.write_str(", or ")?;
            }
            write!(f, "{fact}")?;
        }
        Ok(())
    }
}
