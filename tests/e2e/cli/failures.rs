//! What does not go well, and the exit codes that tell.

use tbengine_harness::count;

use crate::home;

const DELETE_FAILS: &str = "faults = { transient = 1.0, only = \"delete\" }";

#[test]
fn steps_that_fail_are_listed_and_end_with_1() {
    let host = home().memory(DELETE_FAILS);
    let ended = host
        .run(&["run", "--kind", "container", "--retries", "0"])
        .with_code(1);
    let failed = ended
        .stdout
        .lines()
        .filter(|line| line.starts_with("failed "))
        .count();
    assert_eq!(failed, 7, "{}", ended.stdout);
    assert!(ended.stdout.contains("device or resource busy"));
    assert!(ended.stdout.contains("7 failed"));
}

#[test]
fn fail_fast_starts_nothing_more() {
    let host = home().memory(DELETE_FAILS);
    let args = [
        "run",
        // What runs is stopped first, so it would be under way when the first step fails.
        "--state",
        "exited",
        "--fail-fast",
        "--retries",
        "0",
        "--concurrency",
        "1",
        "-O",
        "json",
    ];
    let json = host.run(&args).with_code(1).json();
    let results: Vec<&str> = json["report"]["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|outcome| outcome["result"].as_str().unwrap())
        .collect();
    assert_eq!(results.len(), 4);
    assert_eq!(
        results.iter().filter(|result| **result == "failed").count(),
        1,
        "{results:?}"
    );
    assert_eq!(
        results
            .iter()
            .filter(|result| **result == "cancelled")
            .count(),
        3,
        "{results:?}"
    );
}

#[test]
fn each_retry_is_logged_with_its_reason_and_delay() {
    let host = home().memory(DELETE_FAILS);
    let args = [
        "run",
        "--state",
        "dead",
        "--retries",
        "2",
        "--retry-delay",
        "1ms",
        "--retry-factor",
        "3",
        "-v",
    ];
    let ended = host.run(&args).with_code(1);
    let retries: Vec<&str> = ended
        .stderr
        .lines()
        .filter(|line| line.starts_with(" WARN attempt failed"))
        .collect();
    assert_eq!(retries.len(), 2, "{}", ended.stderr);
    assert!(
        retries[0].contains("attempt=1") && retries[0].contains("delay_ms=1"),
        "{retries:?}"
    );
    assert!(
        retries[1].contains("attempt=2") && retries[1].contains("delay_ms=3"),
        "{retries:?}"
    );
    assert!(
        retries[0].contains("error=device or resource busy"),
        "{retries:?}"
    );
    assert_eq!(
        ended
            .stderr
            .lines()
            .filter(|line| line.starts_with("ERROR"))
            .count(),
        1
    );
    // The report says it too, so without -v the error output is empty.
    let quiet = host
        .run(&["run", "--state", "dead", "--retries", "0"])
        .with_code(1);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn a_backend_that_cannot_be_listed_is_loud_and_ends_with_6() {
    let host = home().memory("faults = { unavailable = 1.0 }");
    for command in ["list", "plan", "run"] {
        let ended = host
            .run(&[command])
            .with_code(6)
            .says("error: backend `memory` could not be listed: the service is unavailable");
        assert!(!ended.stdout.contains("Nothing to do;"), "{}", ended.stdout);
        if command != "list" {
            let nothing = "Nothing to do on the backends that responded";
            assert!(ended.stdout.starts_with(nothing), "{}", ended.stdout);
        }
    }
    let json = host.run(&["plan", "-O", "json"]).with_code(6).json();
    assert_eq!(json["failures"][0]["backend"], "memory");
    assert_eq!(json["exit-code"], 6);
}

#[test]
fn an_unreachable_backend_does_not_stop_the_others() {
    let host = home().memory("[backends.away]\nkind = \"memory\"\nfaults = { unavailable = 1.0 }");
    let ended = host.run(&["run", "-O", "json"]).with_code(6);
    let json = ended.json();
    assert_eq!(json["report"]["outcomes"].as_array().unwrap().len(), 20);
    host.run(&["run", "--backend", "memory"]).with_code(0);
}

#[test]
fn steps_that_were_deferred_end_with_6() {
    let host = home().memory("faults = { unavailable = 1.0, only = \"delete\" }");
    let args = [
        "run",
        "--state",
        "dead",
        "--outage-deadline",
        "0s",
        "-O",
        "json",
    ];
    let json = host.run(&args).with_code(6).json();
    assert_eq!(json["report"]["outcomes"][0]["result"], "deferred");
}

#[test]
fn a_run_ends_at_its_deadline_and_defers_the_rest() {
    // A step takes three calls, and what comes before the first takes one.
    let host = home().memory("latency = \"2s\"");
    let args = [
        "run",
        "--concurrency",
        "1",
        "--deadline",
        "5s",
        "--state",
        "exited",
        "-O",
        "json",
    ];
    let json = host.run(&args).with_code(6).json();
    let outcomes = json["report"]["outcomes"].as_array().unwrap();
    let ended_as = |result: &str| {
        let with = outcomes.iter().filter(|one| one["result"] == result);
        with.count()
    };
    // One was under way and was let finish.
    assert_eq!(
        (ended_as("deleted"), ended_as("deferred")),
        (1, outcomes.len() - 1),
        "{json}"
    );
    assert!(outcomes.len() > 2, "{json}");
    assert_eq!(json["report"]["interrupted"], false);
}

#[test]
fn a_policy_that_fails_deletes_nothing_and_is_shown_whole() {
    let host = home().memory("");
    std::fs::write(host.path("hostile.wasm"), tbengine_builtins::HOSTILE).unwrap();
    let policy = ["--policy", "./hostile.wasm", "--set", "decides=panic"];
    for command in ["plan", "run"] {
        let args = [&[command], &policy[..], &["-O", "json"]].concat();
        let ended = host.run(&args).with_code(2);
        let json = ended.json();
        assert_eq!(json["fault"]["function"], "decide");
        assert_eq!(json["plan"]["steps"].as_array().unwrap().len(), 0);
        ended
            .says("error: policy `hostile` failed in `decide`")
            .says("backtrace:")
            .says("hint: nothing is deleted while the policy fails");
    }
    let args = [&["plan", "--save", "plan.json"], &policy[..]].concat();
    host.run(&args).with_code(2).says("the plan was not saved");
    assert!(!host.path("plan.json").exists());
    let lines = host
        .run(&[&["run", "-O", "jsonl"], &policy[..]].concat())
        .lines();
    assert_eq!(
        (count(&lines, "policy-failed"), count(&lines, "run-started")),
        (1, 0)
    );
}
