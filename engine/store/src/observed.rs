//! Something that the holder of a lease saw being created under it.

use serde::{Deserialize, Serialize};
use tbengine_sdk::{Kind, Timestamp};

/// Something that the holder of a lease saw being created under it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Observed {
    /// What it is.
    pub kind: Kind,
    /// Its native id.
    pub native: String,
    /// When it was created, by the provider's clock, where others can make something else of the same id. `None`
    /// where the provider never gives an id twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
}
