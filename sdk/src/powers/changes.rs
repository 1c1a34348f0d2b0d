//! What happened since a cursor.

use serde::{Deserialize, Serialize};

use super::Change;

/// What happened since a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Changes {
    /// In the order in which they happened, as far as one resource is concerned.
    pub changes: Vec<Change>,
    /// Where the next request goes on.
    pub cursor: String,
    /// Whether something that happened since the cursor of the request may be missing here: list again. Never a
    /// reason to delete more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
}
