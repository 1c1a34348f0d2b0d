//! What could be read of something in part only, or not at all.

use serde::{Deserialize, Serialize};

/// Why only part of a resource could be read. What is missing is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Damage {
    /// What the provider answered, for people.
    pub message: String,
    /// The provider's own code, like `docker:500`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Something that a listing showed and that has not even an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Unreadable {
    /// As much of an id or a name as there is, for people.
    pub shown: String,
    /// What is wrong with it, for people.
    pub message: String,
}
