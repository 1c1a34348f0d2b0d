//! What a fact is about.

use std::fmt;

/// What a fact is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A label, by its key.
    Label(String),
    /// An attribute, by its key.
    Attr(String),
    /// The name.
    Name,
    /// All names.
    Names,
    /// The name of a resource of this kind that it uses.
    Uses(String),
    /// Whose the rest of its unit is.
    UnitOf(String),
    /// Whose all of its users are.
    UsersOf(String),
    /// Whose something in its account is.
    AccountHas(String),
}

impl Subject {
    /// The owner whose other resources it is about.
    pub(super) fn owner(&self) -> Option<&str> {
        match self {
            Self::UnitOf(owner) | Self::UsersOf(owner) | Self::AccountHas(owner) => Some(owner),
            _ => None,
        }
    }

    /// Whether another subject has the same origin, so that both are one fact: a name is one of the names.
    pub(super) fn is_of_one_origin(&self, other: &Self) -> bool {
        let is_name = |subject: &Self| matches!(subject, Self::Name | Self::Names);
        self == other || is_name(self) && is_name(other)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(key) => write!(f, "label {key}"),
            Self::Attr(key) => write!(f, "attribute {key}"),
            Self::Name => f.write_str("name"),
            Self::Names => f.write_str("each of its names"),
            Self::Uses(kind) => write!(f, "{kind} that it uses"),
            Self::UnitOf(owner) => {
                write!(f, "another member of its unit is proven to be of {owner}")
            }
            Self::UsersOf(owner) => write!(f, "it has users, and all are proven to be of {owner}"),
            Self::AccountHas(owner) => {
                write!(f, "something in its account is proven to be of {owner}")
            }
        }
    }
}
