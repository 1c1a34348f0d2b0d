//! What really happened, whatever the engine believes.

use std::collections::BTreeMap;
use std::time::Duration;

use tbengine_sdk::{Identity, Kind, KindInfo, Resource};

use super::Memory;
use crate::faults::Operation;
use crate::record::{Deleter, Deletion, Met, Request};

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

    /// What went wrong, and what someone else did, and how often.
    pub fn met(&self) -> BTreeMap<(Met, &'static str), u64> {
        self.0.provider(|provider| provider.record.met.clone())
    }

    /// What the provider declares of a kind.
    pub fn kind(&self, kind: Kind) -> Option<KindInfo> {
        self.0.provider(|provider| {
            let mut kinds = provider.kinds.iter();
            kinds.find(|info| info.kind == kind).cloned()
        })
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
