//! Sweeps until nothing more turns up, and says what came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tbengine_engine::apply::Control;
use tbengine_engine::report::StepResult;
use tbengine_sdk::Resource;
use tbengine_store::{HeldLease, LeaseEntry, Standing, StoreError};

use super::sweep::{Sweep, sweep};
use super::{Target, processes};
use crate::config::Settings;
use crate::context::Context;
use crate::error::Error;
use crate::front::{Front, Notice};
use crate::short_id::short_id;
use crate::stored::existing_store;

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

/// What became of what was made under a lease.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SweepEnd {
    /// The lease.
    pub lease: String,
    /// Whether everything was seen to be gone.
    pub ended: bool,
    /// How many were deleted.
    pub deleted: usize,
    /// How many could not be.
    pub failed: usize,
    /// How many were created meanwhile, and nothing says by whom.
    pub unproven: usize,
    /// How many steps ended in which way.
    pub results: BTreeMap<StepResult, usize>,
    /// What is in the way, in words.
    pub problems: Vec<String>,
    /// What was created meanwhile, and nothing says by whom, in words.
    pub unproven_names: Vec<String>,
    /// Whether something could not be looked at, or was put off.
    #[serde(skip)]
    pub incomplete: bool,
    /// Whether some of it is only seen with other settings.
    #[serde(skip)]
    pub is_elsewhere: bool,
}

impl SweepEnd {
    fn add(&mut self, sweep: &Sweep) {
        for outcome in sweep.report.iter().flat_map(|report| &report.outcomes) {
            *self.results.entry(outcome.result).or_default() += 1;
            if outcome.result.is_failure() {
                let detail = outcome.detail.as_deref().unwrap_or("no reason is known");
                self.problems
                    .push(format!("{} {}: {detail}", outcome.result, outcome.id));
            }
        }
    }

    /// Takes over what the last look says about what is left.
    fn settle(&mut self, last: &Sweep) {
        let named = |one: &Resource| {
            let kind = one.identity.kind;
            format!("{kind} {} ({})", one.name, short_id(&one.identity.native))
        };
        self.is_elsewhere = !last.elsewhere.is_empty();
        self.unproven = last.unproven.len();
        self.unproven_names = last.unproven.iter().take(10).map(named).collect();
        self.deleted = self
            .results
            .get(&StepResult::Deleted)
            .copied()
            .unwrap_or_default();
        let failures = self
            .results
            .iter()
            .filter(|(result, _)| result.is_failure());
        self.failed = failures.map(|(_, many)| many).sum();
        self.incomplete = !last.failures.is_empty()
            || self.is_elsewhere
            || last
                .report
                .as_ref()
                .is_some_and(tbengine_engine::report::Report::has_deferred);
        for refusal in &last.refusals {
            self.problems.push(format!(
                "{} stays: {} ({})",
                refusal.target.id(),
                refusal.detail,
                refusal.guard
            ));
        }
        self.problems.extend(last.obstacle.clone());
        for backend in &last.elsewhere {
            self.problems.push(format!(
                "backend `{backend}` leads to another account than when the lease was taken, and what was made there is not seen from here"
            ));
        }
        for failure in &last.failures {
            self.problems.push(format!(
                "backend `{}` could not be listed: {}",
                failure.backend, failure.error
            ));
        }
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
    tracing::info!(running, left, "ended what still ran");
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
        ended.add(&last);
        look += 1;
        let is_settled = last.is_clean() && !last.found() && (look > 1 || passes.once);
        // Looking again does not bring another account into sight.
        let is_vain = !last.elsewhere.is_empty() && last.report.is_none();
        if is_settled || is_vain || look == MAX_PASSES || control.stop.is_cancelled() {
            break;
        }
        tokio::time::sleep(passes.again_after).await;
    }
    ended.settle(&last);
    if last.is_clean() && !control.stop.is_cancelled() && left == 0 {
        held.end(context.world.again().now).await?;
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
    for LeaseEntry {
        lease, standing, ..
    } in store.all().await?.into_iter().flatten()
    {
        let concerns = |name| backends.is_empty() || backends.contains(name);
        if standing != Standing::Over || !lease.terms.backends.iter().any(concerns) {
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
