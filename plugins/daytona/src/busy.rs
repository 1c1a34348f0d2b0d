//! Sandboxes that were busy when they were to be deleted.
//!
//! After a 409 the sandbox is read, since it may be on its way out already. One that was not, and is read in the same state
//! before the next attempt, is still as busy: that read says as much as another one would.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The number of entries from which on all are dropped.
const MAX_ENTRIES: usize = 10_000;

/// By id, the state in which a sandbox was busy.
#[derive(Default)]
pub(crate) struct Busy(Mutex<HashMap<String, String>>);

impl Busy {
    /// Whether a sandbox was busy in this state before.
    pub(crate) fn was(&self, id: &str, state: &str) -> bool {
        self.lock().get(id).is_some_and(|busy| busy == state)
    }

    /// Notes that a sandbox is busy in a state.
    pub(crate) fn note(&self, id: &str, state: &str) {
        let mut busy = self.lock();
        if busy.len() >= MAX_ENTRIES {
            busy.clear();
        }
        busy.insert(id.to_owned(), state.to_owned());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
