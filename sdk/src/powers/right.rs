//! Whether something is allowed.

use serde::{Deserialize, Serialize};

use super::Act;

/// Whether the credentials allow something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Right {
    /// What was asked about.
    pub act: Act,
    /// Whether it is allowed.
    pub allowed: bool,
    /// Why it is not, for people, e.g. the permission that is missing. May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What the operator can do about it, as one sentence. May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
}
