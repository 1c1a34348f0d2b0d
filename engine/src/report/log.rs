//! A reporter that writes events as `tracing` records: INFO for what was done, WARN for each retry
//! with its reason and delay, ERROR for final failures.
//!
//! Every text that a provider or a policy wrote goes through the caller's subscriber, which escapes it.

use super::event::{Event, EventKind};
use super::outcome::StepResult;

/// Writes one event.
pub fn log(event: &Event) {
    match &event.kind {
        EventKind::BackendListed {
            backend,
            account,
            resources,
        } => {
            tracing::info!(%backend, resources, account = %account.description, "listed");
            for warning in &account.warnings {
                tracing::warn!(%backend, "{warning}");
            }
        }
        EventKind::AccountShared(shared) => tracing::warn!("{shared}"),
        EventKind::ListFailed(failure) => {
            let kind = failure.kind.map_or("account", |kind| kind.word());
            tracing::error!(backend = %failure.backend, kind, error = %failure.error, "listing failed");
        }
        EventKind::PolicyDecided {
            policy,
            candidates,
            proposals,
            log,
        } => {
            for line in log {
                tracing::info!(policy = %policy.name, level = %line.level, "{}", line.message);
            }
            tracing::info!(policy = %policy.name, candidates, proposals, "decided");
        }
        EventKind::PolicyFailed(fault) => {
            tracing::error!(policy = %fault.policy, function = %fault.function, "{}", fault.message);
        }
        EventKind::PlanMade {
            steps,
            refusals,
            blast_radius,
        } => {
            tracing::info!(steps, refusals, "planned");
            if let Some(trip) = blast_radius {
                tracing::error!("{trip}");
            }
        }
        EventKind::RunStarted { run, steps } => tracing::info!(%run, steps, "run started"),
        EventKind::AttemptStarted {
            id,
            action,
            attempt,
            ..
        } => tracing::debug!(%id, %action, attempt, "attempt started"),
        EventKind::StopRequested { id, grace_ms, .. } => {
            tracing::info!(%id, grace_ms, "asked to end");
        }
        EventKind::AttemptFailed {
            id,
            attempt,
            error,
            delay_ms,
            ..
        } => {
            tracing::warn!(%id, attempt, %error, kind = %error.kind, delay_ms, "attempt failed, retrying");
        }
        EventKind::BackendPaused {
            backend,
            error,
            delay_ms,
        } => tracing::warn!(%backend, %error, kind = %error.kind, delay_ms, "backend paused"),
        EventKind::BackendResumed { backend } => tracing::info!(%backend, "backend responds again"),
        EventKind::BackendStopped { backend, error } => {
            tracing::error!(%backend, %error, kind = %error.kind, "backend stopped");
        }
        EventKind::StepFinished(outcome) => {
            let detail = outcome.detail.as_deref().unwrap_or("");
            match outcome.result {
                result if result.is_failure() => {
                    tracing::error!(id = %outcome.id, attempts = outcome.attempts, "{result}: {detail}");
                }
                StepResult::Changed | StepResult::Deferred | StepResult::Cancelled => {
                    tracing::warn!(id = %outcome.id, "{}: {detail}", outcome.result);
                }
                result => tracing::info!(id = %outcome.id, took_ms = outcome.took_ms, "{result}"),
            }
        }
        EventKind::RunInterrupted { in_flight } => {
            tracing::warn!(in_flight, "interrupted; finishing requests in progress");
        }
        EventKind::RunHalted { why } => tracing::error!("stopped: {why}"),
        EventKind::RunFinished(report) => {
            tracing::info!(run = %report.run, took_ms = report.took_ms, "run finished");
        }
    }
}
