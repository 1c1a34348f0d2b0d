//! What must still match when the engine acts on a resource.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::time::Timestamp;

/// The name of one resource within one tbengine configuration, written `backend/kind/native`.
///
/// Unique at any one time, but a provider may reuse it: only an [`Identity`] says that two sights
/// of an id are the same resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId {
    /// The configured name of the backend, not its kind.
    pub backend: Arc<str>,
    /// What sort of resource it is.
    pub kind: Kind,
    /// The provider's own id in full. The engine never takes it apart.
    pub native: String,
}

/// A text that is not of the form `backend/kind/native`.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not of the form backend/kind/id, like docker/container/4f3a…")]
pub struct ParseResourceIdError(String);

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.backend, self.kind, self.native)
    }
}

impl FromStr for ResourceId {
    type Err = ParseResourceIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(backend), Some(kind), Some(native))
                if !backend.is_empty() && !native.is_empty() =>
            {
                Ok(Self {
                    backend: backend.into(),
                    kind: kind
                        .parse()
                        .map_err(|_| ParseResourceIdError(text.to_owned()))?,
                    native: native.to_owned(),
                })
            }
            _ => Err(ParseResourceIdError(text.to_owned())),
        }
    }
}

/// What a resource is, so firmly that it is safe to act on: the engine compares it before each action.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Identity {
    /// The configured name of the backend.
    pub backend: Arc<str>,
    /// The account behind the backend, as [`Account::id`](crate::Account) gave it: Docker's daemon id,
    /// Daytona's organization. Two accounts can hold equal native ids.
    pub account: Arc<str>,
    /// What sort of resource it is.
    pub kind: Kind,
    /// The provider's own id in full, never a prefix or a name where an id exists.
    pub native: String,
    /// When the provider says it was created; part of the identity because names, and so ids of
    /// volumes, are reused. `None` if the provider does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
}

impl Identity {
    /// The id under which decisions, plans and reports name the resource.
    pub fn id(&self) -> ResourceId {
        ResourceId {
            backend: self.backend.clone(),
            kind: self.kind,
            native: self.native.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_native_id_may_hold_slashes() {
        let id: ResourceId = "docker/volume/a/b".parse().unwrap();
        assert_eq!(id.native, "a/b");
        assert_eq!(id.to_string(), "docker/volume/a/b");
    }

    #[test]
    fn an_id_without_all_parts_is_an_error() {
        for text in [
            "",
            "docker",
            "docker/container",
            "docker/container/",
            "/container/x",
            "docker/Pod/x",
        ] {
            assert!(text.parse::<ResourceId>().is_err(), "{text}");
        }
    }
}
