//! A sentence of the contract that can be tried, for any runner.

use crate::kind::Kind;

/// One trial, to be run once.
pub struct Case {
    /// The sentence, with underscores.
    pub name: &'static str,
    /// The kind of resource that it is tried with, if it is tried with each.
    pub kind: Option<Kind>,
    /// Runs it.
    pub run: Box<dyn FnOnce() -> CaseEnd + Send>,
}

/// How a trial ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseEnd {
    /// The sentence holds.
    Held,
    /// The sentence says nothing about this provider, and why.
    NotApplicable(String),
    /// It could not be tried, and why.
    Ignored(String),
    /// It does not hold, and what was seen.
    Failed(String),
}
