//! Records of the contract 3.0.

use std::time::Duration;

use tbengine_sdk::{Class, Disk, ErrorKind, Owner, State};

use super::asked::Asked;
use super::pairs::Pairs;
use super::{millis, push_id, seen_here, unix_ms};
use crate::kinds::KindFacts;
use crate::policy::backend_facts::BackendFacts;
use crate::policy::bindings::v3::exports::tbengine::policy::hooks as guest;
use crate::policy::bindings::v3::exports::tbengine::policy::vetoes;
use crate::policy::bindings::v3::tbengine::policy::{types, verdicts};
use crate::policy::candidate::Candidate;
use crate::policy::context::PolicyContext;
use crate::policy::failure::Failure;
use crate::policy::lease_state::LeaseState;
use crate::policy::operation::Operation;
use crate::policy::proposal::{Force, Verdict};
use crate::policy::veto::Review;

/// The backends and kinds of a call, which its resources name by their indices.
struct Tables {
    backends: Vec<BackendFacts>,
    kinds: Vec<KindFacts>,
}

impl Tables {
    fn of(context: &PolicyContext) -> Self {
        Self {
            backends: context.backends.to_vec(),
            kinds: context.kinds.to_vec(),
        }
    }

    /// The indices of the backend and the kind of a candidate. Neighbours have mostly the same, so those of the
    /// last one are tried first.
    fn indices(&mut self, candidate: &Candidate<'_>, last: (u32, u32)) -> (u32, u32) {
        let identity = &candidate.resource.identity;
        let is_backend = |facts: &BackendFacts| facts.name == identity.backend;
        let backend = index(&mut self.backends, last.0, is_backend, || BackendFacts {
            name: identity.backend.clone(),
            account: identity.account.clone(),
            ..BackendFacts::default()
        });
        let is_kind = |facts: &KindFacts| *facts == candidate.kind;
        let kind = index(&mut self.kinds, last.1, is_kind, || candidate.kind);
        (backend, kind)
    }
}

/// The index of the entry that is meant, which is added if it is not there.
fn index<T>(
    table: &mut Vec<T>,
    last: u32,
    is_meant: impl Fn(&T) -> bool,
    new: impl FnOnce() -> T,
) -> u32 {
    if table.get(last as usize).is_some_and(&is_meant) {
        return last;
    }
    let found = table.iter().position(is_meant).unwrap_or_else(|| {
        table.push(new());
        table.len() - 1
    });
    u32::try_from(found).unwrap_or(u32::MAX)
}

