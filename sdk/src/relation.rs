//! How resources of one backend are tied to each other.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::identity::ResourceId;
use crate::kind::Kind;

/// A resource of the same backend that this one names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Relation {
    /// The kind of the other one.
    pub kind: Kind,
    /// Its native id.
    pub native: String,
    /// How it is tied to this one.
    #[serde(default, skip_serializing_if = "Bond::is_uses")]
    pub bond: Bond,
}

/// How a resource is tied to another one that it names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Bond {
    /// Deleting it deletes the other one, which does not go by itself: a container its anonymous volumes, a job
    /// its pods, which would come back.
    Owns,
    /// Deleting it deletes the other one, which may also go by itself, before it: a sandbox those linked to it.
    Leads,
    /// It uses the other one, which cannot go before it: a container its network. A word that this version does
    /// not know is read so, since that is the bond that deletes nothing.
    #[default]
    #[serde(other)]
    Uses,
}

impl Bond {
    /// The word for it in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Uses => "uses",
            Self::Owns => "owns",
            Self::Leads => "leads",
        }
    }

    /// Whether deleting the one that names deletes the other one as well.
    pub const fn takes_along(self) -> bool {
        matches!(self, Self::Owns | Self::Leads)
    }

    fn is_uses(&self) -> bool {
        *self == Self::Uses
    }
}

impl Relation {
    /// A resource that is used.
    pub fn uses(kind: Kind, native: impl Into<String>) -> Self {
        Self {
            kind,
            native: native.into(),
            bond: Bond::Uses,
        }
    }

    /// A resource that goes along, and not by itself.
    pub fn owns(kind: Kind, native: impl Into<String>) -> Self {
        Self {
            bond: Bond::Owns,
            ..Self::uses(kind, native)
        }
    }

    /// The id of the resource that is named, in the backend of the one that names it.
    pub fn target(&self, backend: &Arc<str>) -> ResourceId {
        ResourceId {
            backend: backend.clone(),
            kind: self.kind,
            native: self.native.clone(),
        }
    }
}
