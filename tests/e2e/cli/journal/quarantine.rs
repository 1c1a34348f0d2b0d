//! What is parked because it fails again and again.

use serde_json::Value;

use crate::home;

#[test]
fn what_fails_again_and_again_is_parked_until_it_is_released() {
    // Every deletion fails, and the second attempt is the last.
    let host = home().memory(
        "faults = { transient = 1.0, only = \"delete\" }\n[safeguards]\nquarantine-after = 2",
    );
    let run = |args: &[&str]| {
        let scope = [
            "run",
            "--kind",
            "container",
            "--state",
            "dead,exited,failed",
        ];
        host.run(&[&scope[..], &["--retries", "0", "-O", "json"], args].concat())
    };
    let failed = |json: &Value| json["report"]["outcomes"].as_array().map_or(0, Vec::len);
    let all = failed(&run(&[]).with_code(1).json());
    assert!(all >= 3, "{all}");
    assert_eq!(failed(&run(&[]).with_code(1).json()), all);
    // Nothing is left to do, and every one is named as refused: a job that nobody reads must not look green.
    let left = run(&[]).with_code(1);
    let json = left.json();
    left.says(&format!("left {all} quarantined resources alone: "))
        .says("--release ID tries again");
    run(&["--allow-quarantined"]).with_code(0);
    assert_eq!(failed(&json), 0);
    let refusals = json["plan"]["refusals"].as_array().unwrap();
    let parked: Vec<&Value> = refusals
        .iter()
        .filter(|one| one["safeguard"] == "quarantined")
        .collect();
    assert_eq!(parked.len(), all);
    let id = parked[0]["target"]["native"].as_str().unwrap();
    let scope = ["--kind", "container", "--retries", "0"];
    let shown = host.run(&[&["run"], &scope[..]].concat()).stdout;
    let name = parked[0]["name"].as_str().unwrap();
    assert!(shown.contains("Refused by quarantined"), "{shown}");
    assert!(shown.contains(name), "{name}: {shown}");

    let listed = host.run(&["list", "-O", "json"]).json();
    let shown = listed["resources"].as_array().unwrap().iter();
    let shown: Vec<&Value> = shown
        .filter(|one| one.get("quarantine").is_some())
        .collect();
    assert_eq!(shown.len(), all);
    assert_eq!(shown[0]["quarantine"]["runs"], 2);
    host.run(&["list"]).says("in quarantine: ");
    let explained = host.run(&["explain", id]).with_code(0).stdout;
    assert!(
        explained.contains("safeguard quarantined refuses to delete it"),
        "{explained}"
    );
    assert!(
        explained.contains("failed or reappeared in 2 runs"),
        "{explained}"
    );

    // Off, one by one, and released for good: its next failure is its first.
    assert_eq!(failed(&run(&["--quarantine-after", "0"]).json()), all);
    assert_eq!(failed(&run(&["--release", &id[..12]]).json()), 1);
    assert_eq!(failed(&run(&[]).json()), 1);
    assert_eq!(failed(&run(&[]).json()), 0);
}
