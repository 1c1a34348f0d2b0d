//! Records of the contract 2.0. What it has no place for travels in attributes, as far as it fits there.

use tbengine_sdk::{ErrorKind, Kind, Owner, State};

use super::asked::Asked;
use super::pairs::Pairs;
use super::{millis, push_id, seen_here, unix_ms};
use crate::policy::bindings::v2::exports::tbengine::policy::hooks as guest;
use crate::policy::bindings::v2::tbengine::policy::types;
use crate::policy::candidate::Candidate;
use crate::policy::context::PolicyContext;
use crate::policy::failure::Failure;
use crate::policy::interest::Interest;

/// Calls `body` with the context of a call.
fn with_context<T>(context: &PolicyContext, body: impl FnOnce(guest::Context<'_>) -> T) -> T {
    body(guest::Context {
        now: unix_ms(context.now).unwrap_or(0),
        run_id: &context.run_id,
        dry_run: context.dry_run,
        attrs: &[("tbengine.zone", &context.zone.name)],
    })
}

/// Calls `body` with the context and the records of a call.
pub(in crate::policy) fn with_question<T>(
    asked: &Asked<'_>,
    body: impl FnOnce(guest::Context<'_>, &[guest::Resource<'_>]) -> T,
) -> T {
    let batch = asked.batch();
    // All ids in one string: first each resource's own, then those of its users.
    let mut text = String::with_capacity(batch.len() * 80);
    let mut ends = Vec::with_capacity(batch.len());
    for candidate in batch {
        let own = std::iter::once(&candidate.resource.identity);
        let users = candidate.used_by.iter().map(|user| user.identity);
        for identity in own.chain(users) {
            push_id(&mut text, identity);
            ends.push(text.len());
        }
    }
    let mut from = 0;
    let ids: Vec<&str> = ends
        .iter()
        .map(|end| &text[std::mem::replace(&mut from, *end)..*end])
        .collect();
    let pairs = Pairs::of(asked, unplaced);

    let mut ids = &ids[..];
    let records: Vec<guest::Resource<'_>> = batch
        .iter()
        .zip(pairs.each())
        .map(|(candidate, (labels, attrs))| {
            let (own, rest) = ids.split_at(1);
            let (holders, rest) = rest.split_at(candidate.used_by.len());
            ids = rest;
            let claimed = asked.context.claims(candidate.resource);
            record(
                asked.context,
                candidate,
                own[0],
                holders,
                labels,
                attrs,
                claimed,
            )
        })
        .collect();
    with_context(asked.context, |context| body(context, &records))
}

/// Facts that this version has no place for, as attributes.
fn unplaced<'a>(
    candidate: &Candidate<'a>,
    interest: &Interest,
    pairs: &mut Vec<(&'a str, &'a str)>,
) {
    let damaged = candidate.resource.damaged.as_ref();
    let facts = [
        ("tbengine.class", Some(candidate.kind.class.word())),
        ("tbengine.damaged", damaged.map(|damage| &*damage.message)),
        ("tbengine.lease", Some(candidate.lease.word())),
    ];
    for (key, value) in facts {
        if let Some(value) = value
            && interest.attrs.admits(key)
        {
            pairs.push((key, value));
        }
    }
}

fn record<'a>(
    context: &PolicyContext,
    candidate: &Candidate<'a>,
    id: &'a str,
    holders: &'a [&'a str],
    labels: &'a [(&'a str, &'a str)],
    attrs: &'a [(&'a str, &'a str)],
    claimed: bool,
) -> guest::Resource<'a> {
    let resource = candidate.resource;
    let at = |time| seen_here(context, resource, time);
    guest::Resource {
        id,
        backend: &resource.identity.backend,
        kind: kind(resource.identity.kind),
        name: &resource.name,
        state: state(resource.state),
        exit_code: resource.exit_code,
        // This version knows no arrival, and ages count from it.
        created: at(resource.born()),
        started: at(resource.started),
        finished: at(resource.finished),
        last_activity: at(resource.last_activity),
        unit: resource.unit.as_ref().map(|unit| unit.0.as_str()),
        owner: match &resource.owner {
            Owner::Run(id) => types::Owner::Run(id),
            Owner::Benchmark(name) => types::Owner::Benchmark(name),
            // This version has no word for what is kept; a safeguard keeps it whatever the policy says.
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

fn kind(kind: Kind) -> types::Kind {
    match kind {
        Kind::CONTAINER => types::Kind::Container,
        Kind::SANDBOX => types::Kind::Sandbox,
        Kind::NETWORK => types::Kind::Network,
        Kind::VOLUME => types::Kind::Volume,
        Kind::IMAGE => types::Kind::Image,
        Kind::SNAPSHOT => types::Kind::Snapshot,
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

/// Calls `body` with the context and a failed attempt.
pub(in crate::policy) fn with_failure<T>(
    asked: &Asked<'_>,
    failure: &Failure,
    body: impl FnOnce(guest::Context<'_>, guest::Failure<'_>) -> T,
) -> T {
    let identity = &failure.resource.identity;
    let mut id = String::new();
    push_id(&mut id, identity);
    let failure = guest::Failure {
        id: &id,
        backend: &identity.backend,
        kind: kind(identity.kind),
        operation: failure.operation.word(),
        failure: failure_kind(failure.error.kind),
        message: &failure.error.message,
        attempt: failure.attempt,
        elapsed_ms: millis(failure.elapsed),
        retry_after_ms: failure.error.retry_after.map(millis),
        attrs: &[],
    };
    with_context(asked.context, |context| body(context, failure))
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
        // `NotFound` is success to the engine; what came later has no name in this version.
        _ => types::FailureKind::Other,
    }
}
