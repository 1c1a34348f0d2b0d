//! What people mean by a name.

use serde::{Deserialize, Serialize};

use crate::kind::Kind;

/// A name, and where to look for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct FindRequest {
    /// A name, an id, or the beginning of an id, as people type it.
    pub name: String,
    /// The kinds to look among; all of them if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Kind>,
}
