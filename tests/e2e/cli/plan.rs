//! `tbengine plan`.

use serde_json::Value;
use tbengine_harness::steady;

use crate::home;

#[test]
fn the_plan_shows_steps_reasons_and_refusals() {
    let ended = home()
        .memory("")
        .run(&["plan", "--kind", "container", "--min-age", "3h"])
        .with_code(0);
    insta::assert_snapshot!(steady(&ended.stdout));
}

#[test]
fn json_holds_the_plan_as_it_is_saved() {
    let host = home().memory("");
    let args = [
        "plan",
        "--kind",
        "container",
        "--state",
        "dead",
        "--save",
        "plan.json",
        "-O",
        "json",
    ];
    let ended = host.run(&args).with_code(0);
    insta::assert_snapshot!(steady(&ended.stdout));
    let saved: serde_json::Value = serde_json::from_str(&host.read("plan.json")).unwrap();
    assert_eq!(ended.json()["plan"], saved);
}

#[test]
fn refusals_are_grouped_by_safeguard() {
    let ended = home()
        .memory("")
        .run(&["plan", "--min-age", "100d"])
        .with_code(0);
    assert!(
        ended.stdout.contains("Refused by minimum-age (20)"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("Refused by protected-label (1)"));
    assert!(
        ended
            .stdout
            .contains("Nothing to do, 21 refused by safeguards")
    );
}

#[test]
fn lines_and_rows_hold_steps_and_refusals() {
    let host = home().memory("");
    let lines = host.run(&["plan", "-O", "jsonl"]).lines();
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.get("step").is_some())
            .count(),
        20
    );
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.get("refusal").is_some())
            .count(),
        1
    );
    let csv = host.run(&["plan", "-O", "csv"]).stdout;
    assert_eq!(
        csv.lines()
            .filter(|line| line.starts_with("step,delete,memory/"))
            .count(),
        20
    );
    assert_eq!(
        csv.lines()
            .filter(|line| line.starts_with("refused,delete,memory/"))
            .count(),
        1
    );
}

#[test]
fn the_exit_code_tells_whether_there_is_something_to_do() {
    let host = home().memory("");
    host.run(&["plan"]).with_code(0);
    host.run(&["plan", "--exit-code"]).with_code(7);
    host.run(&["plan", "--exit-code", "--label", "no.such"])
        .with_code(0);
    host.run(&["plan", "--exit-code", "--max-delete", "1"])
        .with_code(3)
        .says("--max-delete allows 1");
}

#[test]
fn parameters_change_what_is_planned() {
    let host = home().memory("");
    let steps = |args: &[&str]| {
        let args = [&["plan", "-O", "json"], args].concat();
        host.run(&args).with_code(0).json()["plan"]["steps"]
            .as_array()
            .unwrap()
            .len()
    };
    let careful = steps(&[]);
    assert!(steps(&["--set", "dead-older-than=30d"]) < careful);
    assert!(steps(&["--policy", "aggressive"]) > careful);
    assert!(steps(&["--force", "--set", "running-older-than=1h"]) > careful);
}

#[test]
fn stop_timeout_is_the_grace_of_every_step() {
    let args = ["plan", "-O", "json", "--stop-timeout", "42s"];
    let json = home().memory("").run(&args).with_code(0).json();
    let steps = json["plan"]["steps"].as_array().unwrap();
    assert!(
        steps
            .iter()
            .all(|step| step["action"]["grace-ms"] == 42_000),
        "{steps:?}"
    );
}

#[test]
fn a_clock_that_is_wrong_by_hours_keeps_everything_and_is_not_green() {
    let says = "its clock: it is 5h behind this machine's";
    let host = home().memory("skew-ms = -18000000");
    let ended = host
        .run(&["run", "--policy", "aggressive", "--yes", "-O", "json"])
        .with_code(6);
    let json = ended.json();
    assert!(json["report"]["outcomes"].as_array().unwrap().is_empty());
    let refusals = json["plan"]["refusals"].as_array().unwrap();
    assert!(refusals.iter().any(|one| one["safeguard"] == "clock"));
    ended.says(says).says("time service");
    // It is in the plan, also in one that is saved.
    let plan = host.run(&["plan", "--save", "p.json"]).with_code(6);
    plan.says(says);
    let saved: Value = serde_json::from_str(&host.read("p.json")).unwrap();
    let skew = saved["header"]["clocks"]["memory"].as_i64().unwrap();
    assert!((skew + 18_000_000).abs() < 60_000, "{skew}");
    let doctor = host.run(&["doctor"]).stdout;
    assert!(doctor.contains("5h behind this machine's"), "{doctor}");
    // The operator may say that no age matters.
    host.run(&["run", "--kind", "container", "--min-age", "0s"])
        .with_code(0);
}
