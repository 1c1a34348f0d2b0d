//! What really happened, whatever the engine believes.

use std::time::Duration;

use tbengine_sdk::{ErrorKind, Identity, Kind, Resource, State};
use tokio::time::Instant;

use crate::backend::Memory;
use crate::faults::Operation;

/// Who deleted a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deleter {
    /// A call of `delete` for this very resource.
    Caller,
    /// A call of `delete` for a resource that took this one along.
    Cascade,
    /// Somebody else.
    SomeoneElse,
}

/// A resource that was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Exactly what was deleted.
    pub identity: Identity,
    /// Its name.
    pub name: String,
    /// The state it was in when the deletion was accepted.
    pub state: State,
    /// Who did it.
    pub by: Deleter,
    /// When it was gone.
    pub at: Instant,
}

/// A call that reached the provider's door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// When the caller sent it.
    pub at: Instant,
    /// How long that was after the provider opened.
    pub since_opened: Duration,
    /// What was asked for.
    pub operation: Operation,
    /// The kind of resource that was asked for.
    pub kind: Option<Kind>,
    /// What it was about; `None` for `check` and `list`.
    pub target: Option<Identity>,
    /// Whether it was asked by force.
    pub force: bool,
    /// Whether something went wrong with it that chance or a script brought.
    pub met_fault: bool,
    /// How long after the provider opened it took effect, if it did.
    pub served: Option<Duration>,
    /// What was answered; `None` if the call is under way, or its future was dropped or panicked.
    pub answer: Option<Result<(), ErrorKind>>,
}

/// What was recorded. Empty if recording is off, as it is for users: a million requests take space.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) on: bool,
    pub(crate) requests: Vec<Request>,
    pub(crate) deletions: Vec<Deletion>,
}

/// Knows the truth about a [`Memory`].
#[derive(Clone, Debug)]
pub struct Oracle(Memory);

impl Oracle {
    pub(crate) fn new(memory: Memory) -> Self {
        Self(memory)
    }

    /// What was deleted and by whom, in order of time.
    pub fn deletions(&self) -> Vec<Deletion> {
        self.0
            .provider(|provider| provider.record.deletions.clone())
    }

    /// The identities that calls of `delete` removed, cascades included, in order of time.
    pub fn deleted_by_us(&self) -> Vec<Identity> {
        self.deletions()
            .into_iter()
            .filter(|deletion| deletion.by != Deleter::SomeoneElse)
            .map(|deletion| deletion.identity)
            .collect()
    }

    /// Every request in the order in which it was sent.
    pub fn requests(&self) -> Vec<Request> {
        self.0.provider(|provider| provider.record.requests.clone())
    }

    /// How many requests of one sort there were.
    pub fn count(&self, operation: Operation) -> usize {
        self.0.provider(|provider| {
            let requests = &provider.record.requests;
            requests
                .iter()
                .filter(|request| request.operation == operation)
                .count()
        })
    }

    /// Every resource that exists now, in order of kind and native id.
    pub fn alive(&self) -> Vec<Resource> {
        self.0
            .provider(|provider| provider.all().cloned().collect())
    }

    /// Whether exactly this resource exists now: the same id from the same creation.
    pub fn is_alive(&self, identity: &Identity) -> bool {
        self.resource(identity)
            .is_some_and(|resource| resource.identity == *identity)
    }

    /// What is there under the id now, whenever it was created.
    pub fn resource(&self, identity: &Identity) -> Option<Resource> {
        self.0
            .provider(|provider| provider.find(identity.kind, &identity.native).cloned())
    }

    /// The highest number of requests that were sent in any span of time of this length.
    pub fn peak_requests(&self, span: Duration) -> usize {
        let times: Vec<_> = self.requests().iter().map(|request| request.at).collect();
        times
            .iter()
            .enumerate()
            .map(|(from, &start)| times[from..].partition_point(|&at| at < start + span))
            .max()
            .unwrap_or(0)
    }
}
