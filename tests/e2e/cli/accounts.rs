//! Several names for one account, and several accounts that show one id.

use std::collections::BTreeSet;

use serde_json::Value;
use tbengine_harness::Home;

use crate::home;

/// A home with the simulated provider, and another backend of which the keys are given.
fn beside(keys: &str) -> Home {
    let host = home();
    let since = host.since.clone();
    host.memory(&format!(
        "[backends.other]\nkind = \"memory\"\nsince = \"{since}\"\n{keys}"
    ))
}

fn natives<'a>(json: &'a Value, list: &[&str]) -> Vec<&'a str> {
    let mut all = json;
    for key in list {
        all = &all[*key];
    }
    let ids = all.as_array().unwrap().iter();
    ids.map(|one| one["target"]["native"].as_str().unwrap())
        .collect()
}

#[test]
fn two_names_for_one_account_are_one_plan_and_one_run() {
    // The second is as slow as the lock is short, so that a quarter of it passes.
    let host = beside("latency = \"900ms\"");
    let alone = host
        .run(&["plan", "--backend", "memory", "-O", "json"])
        .with_code(0)
        .json();
    let both = host.run(&["plan", "-O", "json"]).with_code(0);
    let json = both.json();
    let (alone, steps) = (
        natives(&alone, &["plan", "steps"]),
        natives(&json, &["plan", "steps"]),
    );
    assert_eq!(alone, steps);
    assert_eq!(steps.iter().collect::<BTreeSet<_>>().len(), steps.len());
    let both = both.says("backends `memory`, `other` lead to one account (memory-1)");
    let named = both.stderr.matches("lead to one account").count();
    assert_eq!(named, 1, "{}", both.stderr);
    // The limit is about resources and not about names.
    let limit = steps.len().to_string();
    let run = host
        .run(&["run", "--max-delete", &limit, "-O", "json"])
        .with_code(0);
    let outcomes = run.json()["report"]["outcomes"].as_array().unwrap().len();
    assert_eq!(outcomes, steps.len());
    let listed = host.run(&["list", "-O", "json"]).with_code(0).json();
    assert_eq!(listed["resources"].as_array().unwrap().len(), 40);
    assert!(host.run(&["doctor"]).stdout.contains("lead to one account"));
}

#[test]
fn a_slow_name_for_an_account_that_is_being_cleaned_adds_nothing() {
    let host = beside("latency = \"3s\"");
    let run = host.run(&["run", "-O", "json"]).with_code(0);
    let json = run.json();
    assert_eq!(json["report"]["outcomes"].as_array().unwrap().len(), 20);
    run.says("lead to one account");
}

#[test]
fn servers_that_show_one_id_are_distinguished() {
    let host = home();
    let since = host.since.clone();
    let host = host.memory(&format!(
        "server = \"aaaaaaaaaaaa\"\n[backends.other]\nkind = \"memory\"\nsince = \"{since}\"\nserver = \"bbbbbbbbbbbb\""
    ));
    let run = host
        .run(&["run", "--max-delete", "100", "-O", "json"])
        .with_code(0);
    let json = run.json();
    let outcomes = json["report"]["outcomes"].as_array().unwrap();
    assert_eq!(outcomes.len(), 40);
    assert!(
        outcomes.iter().all(|one| one["result"] == "deleted"),
        "{json}"
    );
    let steps = json["plan"]["steps"].as_array().unwrap().iter();
    let accounts: BTreeSet<&str> = steps
        .map(|step| step["target"]["account"].as_str().unwrap())
        .collect();
    assert_eq!(accounts, ["memory-1~aaaaaaaa", "memory-1~bbbbbbbb"].into());
    run.says("show one id (memory-1), as cloned machines do");
    // The plan as a whole names the accounts as they name themselves.
    assert_eq!(json["plan"]["header"]["accounts"]["other"], "memory-1");
    // Saved plans bind to the same.
    host.run(&["plan", "--save", "p.json"]).with_code(0);
    let saved = host
        .run(&["run", "--plan", "p.json", "-O", "json"])
        .with_code(0)
        .json();
    let outcomes = saved["report"]["outcomes"].as_array().unwrap();
    assert!(
        outcomes.iter().all(|one| one["result"] == "deleted"),
        "{saved}"
    );
}

#[test]
fn one_that_does_not_say_its_server_is_taken_for_the_same() {
    let host = beside("server = \"bbbbbbbbbbbb\"");
    let json = host.run(&["plan", "-O", "json"]).with_code(0).json();
    assert_eq!(natives(&json, &["plan", "steps"]).len(), 20);
}