/// Calls `body` with the context of a call, in which these backends and kinds are.
fn with_context<T>(
    context: &PolicyContext,
    tables: &Tables,
    body: impl FnOnce(guest::Context<'_>) -> T,
) -> T {
    let disks = tables.backends.iter().map(|facts| {
        let disks = facts.disks.iter().map(disk);
        disks.collect::<Vec<_>>()
    });
    let disks: Vec<_> = disks.collect();
    let backends = tables.backends.iter().zip(&disks);
    let backends = backends.map(|(facts, disks)| types::BackendFacts {
        name: &facts.name,
        provider: &facts.provider,
        account: &facts.account,
        currency: facts.currency.as_deref(),
        complete: facts.complete,
        disks,
        attrs: &[],
    });
    let kinds = tables.kinds.iter().map(|facts| types::KindFacts {
        word: facts.word.word(),
        class: class(facts.class),
        runs: facts.runs,
        shared: facts.shared,
    });
    let (backends, kinds): (Vec<_>, Vec<_>) = (backends.collect(), kinds.collect());
    body(guest::Context {
        now: unix_ms(context.now).unwrap_or(0),
        zone: types::Zone {
            name: &context.zone.name,
            offset_minutes: context.zone.offset_minutes,
            next_change: context
                .zone
                .next_change
                .and_then(|(at, offset)| Some((unix_ms(at)?, offset))),
        },
        run_id: &context.run_id,
        schedule: None,
        dry_run: context.dry_run,
        backends: &backends,
        kinds: &kinds,
        attrs: &[],
    })
}

/// Where in the texts and lists of a call those of one resource end.
struct Ends {
    id: usize,
    used_by: usize,
    used_by_others: u32,
    takes_along: usize,
    backend: u32,
    kind: u32,
}

/// Calls `body` with the context and the records of a call.
pub(in crate::policy) fn with_question<T>(
    asked: &Asked<'_>,
    body: impl FnOnce(guest::Context<'_>, &[guest::Resource<'_>]) -> T,
) -> T {
    let batch = asked.batch();
    let mut tables = Tables::of(asked.context);
    // All ids in one string, and all indices in one list.
    let mut text = String::with_capacity(batch.len() * 80);
    let mut indices: Vec<u32> = Vec::new();
    let mut last = (0, 0);
    let ends: Vec<Ends> = batch
        .iter()
        .map(|candidate| {
            push_id(&mut text, &candidate.resource.identity);
            last = tables.indices(candidate, last);
            let begin = indices.len();
            let users = candidate.used_by.iter();
            indices.extend(users.filter_map(|user| asked.index(user.candidate?)));
            let used_by = indices.len();
            let along = candidate.takes_along.iter();
            indices.extend(along.filter_map(|index| asked.index(*index)));
            let others = candidate.used_by.len() - (used_by - begin);
            Ends {
                id: text.len(),
                used_by,
                used_by_others: u32::try_from(others).unwrap_or(u32::MAX),
                takes_along: indices.len(),
                backend: last.0,
                kind: last.1,
            }
        })
        .collect();
    let pairs = Pairs::of(asked, |_, _, _| {});

    let (mut id, mut at) = (0, 0);
    let records: Vec<guest::Resource<'_>> = batch
        .iter()
        .zip(&ends)
        .zip(pairs.each())
        .map(|((candidate, ends), (labels, attrs))| {
            let own = &text[std::mem::replace(&mut id, ends.id)..ends.id];
            let begin = std::mem::replace(&mut at, ends.takes_along);
            guest::Resource {
                used_by: &indices[begin..ends.used_by],
                used_by_others: ends.used_by_others,
                takes_along: &indices[ends.used_by..ends.takes_along],
                claimed: asked.context.claims(candidate.resource),
                labels,
                attrs,
                ..record(asked.context, candidate, own, ends.backend, ends.kind)
            }
        })
        .collect();
    with_context(asked.context, &tables, |context| body(context, &records))
}

/// Proposals that are to be reviewed.
pub(in crate::policy) fn proposals<'a>(review: &Review<'a>) -> Vec<vetoes::Proposal<'a>> {
    let grace_ms = |grace: &Option<Duration>| grace.map(millis);
    let proposals = review.proposals.iter().map(|one| {
        let priority = one.priority;
        let stop = |reason: &'a str, grace: &Option<Duration>| verdicts::StopOptionsParam {
            reason,
            grace_ms: grace_ms(grace),
            priority,
        };
        vetoes::Proposal {
            resource: u32::try_from(one.candidate).unwrap_or(u32::MAX),
            action: match &one.verdict {
                Verdict::Keep { reason } => verdicts::ActionParam::Keep(reason),
                Verdict::Stop { reason, grace } => verdicts::ActionParam::Stop(stop(reason, grace)),
                Verdict::Archive { reason, grace } => {
                    verdicts::ActionParam::Archive(stop(reason, grace))
                }
                Verdict::Delete {
                    reason,
                    force,
                    grace,
                } => verdicts::ActionParam::Delete(verdicts::DeleteOptionsParam {
                    reason,
                    force: self::force(*force),
                    grace_ms: grace_ms(grace),
                    priority,
                    evict: false,
                }),
            },
            policy: review.policy,
        }
    });
    proposals.collect()
}

