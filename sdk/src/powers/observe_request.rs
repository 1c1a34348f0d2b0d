//! Which creations to wait for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Which creations to wait for, since when, and how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct ObserveRequest {
    /// The attachment, as [`attach`](crate::Backend::attach) named it.
    pub attachment: String,
    /// Where the last answer ended; `None` is the beginning of the attachment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// How long to wait for a first creation. A backend may answer earlier with none.
    #[serde(rename = "wait-ms", with = "crate::milliseconds::needed")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub wait: Duration,
}
