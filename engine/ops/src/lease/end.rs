//! Sweeps until nothing more turns up, and says what came of it.

use std::time::Duration;

use tbengine_engine::apply::Control;
use tbengine_engine::report::StepResult;
use tbengine_sdk::Resource;
use tbengine_store::{HeldLease, LeaseEntry, LeaseStatus, StoreError};

use super::sweep::{Sweep, sweep};
use super::{Target, processes};
use crate::config::Settings;
use crate::context::Context;
use crate::error::Error;
use crate::front::{Front, Notice};
use crate::short_id::short_id;
use crate::stored::existing_store;
use crate::sweep_end::SweepEnd;

/// How often it is looked for what is left.
#[derive(Clone, Copy, Debug)]
pub struct Passes {
    /// How long to wait for creations that were under way before looking once more. Listings of some
    /// clouds lie for a second or two.
    pub again_after: Duration,
    /// Whether one look that finds nothing is enough, because nothing can come later.
    pub once: bool,
}

impl Passes {
    /// Passes that wait this long before looking once more.
    pub fn again_after(after: Duration) -> Self {
        Self {
            again_after: after,
            ..Self::default()
        }
    }
}

impl Default for Passes {
    fn default() -> Self {
        Self {
            again_after: Duration::from_secs(3),
            once: false,
        }
    }
}

/// More passes than this are left to the next run.
const MAX_PASSES: u32 = 6;
/// How long what still runs under the lease may take to end by itself.
const PROCESS_GRACE: Duration = Duration::from_secs(2);

/// Counts what a sweep did.
fn add(ended: &mut SweepEnd, sweep: &Sweep) {
    for outcome in sweep.report.iter().flat_map(|report| &report.outcomes) {
        *ended.results.entry(outcome.result).or_default() += 1;
        if outcome.result.is_failure() {
            let detail = outcome.detail.as_deref().unwrap_or("reason unknown");
            ended
                .problems
                .push(format!("{} {}: {detail}", outcome.result, outcome.id));
        }
    }
}

/// Takes over what the last look says about what is left.
fn settle(ended: &mut SweepEnd, last: &Sweep) {
    let named = |one: &Resource| {
        let kind = one.identity.kind;
        format!("{kind} {} ({})", one.name, short_id(&one.identity.native))
    };
    ended.is_elsewhere = !last.elsewhere.is_empty();
    ended.unproven = last.unproven.len();
    ended.unproven_names = last.unproven.iter().take(10).map(named).collect();
    ended.deleted = ended
        .results
        .get(&StepResult::Deleted)
        .copied()
        .unwrap_or_default();
    let failures = ended
        .results
        .iter()
        .filter(|(result, _)| result.is_failure());
    ended.failed = failures.map(|(_, many)| many).sum();
    ended.incomplete = !last.failures.is_empty()
        || ended.is_elsewhere
        || last
            .report
            .as_ref()
            .is_some_and(tbengine_engine::report::Report::has_deferred);
    for refusal in &last.refusals {
        ended.problems.push(format!(
            "{} stays: {} ({})",
            refusal.target.id(),
            refusal.detail,
            refusal.safeguard
        ));
    }
    ended.problems.extend(last.obstacle.clone());
    for backend in &last.elsewhere {
        ended.problems.push(format!(
            "backend `{backend}` now points to another account than when the lease was acquired; resources in the old account cannot be seen"
        ));
    }
    for failure in &last.failures {
        ended.problems.push(format!(
            "backend `{}` could not be listed: {}",
            failure.backend, failure.error
        ));
    }
}

/// Ends what still runs under a lease and deletes what was made under it, until nothing more turns up.
///
/// # Errors
/// Why nothing was done.
pub async fn end(
    context: &Context,
    settings: &Settings,
    held: &mut dyn HeldLease,
    passes: Passes,
    control: &Control,
) -> Result<SweepEnd, Error> {
    let id = held.lease().id.clone();
    let (running, left) = processes::end(&id, PROCESS_GRACE).await;
    tracing::info!(running, left, "ended processes that were still running");
    let mut ended = SweepEnd {
        lease: id,
        ..SweepEnd::default()
    };
    if left > 0 {
        let what = if left == 1 { "process" } else { "processes" };
        ended
            .problems
            .push(format!("{left} {what} cannot be ended"));
    }
    let mut last;
    let mut look = 0;
    loop {
        last = sweep(context, settings, held, Target::Everything, control).await?;
        add(&mut ended, &last);
        look += 1;
        let is_settled = last.is_clean() && !last.found() && (look > 1 || passes.once);
        // Looking again does not bring another account into sight.
        let cannot_progress = !last.elsewhere.is_empty() && last.report.is_none();
        if is_settled || cannot_progress || look == MAX_PASSES || control.stop.is_cancelled() {
            break;
        }
        tokio::time::sleep(passes.again_after).await;
    }
    settle(&mut ended, &last);
    if last.is_clean() && !control.stop.is_cancelled() && left == 0 {
        held.end(context.world.refresh().now).await?;
        ended.ended = true;
    }
    Ok(ended)
}

/// What became of a lease that was found over.
#[derive(Debug)]
pub enum LeftOver {
    /// It was swept.
    Swept(SweepEnd),
    /// It was left to the later version of tbengine that wrote it.
    Later,
}

impl LeftOver {
    /// Whether nothing is left of it that this process can see.
    pub fn is_clean(&self) -> bool {
        match self {
            Self::Swept(end) => end.ended || end.is_elsewhere,
            Self::Later => false,
        }
    }
}

/// Sweeps every lease that is over and about one of these backends; all, if none is named.
///
/// # Errors
/// If the leases cannot be listed, or one of them cannot be swept at all.
pub async fn sweep_those_over(
    context: &Context,
    settings: &Settings,
    backends: &[String],
    front: &mut dyn Front,
    control: &Control,
) -> Result<Vec<LeftOver>, Error> {
    let mut left_over = Vec::new();
    let Some(store) = existing_store(settings, &context.world.host)? else {
        return Ok(left_over);
    };
    // What cannot be read refuses every plan, which says so.
    for LeaseEntry { lease, status, .. } in store.all().await?.into_iter().flatten() {
        let concerns = |name| backends.is_empty() || backends.contains(name);
        if status != LeaseStatus::Over || !lease.terms.backends.iter().any(concerns) {
            continue;
        }
        match store.adopt(&lease.id).await {
            Ok(Some(mut held)) => {
                front.notice(Notice::LeaseOver(&lease));
                let passes = Passes::default();
                let swept = end(context, settings, &mut *held, passes, control).await?;
                front.notice(Notice::Swept(&swept));
                left_over.push(LeftOver::Swept(swept));
            }
            // Someone else was faster.
            Ok(None) | Err(StoreError::Held { .. }) => {}
            Err(error @ StoreError::Later { .. }) => {
                front.notice(Notice::LeaseLater(&error));
                left_over.push(LeftOver::Later);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(left_over)
}
