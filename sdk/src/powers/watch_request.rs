//! What to follow.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::kind::Kind;

/// Which changes to wait for, since when, and how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct WatchRequest {
    /// The kinds to tell of, each of which [can be watched](crate::Can::watch).
    pub kinds: Vec<Kind>,
    /// Where the last answer ended; `None` begins now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// How long to wait for a first change. A backend may answer earlier with none.
    #[serde(rename = "wait-ms", with = "crate::milliseconds::needed")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub wait: Duration,
}
