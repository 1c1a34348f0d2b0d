//! `plan --save` and `run --plan`.

use tbengine_engine::plan::Plan;
use tbengine_harness::{Ended, Home};

use crate::home;

/// A host and its saved plan.
fn saved(args: &[&str]) -> Home {
    let host = home().memory("");
    host.run(&[&["plan", "--save", "plan.json"], args].concat())
        .with_code(0);
    host
}

/// Changes the saved plan.
fn edit(host: &Home, change: impl FnOnce(&mut serde_json::Value)) {
    let mut plan = serde_json::from_str(&host.read("plan.json")).unwrap();
    change(&mut plan);
    host.write("plan.json", &plan.to_string());
}

/// The same, by someone who makes the digest fit as well.
fn forge(host: &Home, change: impl FnOnce(&mut serde_json::Value)) {
    edit(host, change);
    let plan: Plan = serde_json::from_str(&host.read("plan.json")).unwrap();
    host.write("plan.json", &serde_json::to_string(&plan.sealed()).unwrap());
}

#[test]
fn a_saved_plan_does_what_it_says() {
    let host = saved(&["--kind", "container"]);
    let ended = host.run(&["run", "--plan", "plan.json"]).with_code(0);
    assert!(ended.stdout.contains("7 deleted"), "{}", ended.stdout);
}

#[test]
fn a_saved_plan_keeps_its_policy_and_parameters() {
    let host = saved(&[
        "--policy",
        "aggressive",
        "--set",
        "dead-older-than=1d",
        "--stop-timeout",
        "7s",
    ]);
    let plan: serde_json::Value = serde_json::from_str(&host.read("plan.json")).unwrap();
    assert_eq!(plan["header"]["policy-origin"], "aggressive");
    assert_eq!(plan["header"]["policy"]["params"]["dead-older-than"], "1d");
    host.run(&["run", "--plan", "plan.json"]).with_code(0);
}

#[test]
fn a_policy_from_a_file_is_found_again_from_elsewhere() {
    let host = home().memory("");
    host.run(&["policy", "export", "default", "-o", "mine.wasm"])
        .with_code(0);
    host.run(&["plan", "--policy", "mine.wasm", "--save", "plan.json"])
        .with_code(0);
    let plan = host.path("plan.json");
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = host.command(&["run", "--plan", plan.to_str().unwrap()]);
    let output = command.current_dir(elsewhere.path()).output().unwrap();
    Ended::from(output).with_code(0);
}

#[test]
fn stale_plans_end_with_4_and_do_nothing() {
    let stale = |host: &Home, args: &[&str], says: &str| {
        let args = [&["run", "--plan", "plan.json", "-O", "jsonl"], args].concat();
        let ended = host.run(&args).with_code(4);
        assert!(!ended.stdout.contains("run-started"));
        ended.says(says).says("hint: make a new one");
    };
    stale(
        &saved(&[]),
        &["--max-plan-age", "0s"],
        "plans are valid for 0s",
    );

    let host = saved(&[]);
    forge(&host, |plan| {
        plan["header"]["policy-origin"] = "aggressive".into();
    });
    stale(&host, &[], "policy `default` has changed");

    let host = saved(&[]);
    forge(&host, |plan| {
        plan["header"]["format"] = "tbengine-plan/9".into();
    });
    stale(&host, &[], "unknown format `tbengine-plan/9`");

    let host = saved(&[]);
    forge(&host, |plan| {
        plan["header"]["created"] = "2999-01-01T00:00:00Z".into();
    });
    stale(&host, &[], "is in the future");

    let host = saved(&[]);
    host.configure("seed = 2");
    stale(&host, &[], "was connected to `memory-1`, now to `memory-2`");
}

#[test]
fn a_plan_that_was_changed_after_its_review_is_refused() {
    let changes: [fn(&mut serde_json::Value); 5] = [
        // A step more.
        |plan| {
            let steps = plan["steps"].as_array_mut().unwrap();
            let mut more = steps[0].clone();
            more["target"]["native"] = "0".repeat(64).into();
            steps.push(more);
        },
        // Another target.
        |plan| plan["steps"][0]["target"]["native"] = "1".repeat(64).into(),
        // More force.
        |plan| plan["steps"][0]["action"]["force"] = "always".into(),
        // A wider scope.
        |plan| plan["header"]["scope"] = serde_json::json!({}),
        // No digest at all.
        |plan| drop(plan.as_object_mut().unwrap().remove("digest")),
    ];
    for change in changes {
        let host = saved(&["--kind", "container"]);
        edit(&host, change);
        let ended = host
            .run(&["run", "--plan", "plan.json", "-O", "jsonl"])
            .with_code(4);
        assert!(!ended.stdout.contains("run-started"));
        ended.says("the file was edited after it was saved");
    }
}

