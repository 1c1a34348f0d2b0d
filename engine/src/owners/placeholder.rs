//! What stands for a value of the resource itself.

use std::fmt;

use super::seen::Seen;

/// What stands for a value of the resource itself: `{name}`, `{unit}`, `{label:KEY}`, `{attr:KEY}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// Its name.
    Name,
    /// The unit that the backend gave it.
    Unit,
    /// A label, by its key.
    Label(String),
    /// An attribute, by its key.
    Attr(String),
}

impl Placeholder {
    /// Reads what stands between the braces.
    pub(super) fn read(inside: &str) -> Option<Self> {
        match inside.split_once(':') {
            None if inside == "name" => Some(Self::Name),
            None if inside == "unit" => Some(Self::Unit),
            Some(("label", key)) if !key.is_empty() => Some(Self::Label(key.to_owned())),
            Some(("attr", key)) if !key.is_empty() => Some(Self::Attr(key.to_owned())),
            _ => None,
        }
    }

    /// What it stands for, if that is there and not empty.
    pub(super) fn value<'a>(&self, seen: &Seen<'a>) -> Option<&'a str> {
        let value = match self {
            Self::Name => Some(seen.name),
            Self::Unit => seen.unit,
            Self::Label(key) => seen.labels.get(key),
            Self::Attr(key) => seen.attrs.get(key),
        };
        value.filter(|value| !value.is_empty())
    }
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("{name}"),
            Self::Unit => f.write_str("{unit}"),
            Self::Label(key) => write!(f, "{{label:{key}}}"),
            Self::Attr(key) => write!(f, "{{attr:{key}}}"),
        }
    }
}
