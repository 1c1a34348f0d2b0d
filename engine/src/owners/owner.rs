//! An owner with its rules.

use std::sync::Arc;

use super::rule::Rule;
use super::what::What;

/// An owner that is known by rules.
#[derive(Clone, Debug)]
pub struct KnownOwner {
    /// Its name.
    pub name: Arc<str>,
    /// What it makes things for.
    pub what: What,
    /// What it makes, in one line.
    pub about: Option<String>,
    /// How it removes things by its own means, in one line.
    pub hint: Option<Arc<str>>,
    /// Where its facts were read.
    pub read: Option<String>,
    /// Whether a benchmark's proof goes before, though this is kept.
    pub yields: bool,
    /// Whether the configuration says something of it.
    pub configured: bool,
    /// Its rules. One that holds is enough.
    pub rules: Vec<Rule>,
}
