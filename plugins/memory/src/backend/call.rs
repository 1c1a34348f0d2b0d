//! A call on its way to the provider.

use tbengine_sdk::{Identity, Kind};

use crate::faults::Operation;

/// A call on its way to the provider: what is asked for.
pub(super) struct Call<'a> {
    pub(super) operation: Operation,
    pub(super) kind: Option<Kind>,
    pub(super) target: Option<&'a Identity>,
    pub(super) force: bool,
}

impl<'a> Call<'a> {
    /// A call that is about no resource.
    pub(super) fn about(operation: Operation) -> Self {
        Self {
            operation,
            kind: None,
            target: None,
            force: false,
        }
    }

    pub(super) fn on(operation: Operation, target: &'a Identity, force: bool) -> Self {
        Self {
            operation,
            kind: Some(target.kind),
            target: Some(target),
            force,
        }
    }
}
