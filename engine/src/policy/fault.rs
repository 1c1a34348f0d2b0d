//! How a policy fails.

use serde::{Deserialize, Serialize};

use super::log_line::LogLine;

/// A policy that could not do what it was asked. Nothing is deleted on its account.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq, Serialize, Deserialize)]
#[error("policy `{policy}`: {message}")]
#[serde(rename_all = "kebab-case")]
pub struct Fault {
    /// The name of the policy.
    pub policy: String,
    /// The function that failed: `describe`, `configure`, `decide`, `retry`.
    pub function: String,
    /// The kind of fault.
    pub kind: FaultKind,
    /// What happened, for people.
    pub message: String,
    /// The guest's frames, innermost first, where it has names for them.
    pub backtrace: Vec<String>,
    /// What the guest wrote to its standard error.
    pub stderr: String,
    /// What it logged before it failed.
    pub log: Vec<LogLine>,
}

/// The kind of fault of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// It trapped: a panic, memory out of bounds, stack overflow.
    Trap,
    /// It ran past its deadline.
    TimedOut,
    /// It used up its fuel.
    OutOfFuel,
    /// It asked for more memory than it may have.
    OutOfMemory,
    /// It sent more to the host than it may.
    TooMuchOutput,
    /// It said itself that it could not decide.
    Refused,
    /// Its answer named a resource it was not asked about, or one twice.
    BadAnswer,
}