/// Calls `body` with the context and a failed attempt.
pub(in crate::policy) fn with_failure<T>(
    asked: &Asked<'_>,
    failure: &Failure,
    body: impl FnOnce(guest::Context<'_>, guest::Failure<'_>) -> T,
) -> T {
    let candidate = Candidate {
        kind: failure.kind,
        lease: failure.lease,
        // Only a listing shows these.
        unit_runs: true,
        users_known: false,
        ..Candidate::alone(&failure.resource)
    };
    let asked = Asked {
        candidates: &[candidate],
        batch: 0..1,
        ..asked.clone()
    };
    with_question(&asked, |context, resources| {
        let [resource] = resources else {
            unreachable!("one candidate makes one record");
        };
        let error = &failure.error;
        let failure = guest::Failure {
            resource: resource.clone(),
            operation: match failure.operation {
                Operation::Stop => types::Operation::Stop,
                Operation::Archive => types::Operation::Archive,
                Operation::Delete => types::Operation::Delete,
            },
            force: force(failure.force),
            reason: &failure.reason,
            failure: failure_kind(error.kind),
            code: error.code.as_deref(),
            message: &error.message,
            attempt: failure.attempt,
            round: failure.round,
            elapsed_ms: millis(failure.elapsed),
            retry_after_ms: error.retry_after.map(millis),
            attrs: &[],
        };
        body(context, failure)
    })
}

/// A record without what is not the resource's own.
fn record<'a>(
    context: &PolicyContext,
    candidate: &Candidate<'a>,
    id: &'a str,
    backend: u32,
    kind: u32,
) -> guest::Resource<'a> {
    let resource = candidate.resource;
    let at = |time| seen_here(context, resource, time);
    let usage = &resource.usage;
    guest::Resource {
        id,
        name: &resource.name,
        backend,
        kind,
        class: class(candidate.kind.class),
        state: state(resource.state),
        damaged: resource.damaged.as_ref().map(|damage| &*damage.message),
        exit_code: resource.exit_code,
        created: at(resource.identity.created),
        arrived: at(resource.arrived),
        started: at(resource.started),
        finished: at(resource.finished),
        last_used: at(resource.last_activity),
        // Nobody takes samples, and nobody remembers.
        idle_since: None,
        history: None,
        unit: resource.unit.as_ref().map(|unit| unit.0.as_str()),
        unit_runs: candidate.unit_runs,
        owner: match &resource.owner {
            Owner::Run(id) => types::Owner::Run(id),
            Owner::Benchmark(name) => types::Owner::Benchmark(name),
            Owner::Other(name) => types::Owner::Other(name),
            Owner::Kept(name) => types::Owner::Kept(name),
            Owner::Unknown => types::Owner::Unknown,
        },
        lease: match candidate.lease {
            LeaseState::None => types::LeaseState::None,
            LeaseState::Live => types::LeaseState::Live,
            LeaseState::Over => types::LeaseState::Over,
            LeaseState::Foreign => types::LeaseState::Foreign,
        },
        claimed: false,
        usage: types::Usage {
            cpu_millis: usage.cpu_millis,
            memory_bytes: usage.memory_bytes,
            disk_bytes: usage.disk_bytes,
            reclaimable_bytes: usage.reclaimable_bytes,
            micros_per_hour: usage.micros_per_hour,
        },
        used_by: &[],
        used_by_others: 0,
        users_known: candidate.users_known,
        takes_along: &[],
        labels: &[],
        attrs: &[],
    }
}

fn disk(disk: &Disk) -> types::Disk<'_> {
    types::Disk {
        name: &disk.name,
        total_bytes: disk.total_bytes,
        free_bytes: disk.free_bytes,
        total_files: disk.total_files,
        free_files: disk.free_files,
        // No limits can be configured.
        low_water_bytes: None,
        high_water_bytes: None,
    }
}

fn force(force: Force) -> types::Force {
    match force {
        Force::Never => types::Force::Never,
        Force::OnRetry => types::Force::OnRetry,
        Force::Always => types::Force::Always,
    }
}

fn class(class: Class) -> types::Class {
    match class {
        Class::Compute => types::Class::Compute,
        Class::Network => types::Class::Network,
        Class::Config => types::Class::Config,
        Class::Storage => types::Class::Storage,
        Class::Image => types::Class::Image,
        Class::Cache => types::Class::Cache,
        Class::Other => types::Class::Other,
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
        ErrorKind::Forbidden => types::FailureKind::Forbidden,
        ErrorKind::Unsupported => types::FailureKind::Unsupported,
        ErrorKind::Stuck => types::FailureKind::Stuck,
        ErrorKind::Internal => types::FailureKind::Internal,
        // `NotFound` is success to the engine; what comes later has no name in this version.
        _ => types::FailureKind::Other,
    }
}
