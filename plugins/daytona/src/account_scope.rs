//! The part of an account that a backend lists.

use std::collections::BTreeMap;
use std::sync::Arc;

use tbengine_sdk::{Identity, Kind, Timestamp};

use crate::account::Organization;

/// The part of an account that a backend lists. The backend and the organization become part of identities.
pub(crate) struct AccountScope {
    pub(crate) backend: Arc<str>,
    pub(crate) organization: Organization,
    /// The only region to list.
    pub(crate) target: Option<String>,
    /// The labels that a sandbox must all have to be listed.
    pub(crate) labels: BTreeMap<String, String>,
}

impl AccountScope {
    pub(crate) fn identity(
        &self,
        kind: Kind,
        native: String,
        created: Option<Timestamp>,
    ) -> Identity {
        Identity {
            backend: self.backend.clone(),
            account: self.organization.id.clone(),
            kind,
            native,
            created,
        }
    }
}
