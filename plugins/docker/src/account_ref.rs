//! The backend and the account of resources, for their identities.

use std::sync::Arc;

use tbengine_sdk::{Identity, Kind, Timestamp};

/// The backend and the account of resources; becomes part of their identities.
pub(crate) struct AccountRef {
    backend: Arc<str>,
    account: Arc<str>,
}

impl AccountRef {
    pub(crate) fn new(backend: Arc<str>, account: Arc<str>) -> Self {
        Self { backend, account }
    }

    pub(crate) fn identity(
        &self,
        kind: Kind,
        native: String,
        created: Option<Timestamp>,
    ) -> Identity {
        Identity {
            backend: self.backend.clone(),
            account: self.account.clone(),
            kind,
            native,
            created,
        }
    }
}
