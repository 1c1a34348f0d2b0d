//! Something that may not be allowed.

use serde::{Deserialize, Serialize};

use super::Operation;
use crate::identity::Identity;
use crate::kind::Kind;

/// Something that may not be allowed: on one resource, or on every resource of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Act {
    /// What is done.
    pub operation: Operation,
    /// To which kind.
    pub kind: Kind,
    /// To which resource; `None` is any of the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Identity>,
}

impl Act {
    /// Something that is done to any resource of a kind.
    pub const fn on_any(operation: Operation, kind: Kind) -> Self {
        Self {
            operation,
            kind,
            target: None,
        }
    }
}
