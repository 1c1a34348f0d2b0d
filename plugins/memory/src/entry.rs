//! A resource as the provider keeps it.

use std::sync::Arc;
use std::time::Duration;

use tbengine_sdk::Resource;

/// A native id.
pub(crate) type Native = Box<str>;

/// Where identities come from.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) backend: Arc<str>,
    pub(crate) id: Arc<str>,
}

/// What a running resource does when it is asked to end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reaction {
    Ends(Duration),
    Ignores,
}

impl Default for Reaction {
    fn default() -> Self {
        Self::Ends(Duration::ZERO)
    }
}

/// A resource, and what only the provider knows about it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) resource: Resource,
    pub(crate) reaction: Reaction,
}
