//! Where resources are.

use std::sync::Arc;

use tbengine_sdk::{Identity, Kind, Timestamp};

/// Where resources are; becomes part of their identities.
pub(crate) struct Place {
    backend: Arc<str>,
    account: Arc<str>,
}

impl Place {
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
