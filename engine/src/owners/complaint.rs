//! What is wrong with a rule, and where it is written.

use std::fmt;

use super::line::line_of;

/// What is wrong with an owner or a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Where it is, from the table of owners on: `harbor`, `rule`, `2`, `all`, `0`.
    pub at: Vec<String>,
    /// What is wrong.
    pub message: String,
}

/// A file of rules that is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{location}: {message}")]
pub struct OwnersError {
    /// The file, with the line if that is known.
    pub location: String,
    /// What is wrong.
    pub message: String,
}

impl Complaint {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            at: Vec::new(),
            message: message.into(),
        }
    }

    /// The same, one level further in.
    #[must_use]
    pub(super) fn within(mut self, key: impl fmt::Display) -> Self {
        self.at.insert(0, key.to_string());
        self
    }

    /// The complaint with its line, where `table` is the name of the table of owners.
    pub fn in_file(&self, file: &str, text: &str, table: &str) -> OwnersError {
        let keys: Vec<&str> = std::iter::once(table)
            .chain(self.at.iter().map(String::as_str))
            .collect();
        OwnersError {
            location: match line_of(text, &keys) {
                Some(line) => format!("{file}:{line}"),
                None => file.to_owned(),
            },
            message: self.message.clone(),
        }
    }
}
