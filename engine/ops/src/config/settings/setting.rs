//! A value with where it came from.

use std::fmt;

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: Source,
}

impl<T: Clone> Setting<T> {
    /// Takes this value, unless a flag or a variable says another.
    pub(super) fn unless_said(&mut self, value: &T) {
        if matches!(
            self.source,
            Source::Default | Source::File | Source::Project
        ) {
            self.value = value.clone();
        }
    }
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything else.
    Default,
    /// The configuration file of the user.
    File,
    /// The configuration file of a project, in the working directory.
    Project,
    /// A variable of the environment.
    Variable,
    /// A flag.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Source::Default => "default",
            Source::File | Source::Project => "file",
            Source::Variable => "variable",
            Source::Flag => "flag",
        })
    }
}
