//! Reads of the last moment, so that an action that follows a read at once does not read again.
//!
//! The service takes names for ids, and anyone may name a sandbox like the id of one that is gone. So
//! nothing is deleted or stopped by an id that has not just been read under that id.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tbengine_sdk::{Identity, Kind, Resource, State};
use tokio::time::Instant;

use crate::state::is_in_storage;

/// How long a read counts. The engine acts within milliseconds of its own read.
const MAX_READ_AGE: Duration = Duration::from_secs(1);
/// From so many on, stale ones are thrown away.
const MAX_ENTRIES: usize = 1024;

/// What is known of a resource that was just read.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) state: State,
    /// The state in the service's own word.
    pub(crate) raw: String,
    /// Whether a deletion has only hidden it.
    pub(crate) is_hidden: bool,
    /// Whether it is in cold storage, or on its way there.
    pub(crate) is_in_storage: bool,
    /// Whether its stop deletes it.
    pub(crate) is_ephemeral: bool,
    /// All of it.
    pub(crate) resource: Resource,
}

impl Seen {
    pub(crate) fn new(resource: &Resource) -> Self {
        let fact = |name| resource.attrs.get(name).unwrap_or_default();
        Self {
            state: resource.state,
            raw: fact("state").to_owned(),
            is_hidden: fact("hidden") == "true",
            is_in_storage: is_in_storage(fact("state"), fact("desired-state")),
            is_ephemeral: fact("ephemeral") == "true",
            resource: resource.clone(),
        }
    }
}

impl Seen {
    /// The service's own reason for its state.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.resource.reason()
    }
}

/// The reads of the last moment.
#[derive(Default)]
pub(crate) struct Recent(Mutex<HashMap<(Kind, String), (Seen, Instant)>>);

impl Recent {
    /// Notes what a read found.
    pub(crate) fn note(&self, target: &Identity, found: Option<&Resource>) {
        let now = Instant::now();
        let mut reads = self.lock();
        match found {
            Some(resource) => {
                if reads.len() >= MAX_ENTRIES {
                    reads.retain(|_, (_, at)| now - *at <= MAX_READ_AGE);
                }
                reads.insert(key(target), (Seen::new(resource), now));
            }
            None => {
                reads.remove(&key(target));
            }
        }
    }

    /// Shows what was just read of a resource, for as long as that counts. The read may still serve an
    /// action.
    pub(crate) fn peek(&self, target: &Identity) -> Option<Seen> {
        let reads = self.lock();
        let (seen, at) = reads.get(&key(target))?;
        (at.elapsed() <= MAX_READ_AGE).then(|| seen.clone())
    }

    /// Takes what was just read of a resource. One read serves one action.
    pub(crate) fn take(&self, target: &Identity) -> Option<Seen> {
        let (seen, at) = self.lock().remove(&key(target))?;
        (at.elapsed() <= MAX_READ_AGE).then_some(seen)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Kind, String), (Seen, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(target: &Identity) -> (Kind, String) {
    (target.kind, target.native.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Identity {
        Identity {
            backend: "cloud".into(),
            account: "org".into(),
            kind: Kind::SANDBOX,
            native: "id".into(),
            created: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_read_serves_one_action_for_a_moment() {
        let recent = Recent::default();
        let resource = Resource::new(target(), "box", State::Stopped);
        assert!(recent.take(&target()).is_none());
        recent.note(&target(), Some(&resource));
        assert_eq!(recent.take(&target()).unwrap().state, State::Stopped);
        assert!(recent.take(&target()).is_none());
        recent.note(&target(), Some(&resource));
        tokio::time::advance(MAX_READ_AGE * 2).await;
        assert!(recent.take(&target()).is_none());
        recent.note(&target(), Some(&resource));
        recent.note(&target(), None);
        assert!(recent.take(&target()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn stale_reads_do_not_pile_up() {
        let recent = Recent::default();
        for number in 0..3 * MAX_ENTRIES {
            let target = Identity {
                native: number.to_string(),
                ..target()
            };
            let resource = Resource::new(target.clone(), "box", State::Stopped);
            recent.note(&target, Some(&resource));
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        assert!(recent.lock().len() <= MAX_ENTRIES);
    }
}
