//! What must hold however often a process was killed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tbengine_harness::Home;

/// What a run was approved to do, and what it says it did, by the provider's own ids.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    /// Every target of every recorded plan.
    pub(crate) approved: BTreeSet<String>,
    /// The last word on each.
    pub(crate) results: BTreeMap<String, String>,
    /// The states of the runs, newest first.
    pub(crate) states: Vec<String>,
}

/// Reads every record. Each must be whole.
pub(crate) fn recorded(program: &Home) -> Result<Recorded, String> {
    let mut recorded = Recorded::default();
    let (runs, code) = program.json(&["history", "--last", "100000"]);
    if code != 0 {
        return Err(format!("a record is damaged: {runs}"));
    }
    let runs = runs.as_array().cloned().unwrap_or_default();
    // Oldest first, so that the newest has the last word.
    for run in runs.iter().rev() {
        recorded.states.insert(0, text(run, "state"));
        let (one, _) = program.json(&["history", &text(run, "run")]);
        for step in one["step-records"].as_array().into_iter().flatten() {
            let id = text(step, "id");
            let native = id.splitn(3, '/').nth(2).unwrap_or_default().to_owned();
            recorded.approved.insert(native.clone());
            let result = match &step["outcome"]["result"] {
                Value::String(result) => result.clone(),
                _ if step["unknown"] == true => "unknown".into(),
                _ => "open".into(),
            };
            recorded.results.insert(native, result);
        }
    }
    Ok(recorded)
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

/// Nothing is gone that no recorded plan named.
pub(crate) fn safe(recorded: &Recorded, gone: &BTreeSet<String>) -> Result<(), String> {
    match gone.difference(&recorded.approved).next() {
        None => Ok(()),
        Some(id) => Err(format!("{id} is gone, and no recorded plan named it")),
    }
}

/// After the end: all that was approved is gone, each has one final result, and it is the truth.
pub(crate) fn complete(recorded: &Recorded, gone: &BTreeSet<String>) -> Result<(), String> {
    for (id, result) in &recorded.results {
        let is_gone = gone.contains(id);
        let says_gone = result == "deleted" || result == "already-gone";
        if is_gone != says_gone {
            return Err(format!(
                "{id} is said to be {result}, and it is gone: {is_gone}"
            ));
        }
        if !says_gone {
            return Err(format!("{id} was approved and ended as {result}"));
        }
    }
    match recorded.states.iter().find(|state| *state != "finished") {
        None => Ok(()),
        Some(state) => Err(format!("a run is {state} in the end")),
    }
}
