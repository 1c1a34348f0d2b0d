//! A backend that is configured and open.

use std::fmt;
use std::sync::Arc;

use crate::backend::{Backend, Capabilities};

/// A backend that is configured and open.
#[derive(Clone)]
pub struct OpenBackend {
    /// Its configured name.
    pub name: Arc<str>,
    /// The kind that implements it.
    pub kind: Arc<str>,
    /// The implementation.
    pub backend: Arc<dyn Backend>,
    /// What it can do, asked once: a backend answers the same at every call.
    pub capabilities: Arc<Capabilities>,
}

impl OpenBackend {
    /// A backend by its configured name and the kind that implements it.
    pub fn new(
        name: impl Into<Arc<str>>,
        kind: impl Into<Arc<str>>,
        backend: Arc<dyn Backend>,
    ) -> Self {
        Self {
            name: name.into(),
            kind: kind.into(),
            capabilities: Arc::new(backend.capabilities()),
            backend,
        }
    }
}

impl fmt::Debug for OpenBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A backend may hold credentials, so only its names are shown.
        f.debug_struct("OpenBackend")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