#[test]
fn what_a_forged_plan_names_goes_by_the_guards_and_the_identity() {
    // What the default policy left alone: it runs, and is to be started again by itself.
    let host = saved(&["--kind", "container"]);
    let json = host
        .run(&["list", "--state", "running", "-O", "json"])
        .json();
    let postgres = json["resources"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "postgres")
        .unwrap()
        .clone();
    forge(&host, |plan| {
        let step = &mut plan["steps"][0];
        step["target"] = postgres["identity"].clone();
        step["state"] = "running".into();
        step["started"] = postgres["started"].clone();
        step["action"]["force"] = "always".into();
        // The right id from another creation, and one step twice over.
        plan["steps"][1]["target"]["created"] = "2020-01-01T00:00:00Z".into();
    });
    let ended = host
        .run(&["run", "--plan", "plan.json", "-O", "json"])
        .with_code(0);
    let json = ended.json();
    assert_eq!(json["report"]["outcomes"].as_array().unwrap().len(), 5);
    let refused = |safeguard: &str| {
        let refusals = json["plan"]["refusals"].as_array().unwrap();
        refusals
            .iter()
            .filter(|one| one["safeguard"] == safeguard)
            .count()
    };
    assert_eq!(
        (refused("kept-owner"), refused("changed")),
        (1, 1),
        "{json:#}"
    );

    let host = saved(&["--kind", "container"]);
    forge(&host, |plan| {
        let twice = plan["steps"][0].clone();
        plan["steps"].as_array_mut().unwrap().push(twice);
    });
    host.run(&["run", "--plan", "plan.json"])
        .with_code(4)
        .says("it has two steps for memory/container/");
}

#[test]
fn a_plan_belongs_to_its_configuration() {
    let host = saved(&["--kind", "container"]);
    for more in [
        "[safeguards]\nmin-age = \"2m\"",
        "[retry]\nattempts = 2",
        "latency = \"1ms\"",
    ] {
        host.configure(more);
        host.run(&["run", "--plan", "plan.json"])
            .with_code(4)
            .says("the configuration has changed");
    }
    // What does not decide may change.
    host.configure("[state]\nlock = \"20s\"");
    host.run(&["run", "--plan", "plan.json"]).with_code(0);
}

#[test]
fn what_is_another_resource_now_is_refused() {
    let host = saved(&["--kind", "container"]);
    let mut later = home().memory("");
    // The same ids, created an hour earlier.
    later.since = humantime::format_rfc3339_seconds(
        humantime::parse_rfc3339(&host.since).unwrap() - std::time::Duration::from_secs(3600),
    )
    .to_string();
    later.configure("");
    later.write("plan.json", &host.read("plan.json"));
    // Its configuration says when the host was left, and has to match.
    later.run(&["plan", "--save", "own.json"]).with_code(0);
    let own: Plan = serde_json::from_str(&later.read("own.json")).unwrap();
    forge(&later, |plan| {
        plan["header"]["configuration"] = own.header.configuration.into();
    });
    let ended = later
        .run(&["run", "--plan", "plan.json", "-O", "json"])
        .with_code(0);
    let json = ended.json();
    assert_eq!(json["report"]["outcomes"].as_array().unwrap().len(), 0);
    let changed = json["plan"]["refusals"].as_array().unwrap();
    assert_eq!(
        changed
            .iter()
            .filter(|one| one["safeguard"] == "changed")
            .count(),
        7
    );
}

#[test]
fn guards_of_now_hold_for_plans_of_then() {
    let host = saved(&["--kind", "container"]);
    host.run(&["run", "--plan", "plan.json", "--max-delete", "1"])
        .with_code(3);
    let json = host
        .run(&[
            "run",
            "--plan",
            "plan.json",
            "--min-age",
            "100d",
            "-O",
            "json",
        ])
        .with_code(0)
        .json();
    assert_eq!(json["plan"]["steps"].as_array().unwrap().len(), 0);
}

#[test]
fn what_is_no_plan_is_an_error_of_usage() {
    let host = saved(&[]);
    host.write("other.json", "{\"header\": 1}");
    host.run(&["run", "--plan", "other.json"])
        .with_code(2)
        .says("tbengine plan --save");
    host.run(&["run", "--plan", "gone.json"])
        .with_code(2)
        .says("gone.json");
    for (flag, value) in [
        ("--policy", "default"),
        ("--set", "force=true"),
        ("--backend", "memory"),
        ("--stop-timeout", "1s"),
    ] {
        host.run(&["run", "--plan", "plan.json", flag, value])
            .with_code(2)
            .says("cannot be used with");
    }
    host.run(&["run", "--plan", "plan.json", "--force"])
        .with_code(2)
        .says("cannot be used with");
}
