//! Saved plans: read, checked, revised and applied.

use std::sync::Arc;
use std::time::Duration;

use tbengine_engine::plan::{Action, Listing, Plan, Step};
use tbengine_engine::policy::Force;
use tbengine_sdk::Kind;

use super::Run;
use super::world::{World, in_paused_time};

/// Reads and applies plans, each also at a moment at which containers, or volumes, cannot be listed.
pub fn start() -> Run {
    Box::new(|input| {
        let Ok(plan) = serde_json::from_slice::<Plan>(input) else {
            return false;
        };
        let written = serde_json::to_vec(&plan).expect("what was read can be written");
        let again: Plan = serde_json::from_slice(&written).expect("and read again");
        assert_eq!(again, plan, "a plan changes when it is written");
        for failing in [Kind::CONTAINER, Kind::VOLUME] {
            in_paused_time(World::new().apply(plan.clone(), &[failing]));
        }
        in_paused_time(World::new().apply(plan, &[]))
    })
}

/// Plans as they are committed, and such that name everything, as one who forges a plan would write them.
pub fn corpus() -> Vec<Vec<u8>> {
    let mut corpus = crate::corpus::of("plan");
    let honest: Plan = corpus
        .iter()
        .filter_map(|text| serde_json::from_slice::<Plan>(text).ok())
        .max_by_key(|plan| plan.steps.len())
        .expect("a plan");
    corpus.extend([false, true].map(|claims| {
        let text = serde_json::to_vec(&forged(&honest, claims));
        text.expect("a plan can be written")
    }));
    corpus
}

/// A plan with a step for everything there is as it is, to be killed whatever it is.
fn forged(honest: &Plan, claims: bool) -> Plan {
    let mut plan = honest.clone();
    plan.header.scope = match claims {
        // Not that of runs: who names it says that the run of another host has ended.
        true => serde_json::from_value(serde_json::json!({ "labels": ["team=evals"] })),
        false => serde_json::from_value(serde_json::json!({})),
    }
    .expect("a scope");
    let everything = World::new().memory.oracle().alive();
    plan.steps = everything
        .iter()
        .map(|one| {
            Arc::new(Step {
                target: one.identity.clone(),
                class: tbengine_sdk::Class::Compute,
                name: one.name.clone(),
                state: one.state,
                damaged: one.damaged.is_some(),
                started: one.started,
                unit: one.unit.clone(),
                action: Action::Delete {
                    force: Force::Always,
                    grace: Duration::ZERO,
                },
                reason: "forged".into(),
                priority: 0,
                after: Vec::new(),
                bound: Vec::new(),
                alone: false,
                along: Vec::new(),
                listing: Listing::Present,
                known: Default::default(),
            })
        })
        .collect();
    plan
}
