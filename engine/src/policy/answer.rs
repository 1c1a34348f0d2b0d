//! What a policy answered, before the engine has checked it.

use super::log_line::LogLine;
use super::proposal::Proposal;

/// What a policy answered, before the engine has checked it.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Its proposals, in the policy's own order.
    pub proposals: Vec<Proposal>,
    /// What it logged.
    pub log: Vec<LogLine>,
}
