//! Where resources lie.

use serde::{Deserialize, Serialize};

use crate::kind::Kind;

/// A disk that resources lie on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Disk {
    /// What tells it from the others of this backend, for people: a directory, a pool.
    pub name: String,
    /// How large it is, in bytes.
    pub total_bytes: u64,
    /// What can still be written to it, in bytes; at most `total_bytes`.
    pub free_bytes: u64,
    /// How many files it can hold, where that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_files: Option<u64>,
    /// How many more files it can hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_files: Option<u64>,
    /// The kinds that lie on it; all of them if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Kind>,
}
