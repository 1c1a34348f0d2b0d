//! What comes back: it was deleted in earlier runs, and something makes it anew.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tbengine_engine::plan::{Plan, Step};
use tbengine_engine::report::{Report, StepResult};
use tbengine_sdk::{Class, Timestamp};
use tbengine_store::{Returns, StoreError};

/// In so many earlier runs it was deleted that is said to come back.
const MIN_RUNS: u32 = 2;
/// What was not deleted for so long is not the same any more.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many are named.
const SHOWN: usize = 10;

/// Notes what a run has deleted, and says in its report what comes back.
///
/// # Errors
/// If that cannot be written.
pub(crate) async fn note<S: Returns + ?Sized>(
    store: &S,
    plan: &Plan,
    report: &mut Report,
    now: Timestamp,
) -> Result<(), StoreError> {
    let deleted = report.outcomes.iter();
    let deleted = deleted.filter(|one| one.result == StepResult::Deleted);
    let steps = deleted.filter_map(|one| plan.steps.get(one.step));
    // What is made anew with others, like images that are built again, is no news.
    let steps = steps.filter(|step| step.class == Class::Compute);
    let by_key: BTreeMap<String, &Step> = steps.map(|step| (key(step), &**step)).collect();
    if by_key.is_empty() {
        return Ok(());
    }
    let keys: Vec<String> = by_key.keys().cloned().collect();
    let runs = store.note_deleted(&keys, now, now.minus(KEPT)).await?;
    let back = by_key.values().zip(runs);
    let mut back: Vec<String> = back
        .filter(|(_, runs)| *runs >= MIN_RUNS)
        .map(|(step, runs)| said(step, runs))
        .collect();
    if let more @ 1.. = back.len().saturating_sub(SHOWN) {
        back.truncate(SHOWN);
        back.push(format!("{more} more come back after each deletion"));
    }
    report.warnings.extend(back);
    Ok(())
}

/// What is the same for something that is made anew.
fn key(step: &Step) -> String {
    let target = &step.target;
    json!([target.account, target.kind, lasting(&step.name)]).to_string()
}

/// The part of a name that does not change when something is made anew. A task of a swarm is called `web.1.ID`.
fn lasting(name: &str) -> &str {
    let is_id = |id: &str| id.len() == 25 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let task = name.rsplit_once('.').filter(|(_, id)| is_id(id));
    let is_slot =
        |slot: &str| !slot.is_empty() && slot.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match task.and_then(|(task, _)| task.rsplit_once('.')) {
        Some((service, slot)) if is_slot(slot) && !service.is_empty() => service,
        _ => name,
    }
}

fn said(step: &Step, runs: u32) -> String {
    let (kind, name) = (step.target.kind, lasting(&step.name));
    let end = step.known.hint.as_ref().map_or_else(
        || "end what makes it anew, or keep it".to_owned(),
        |hint| format!("to end it: {hint}"),
    );
    format!("{kind} {name} was deleted in {runs} earlier runs, and was there again; {end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_of_a_swarm_keeps_the_name_of_its_service() {
        assert_eq!(lasting("web.1.x7k2m0q9w8e7r6t5y4u3i2o1p"), "web");
        assert_eq!(lasting("my.web.2.x7k2m0q9w8e7r6t5y4u3i2o1p"), "my.web");
        for name in [
            "web",
            "web.1",
            "web.1.short",
            "",
            ".1.x7k2m0q9w8e7r6t5y4u3i2o1",
        ] {
            assert_eq!(lasting(name), name);
        }
    }
}
