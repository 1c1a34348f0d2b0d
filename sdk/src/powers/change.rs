//! One thing that happened.

use serde::{Deserialize, Serialize};

use crate::identity::Identity;
use crate::kind::Kind;
use crate::resource::Resource;
use crate::time::Timestamp;

/// One thing that happened at a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Change {
    /// It is there, and looks like this.
    Seen {
        /// What [`get`](crate::Backend::get) would have answered.
        resource: Box<Resource>,
    },
    /// Something about it changed; a caller that needs to know what reads it.
    Touched {
        /// Its kind.
        kind: Kind,
        /// Its native id.
        native: String,
        /// When, by the provider's clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// It is gone, of its own or by somebody. Proof, but only of this very identity: where `created` is absent and
    /// ids are used again, it says no more than that something changed under this id.
    Gone {
        /// What is gone.
        identity: Identity,
        /// When, by the provider's clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// Somebody used it, like an image that a container was made from.
    Used {
        /// Its kind.
        kind: Kind,
        /// Its native id.
        native: String,
        /// When, by the provider's clock.
        at: Timestamp,
    },
    /// A change that this version does not know. A follower lists again, as if something were lost.
    #[serde(other)]
    Other,
}

impl Change {
    /// The kind and native id of the resource that it is about; `None` if this version does not know.
    pub fn subject(&self) -> Option<(Kind, &str)> {
        match self {
            Self::Seen { resource } => Some((resource.identity.kind, &resource.identity.native)),
            Self::Touched { kind, native, .. } | Self::Used { kind, native, .. } => {
                Some((*kind, native))
            }
            Self::Gone { identity, .. } => Some((identity.kind, &identity.native)),
            Self::Other => None,
        }
    }
}
