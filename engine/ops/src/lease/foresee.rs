//! What the sweeps of expired leases would do, for a caller that only plans.

use std::sync::Arc;

use serde::Serialize;
use tbengine_engine::plan::{Refusal, Step};
use tbengine_sdk::Identity;
use tbengine_store::{LeaseEntry, LeaseStatus};

use super::Target;
use super::sweep::prepare;
use crate::config::Settings;
use crate::context::Context;
use crate::error::Error;
use crate::stored::existing_store;

/// What a run would do first: the sweep of an expired lease.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedSweep {
    /// The lease.
    pub lease: String,
    /// The program that ran under it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// What would be deleted.
    pub steps: Vec<Arc<Step>>,
    /// What safeguards refuse.
    pub refusals: Vec<Refusal>,
    /// Why it would not be swept, or not as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
}

impl PlannedSweep {
    /// What would become of a resource.
    pub fn step(&self, target: &Identity) -> Option<&Step> {
        let mut steps = self.steps.iter();
        let step = steps.find(|step| step.target == *target);
        step.map(|step| &**step)
    }
}

/// The sweeps of the expired leases that are about one of these backends; of all, if none is named. Changes
/// nothing, and keeps nobody from sweeping them. What cannot be foreseen of one of them, it says itself; that leases
/// cannot be read at all refuses the plan, which says so.
pub async fn foresee(
    context: &Context,
    settings: &Settings,
    backends: &[String],
) -> Vec<PlannedSweep> {
    let mut sweeps = Vec::new();
    let Ok(Some(store)) = existing_store(settings, &context.world.host) else {
        return sweeps;
    };
    let all = store.all().await.unwrap_or_default();
    for LeaseEntry { lease, status, .. } in all.into_iter().flatten() {
        let concerns = |name| backends.is_empty() || backends.contains(name);
        if status != LeaseStatus::Over || !lease.terms.backends.iter().any(concerns) {
            continue;
        }
        let mut planned = PlannedSweep {
            program: lease.terms.program.clone(),
            lease: lease.id,
            steps: Vec::new(),
            refusals: Vec::new(),
            obstacle: None,
        };
        let preparing = async {
            let Some(held) = store.look_at(&planned.lease).await? else {
                return Ok::<_, Error>(None);
            };
            let prepared = prepare(context, settings, &*held, Target::Everything).await?;
            Ok(Some(prepared))
        };
        match preparing.await {
            Ok(None) => continue,
            Ok(Some(prepared)) => {
                planned.steps = prepared.plan.steps;
                planned.refusals = prepared.plan.refusals;
                let mut failures = prepared.sweep.failures.iter();
                let failed = failures.next().map(|failure| failure.error.to_string());
                planned.obstacle = prepared.sweep.obstacle.or(failed);
            }
            Err(error) => planned.obstacle = Some(error.to_string()),
        }
        sweeps.push(planned);
    }
    sweeps
}
