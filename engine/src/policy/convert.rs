//! Candidates to records, verdicts to proposals.
//!
//! The records borrow from the candidates. What has no text yet (ids) is written into one string
//! per batch, because an allocation for each would take as long as sending it.

use std::time::Duration;

use tbengine_sdk::{ErrorKind, Identity, Kind, Labels, Owner, State, Timestamp};

use super::bindings::exports::tbengine::policy::hooks as guest;
use super::bindings::tbengine::policy::types;
use super::candidate::Candidate;
use super::context::PolicyContext;
use super::failure::{Failure, RetryAdvice};
use super::proposal::{Force, Proposal, Verdict};

/// Which labels or attributes a policy reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    Everything,
    Nothing,
    Only(Vec<String>),
}

/// What a policy reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interest {
    labels: Selection,
    attrs: Selection,
}

impl Interest {
    pub(super) fn read(said: guest::Interest) -> Self {
        let selection = |said| match said {
            types::Selection::Everything => Selection::Everything,
            types::Selection::Nothing => Selection::Nothing,
            types::Selection::Only(keys) if keys.is_empty() => Selection::Nothing,
            types::Selection::Only(keys) => Selection::Only(keys),
        };
        Self {
            labels: selection(said.labels),
            attrs: selection(said.attrs),
        }
    }
}

impl Selection {
    /// Adds the pairs of one resource, and says where they end.
    fn take<'a>(&self, from: &'a Labels, pairs: &mut Vec<(&'a str, &'a str)>) -> usize {
        match self {
            Selection::Nothing => {}
            Selection::Everything => pairs.extend(from.iter()),
            Selection::Only(keys) => {
                pairs.extend(
                    from.iter()
                        .filter(|(key, _)| keys.iter().any(|wanted| wanted == key)),
                );
            }
        }
        pairs.len()
    }
}

/// The context of a call as a guest sees it.
pub(super) fn context(context: &PolicyContext) -> guest::Context<'_> {
    guest::Context {
        now: unix_ms(context.now).unwrap_or(0),
        run_id: &context.run_id,
        dry_run: context.dry_run,
        attrs: &[],
    }
}

/// Calls `body` with the records of a batch.
pub(super) fn with_records<T>(
    batch: &[Candidate<'_>],
    interest: &Interest,
    context: &PolicyContext,
    body: impl FnOnce(&[guest::Resource<'_>]) -> T,
) -> T {
    // All ids in one string: first each resource's own, then those of its holders.
    let mut text = String::with_capacity(batch.len() * 80);
    let mut ends = Vec::with_capacity(batch.len());
    for candidate in batch {
        let own = std::iter::once(&candidate.resource.identity);
        for identity in own.chain(candidate.holders.iter().copied()) {
            push_id(&mut text, identity);
            ends.push(text.len());
        }
    }
    let mut from = 0;
    let ids: Vec<&str> = ends
        .iter()
        .map(|end| &text[std::mem::replace(&mut from, *end)..*end])
        .collect();

    let mut pairs = Vec::new();
    let pair_ends: Vec<(usize, usize)> = batch
        .iter()
        .map(|candidate| {
            let labels = interest.labels.take(&candidate.resource.labels, &mut pairs);
            (
                labels,
                interest.attrs.take(&candidate.resource.attrs, &mut pairs),
            )
        })
        .collect();

    let (mut ids, mut pairs) = (&ids[..], &pairs[..]);
    let mut taken = 0;
    let records: Vec<guest::Resource<'_>> = batch
        .iter()
        .zip(pair_ends)
        .map(|(candidate, (labels_end, attrs_end))| {
            let (own, rest) = ids.split_at(1);
            let (holders, rest) = rest.split_at(candidate.holders.len());
            ids = rest;
            let (labels, rest) = pairs.split_at(labels_end - taken);
            let (attrs, rest) = rest.split_at(attrs_end - labels_end);
            (pairs, taken) = (rest, attrs_end);
            let claimed = context.claims(candidate.resource);
            record(candidate, own[0], holders, labels, attrs, claimed)
        })
        .collect();
    body(&records)
}

fn record<'a>(
    candidate: &Candidate<'a>,
    id: &'a str,
    holders: &'a [&'a str],
    labels: &'a [(&'a str, &'a str)],
    attrs: &'a [(&'a str, &'a str)],
    claimed: bool,
) -> guest::Resource<'a> {
    let resource = candidate.resource;
    guest::Resource {
        id,
        backend: &resource.identity.backend,
        kind: kind(resource.identity.kind),
        name: &resource.name,
        state: state(resource.state),
        exit_code: resource.exit_code,
        created: resource.born().and_then(unix_ms),
        started: resource.started.and_then(unix_ms),
        finished: resource.finished.and_then(unix_ms),
        last_activity: resource.last_activity.and_then(unix_ms),
        unit: resource.unit.as_ref().map(|unit| unit.0.as_str()),
        owner: match &resource.owner {
            Owner::Run(id) => types::Owner::Run(id),
            Owner::Benchmark(name) => types::Owner::Benchmark(name),
            // The contract has no word for what is kept; a safeguard keeps it whatever the policy says.
            Owner::Other(name) | Owner::Kept(name) => types::Owner::Other(name),
            Owner::Unknown => types::Owner::Unknown,
        },
        claimed,
        usage: types::Usage {
            cpu_millis: resource.usage.cpu_millis,
            memory_bytes: resource.usage.memory_bytes,
            disk_bytes: resource.usage.disk_bytes,
        },
        holders,
        labels,
        attrs,
    }
}

