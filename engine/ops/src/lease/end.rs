//! Sweeps until nothing more turns up, and says what came of it.

use std::collections::HashSet;
use std::time::Duration;

use tbengine_engine::apply::Control;
use tbengine_engine::discover::ListFailure;
use tbengine_engine::report::StepResult;
use tbengine_sdk::Resource;
use tbengine_store::{HeldLease, LeaseEntry, LeaseStatus, StoreError};
use tokio::time::Instant;

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
    /// How long a backend that cannot be reached is waited for. Looks in vain do not count.
    pub outage: Duration,
}

impl Passes {
    /// Passes that wait this long before looking once more.
    pub fn again_after(after: Duration) -> Self {
        Self {
            again_after: after,
            ..Self::default()
        }
    }

    /// The same, where a backend that cannot be reached is waited for this long.
    #[must_use]
    pub fn waiting(mut self, outage: Duration) -> Self {
        self.outage = outage;
        self
    }
}

impl Default for Passes {
    fn default() -> Self {
        Self {
            again_after: Duration::from_secs(3),
            once: false,
            outage: Duration::ZERO,
        }
    }
}

/// More passes than this are left to the next run.
const MAX_PASSES: u32 = 6;
/// How often a backend that cannot be reached is asked at least, and at most.
const OUTAGE_PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// How long what still runs under the lease may take to end by itself.
const PROCESS_GRACE: Duration = Duration::from_secs(2);

/// Counts what a sweep did.
fn add(ended: &mut SweepEnd, sweep: &Sweep) {
    let outcomes = || sweep.report.iter().flat_map(|report| &report.outcomes);
    // What was tried once more ended as it did the last time.
    let again: HashSet<_> = outcomes().map(|outcome| &outcome.id).collect();
    ended.outcomes.retain(|before| !again.contains(&before.id));
    ended.outcomes.extend(outcomes().cloned());
    for outcome in outcomes() {
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
    ended.is_unreachable = last.is_unreachable();
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
            "backend `{}` could not be listed, so it is unknown what is left there: {}",
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
    end_reporting(context, settings, held, passes, control, &|_| {}).await
}

/// The same, with a callback that gets, once per outage, what cannot be reached and is waited for.
///
/// # Errors
/// Why nothing was done.
pub(crate) async fn end_reporting(
    context: &Context,
    settings: &Settings,
    held: &mut dyn HeldLease,
    passes: Passes,
    control: &Control,
    on_outage: &(dyn Fn(&[ListFailure]) + Send + Sync),
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
    let mut outage: Option<Outage> = None;
    loop {
        let began = Instant::now();
        last = sweep(context, settings, held, Target::Everything, control).await?;
        add(&mut ended, &last);
        if last.is_unreachable() && !passes.outage.is_zero() && !control.stop.is_cancelled() {
            let current = outage.get_or_insert_with(|| {
                on_outage(&last.failures);
                Outage::since(began, passes)
            });
            if current.began.elapsed() >= passes.outage {
                break;
            }
            current.pause(control).await;
            continue;
        }
        outage = None;
        look += 1;
        // Where nothing can come later, what was found and is seen to be gone is all.
        let is_settled = last.is_clean() && (passes.once || !last.found() && look > 1);
        // Looking again does not bring another account into sight, nor a backend that does not work.
        let is_blind = last.failures.iter().any(|failure| failure.item.is_none());
        let is_blind = is_blind && (look > 1 || last.is_unreachable());
        let cannot_progress = last.report.is_none() && (is_blind || !last.elsewhere.is_empty());
        if is_settled || cannot_progress || look == MAX_PASSES || control.stop.is_cancelled() {
            break;
        }
        tokio::time::sleep(passes.again_after).await;
    }
    settle(&mut ended, &last);
    if last.is_clean() && !control.stop.is_cancelled() && left == 0 {
        ended.ended = true;
        // Everything is gone, and the next sweep finds that again.
        if let Err(error) = held.end(context.world.refresh().now).await {
            let problem = format!("the end of the lease could not be recorded: {error}");
            ended.problems.push(problem);
        }
    }
    Ok(ended)
}

/// A backend that cannot be reached.
struct Outage {
    began: Instant,
    pause: Duration,
}

impl Outage {
    /// One that was first noticed when a pass began, and is waited for.
    fn since(began: Instant, passes: Passes) -> Self {
        let (least, most) = OUTAGE_PAUSE;
        let pause = passes.again_after.clamp(least, most);
        Self { began, pause }
    }

    /// Waits before it is asked again.
    async fn pause(&mut self, control: &Control) {
        let (_, most) = OUTAGE_PAUSE;
        tokio::time::timeout(self.pause, control.stop.cancelled())
            .await
            .ok();
        self.pause = (self.pause * 2).min(most);
    }
}

/// What became of a lease that was found over.
#[derive(Debug)]
pub enum LeftOver {
    /// It was swept.
    Swept(SweepEnd),
    /// It was left to the later version of tbengine that wrote it.
    Later,
    /// It could not be swept at all, like one whose baseline cannot be read.
    Failed {
        /// Its id.
        lease: String,
        /// Why.
        error: Box<Error>,
    },
}

impl LeftOver {
    /// Whether nothing is left of it that this process can see.
    pub fn is_clean(&self) -> bool {
        match self {
            Self::Swept(end) => end.ended || end.is_elsewhere,
            Self::Later | Self::Failed { .. } => false,
        }
    }
}

/// Sweeps every expired lease that is about one of these backends; all, if none is named.
///
/// # Errors
/// If the leases cannot be listed. One that cannot be swept at all keeps no other from it.
pub async fn sweep_expired_leases(
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
        let error = match store.adopt(&lease.id).await {
            Ok(Some(mut held)) => {
                front.notice(Notice::LeaseOver(&lease));
                let passes = Passes::default();
                match end(context, settings, &mut *held, passes, control).await {
                    Ok(swept) => {
                        front.notice(Notice::Swept(&swept));
                        left_over.push(LeftOver::Swept(swept));
                        continue;
                    }
                    Err(error) => error,
                }
            }
            // Someone else was faster.
            Ok(None) | Err(StoreError::Held { .. }) => continue,
            Err(error @ StoreError::Later { .. }) => {
                front.notice(Notice::LeaseLater(&error));
                left_over.push(LeftOver::Later);
                continue;
            }
            Err(error) => error.into(),
        };
        front.notice(Notice::LeaseFailed(&lease, &error));
        left_over.push(LeftOver::Failed {
            lease: lease.id,
            error: Box::new(error),
        });
    }
    Ok(left_over)
}
