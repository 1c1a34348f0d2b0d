//! What was asked of the provider, and what was deleted.

use std::collections::BTreeMap;
use std::time::Duration;

use tbengine_sdk::{ErrorKind, Identity, Kind, State};
use tokio::time::Instant;

use crate::faults::Operation;

/// Who deleted a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deleter {
    /// A call of `delete` for this very resource.
    Caller,
    /// A call of `delete` for a resource that took this one along.
    Cascade,
    /// Someone else.
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
    /// What went wrong, and what someone else did, and how often.
    pub(crate) met: BTreeMap<(Met, &'static str), u64>,
}

impl Record {
    pub(crate) fn meet(&mut self, met: Met, word: &'static str) {
        if self.on {
            *self.met.entry((met, word)).or_default() += 1;
        }
    }
}

/// What a provider met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Met {
    /// A fault of [`Chaos`](crate::Chaos), by its name.
    Chaos,
    /// A [`Fault`](crate::Fault) that was scripted, by its word.
    Fault,
    /// A call during an outage, or above the rate limit.
    Refusal,
    /// An [`ExternalChange`](crate::ExternalChange) that changed something, by its word.
    Change,
}

/// The words for what refuses a call.
pub const REFUSALS: [&str; 2] = ["outage", "rate-limit"];