/// Writes the id as [`tbengine_sdk::ResourceId`] displays it, without the machinery of formatting.
fn push_id(text: &mut String, identity: &Identity) {
    let Identity {
        backend,
        kind,
        native,
        ..
    } = identity;
    for part in [&**backend, "/", kind.word(), "/", native.as_str()] {
        text.push_str(part);
    }
}

/// Milliseconds for the guest; a time before 1970 is no time that anything was created.
fn unix_ms(time: Timestamp) -> Option<u64> {
    u64::try_from(time.as_unix_ms()).ok()
}

fn kind(kind: Kind) -> types::Kind {
    match kind {
        Kind::CONTAINER => types::Kind::Container,
        Kind::SANDBOX => types::Kind::Sandbox,
        Kind::NETWORK => types::Kind::Network,
        Kind::VOLUME => types::Kind::Volume,
        Kind::IMAGE => types::Kind::Image,
        Kind::SNAPSHOT => types::Kind::Snapshot,
        // A word that came later than this version of the interface.
        _ => types::Kind::Other,
    }
}

fn state(state: State) -> types::State {
    match state {
        State::Pending => types::State::Pending,
        State::Created => types::State::Created,
        State::Running => types::State::Running,
        State::Paused => types::State::Paused,
        State::Restarting => types::State::Restarting,
        State::Exited => types::State::Exited,
        State::Stopped => types::State::Stopped,
        State::Archived => types::State::Archived,
        State::Failed => types::State::Failed,
        State::Dead => types::State::Dead,
        State::Removing => types::State::Removing,
        State::Present => types::State::Present,
        State::Unknown => types::State::Unknown,
    }
}

/// What a guest said about one resource.
pub(super) fn proposal(said: guest::Verdict) -> Proposal {
    let (verdict, priority) = match said.action {
        types::Action::Keep(reason) => (Verdict::Keep { reason }, 0),
        types::Action::Stop(options) => (
            Verdict::Stop {
                reason: options.reason,
                grace: options.grace_ms.map(Duration::from_millis),
            },
            options.priority,
        ),
        types::Action::Archive(options) => (
            Verdict::Archive {
                reason: options.reason,
                grace: options.grace_ms.map(Duration::from_millis),
            },
            options.priority,
        ),
        types::Action::Delete(options) => {
            let force = match options.force {
                types::Force::Never => Force::Never,
                types::Force::OnRetry => Force::OnRetry,
                types::Force::Always => Force::Always,
            };
            let grace = options.grace_ms.map(Duration::from_millis);
            (
                Verdict::Delete {
                    reason: options.reason,
                    force,
                    grace,
                },
                options.priority,
            )
        }
    };
    Proposal {
        id: said.id,
        verdict,
        priority,
    }
}

/// Calls `body` with a failed attempt as a guest sees it.
pub(super) fn with_failure<T>(failure: &Failure, body: impl FnOnce(guest::Failure<'_>) -> T) -> T {
    let id = failure.id.to_string();
    body(guest::Failure {
        id: &id,
        backend: &failure.id.backend,
        kind: kind(failure.id.kind),
        operation: failure.operation,
        failure: failure_kind(failure.kind),
        message: &failure.message,
        attempt: failure.attempt,
        elapsed_ms: millis(failure.elapsed),
        retry_after_ms: failure.retry_after.map(millis),
        attrs: &[],
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn failure_kind(kind: ErrorKind) -> types::FailureKind {
    match kind {
        ErrorKind::Transient => types::FailureKind::Transient,
        ErrorKind::InProgress => types::FailureKind::InProgress,
        ErrorKind::Conflict => types::FailureKind::Conflict,
        ErrorKind::Dependency => types::FailureKind::Dependency,
        ErrorKind::RateLimited => types::FailureKind::RateLimited,
        ErrorKind::Unavailable => types::FailureKind::Unavailable,
        ErrorKind::Denied => types::FailureKind::Denied,
        ErrorKind::Invalid => types::FailureKind::Invalid,
        ErrorKind::Unsupported => types::FailureKind::Unsupported,
        ErrorKind::Internal => types::FailureKind::Internal,
        // `NotFound` is success to the engine; what comes later has no name in this version.
        _ => types::FailureKind::Other,
    }
}

/// What a guest wants done about a failure.
pub(super) fn advice(said: guest::RetryAction) -> RetryAdvice {
    match said {
        guest::RetryAction::NoOpinion => RetryAdvice::NoOpinion,
        guest::RetryAction::GiveUp(reason) => RetryAdvice::GiveUp(reason),
        guest::RetryAction::After(wait) => RetryAdvice::After {
            delay: Duration::from_millis(wait.delay_ms),
            escalate: wait.escalate,
        },
    }
}
