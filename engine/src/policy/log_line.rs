//! A line that a policy logged.

use serde::{Deserialize, Serialize};

/// A line that a policy logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// Unescaped: the policy wrote it.
    pub message: String,
}

impl LogLine {
    /// Says that there was more.
    pub(super) fn dropped(lines: u64) -> Self {
        Self {
            level: "warn".to_owned(),
            message: format!("{lines} more lines were dropped"),
        }
    }
}
