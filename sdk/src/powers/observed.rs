//! What was made through an attachment.

use serde::{Deserialize, Serialize};

use crate::identity::Identity;

/// What was made through an attachment since a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Observed {
    /// What was made, with the creation time where the provider has one: a name can be used again by somebody else.
    pub made: Vec<Identity>,
    /// Where the next request goes on.
    pub cursor: String,
    /// Whether something that was made may be missing here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
}
