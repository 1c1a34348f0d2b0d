//! Backends that are slow, or give no answer, beside one that is fast.

use std::time::{Duration, Instant};

use serde_json::Value;
use tbengine_harness::Home;

use crate::home;

/// A home with a fast backend and another one, of which more keys are given.
fn beside(more: &str) -> Home {
    home().memory(&format!(
        "[backends.other]\nkind = \"memory\"\nseed = 2\n{more}"
    ))
}

const HANGS: &str = "latency = \"10m\"";
/// Later than what is waited for, before the others are cleaned.
const SLOW: &str = "latency = \"2500ms\"\nresources = 6";

fn outcomes<'a>(json: &'a Value, backend: &str) -> Vec<&'a Value> {
    let of_it = format!("{backend}/");
    let all = json["report"]["outcomes"].as_array().unwrap().iter();
    all.filter(|one| one["id"].as_str().unwrap().starts_with(&of_it))
        .collect()
}

#[test]
fn what_was_listed_is_cleaned_while_another_backend_gives_no_answer() {
    let host = beside(HANGS);
    let begins = Instant::now();
    let json = host.run(&["run", "-O", "json"]).with_code(6).json();
    assert_eq!(outcomes(&json, "memory").len(), 20, "{json}");
    assert!(outcomes(&json, "other").is_empty());
    assert_eq!(json["failures"][0]["backend"], "other");
    let said = json["failures"][0]["error"]["message"].as_str().unwrap();
    assert!(said.contains("gave no answer"), "{said}");
    assert!(begins.elapsed() < Duration::from_secs(40));
    // It had ended long before the other was given up.
    assert!(
        json["report"]["took-ms"].as_u64().unwrap() < 12_000,
        "{json}"
    );
}

#[test]
fn a_slow_backend_is_cleaned_later_by_a_run_of_its_own() {
    let host = beside(SLOW);
    let json = host.run(&["run", "-O", "json"]).with_code(0).json();
    let (first, later) = (outcomes(&json, "memory"), outcomes(&json, "other"));
    assert!(!first.is_empty() && !later.is_empty(), "{json}");
    let all = json["report"]["outcomes"].as_array().unwrap();
    let steps = json["plan"]["steps"].as_array().unwrap();
    assert_eq!(all.len(), steps.len());
    for (outcome, step) in all.iter().zip(steps) {
        let native = step["target"]["native"].as_str().unwrap();
        assert!(
            outcome["id"].as_str().unwrap().ends_with(native),
            "{outcome}"
        );
    }
    // Each step waits for steps of its own backend, before it.
    for (place, step) in steps.iter().enumerate() {
        for before in step["after"].as_array().into_iter().flatten() {
            let before = usize::try_from(before.as_u64().unwrap()).unwrap();
            assert!(before < place);
            let of = |step: &Value| step["target"]["backend"].clone();
            assert_eq!(of(&steps[before]), of(step));
        }
    }
    assert_eq!(json["report"]["earlier"].as_array().unwrap().len(), 1);
    let runs = host.run(&["history", "-O", "json"]).with_code(0).json();
    assert_eq!(runs.as_array().unwrap().len(), 2, "{runs}");
}

#[test]
fn who_limits_a_plan_has_one_plan() {
    let host = beside(SLOW);
    let args = ["run", "-O", "json", "--max-delete", "100"];
    let json = host.run(&args).with_code(0).json();
    assert!(!outcomes(&json, "other").is_empty());
    assert!(json["report"]["earlier"].is_null(), "{json}");
}

#[test]
fn the_deadline_holds_for_the_whole_command() {
    for args in [
        &["run", "--deadline", "8s", "-O", "json"][..],
        &[
            "run",
            "--deadline",
            "8s",
            "--max-delete",
            "100",
            "-O",
            "json",
        ],
    ] {
        let host = beside(HANGS);
        let begins = Instant::now();
        let json = host.run(args).with_code(6).json();
        assert_eq!(outcomes(&json, "memory").len(), 20, "{json}");
        assert!(
            begins.elapsed() < Duration::from_secs(20),
            "{:?}",
            begins.elapsed()
        );
    }
}
