//! What lets creations carry the id of a lease.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What lets a command's creations carry the id of its lease.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Attached {
    /// What [`observed`](crate::Backend::observed) and [`detach`](crate::Backend::detach) name it by.
    pub attachment: String,
    /// The variables to set for the command, or with `None` to take away.
    #[serde(default)]
    pub environment: BTreeMap<String, Option<String>>,
    /// What gets no label all the same, each in a sentence for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<String>,
}
