//! Runs that were cut short, and how they are gone on with.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::{history, killed, signal, started};
use crate::home;

#[test]
fn what_was_killed_is_resumed() {
    let host = home().memory("latency = \"50ms\"");
    // Only what nothing else holds: each process simulates a host that has everything again.
    let run = killed(&host, &["--kind", "container,sandbox"]);
    let crashed = &history(&host)[0];
    assert_eq!(crashed["state"], "crashed");
    assert!(crashed["results"]["deleted"].as_u64().unwrap() >= 2);
    host.run(&["history"])
        .says(&format!("tbengine resume {run}"));
    let ended = host.run(&["resume", "-O", "json"]).with_code(0);
    let report = &ended.json()["report"];
    assert_eq!(report["run"], run.as_str());
    // One outcome for each step of the approved plan.
    assert_eq!(report["outcomes"].as_array().unwrap().len(), 10);
    assert_eq!(history(&host)[0]["state"], "finished");
    assert_eq!(history(&host)[0]["open"], 0);
    host.run(&["resume"]).with_code(0).says("no run to resume");
    host.run(&["resume", &run]).with_code(0).says("is finished");
    host.run(&["resume", "ffff"])
        .with_code(2)
        .says("no run ffff");
}

#[test]
fn what_was_interrupted_says_how_to_go_on() {
    let host = home().memory("latency = \"50ms\"");
    let child = started(&host, &["--kind", "container"], 1);
    signal(&child, Signal::TERM);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(143));
    let stderr = String::from_utf8(ended.stderr).unwrap();
    let run = history(&host)[0]["run"].as_str().unwrap().to_owned();
    assert!(
        stderr.contains(&format!("left; continue with: tbengine resume {run}")),
        "{stderr}"
    );
    assert_eq!(history(&host)[0]["state"], "interrupted");
    host.run(&["resume"]).with_code(0);
    assert_eq!(history(&host)[0]["state"], "finished");
}

#[test]
fn what_is_stale_is_refused_unless_it_is_planned_anew() {
    let host = home().memory("latency = \"50ms\"");
    let run = killed(&host, &["--kind", "container"]);
    let stale = |args: &[&str], says: &str| {
        let args = [&["resume", &run, "-O", "jsonl"], args].concat();
        let ended = host.run(&args).with_code(4);
        assert!(!ended.stdout.contains("run-started"));
        ended.says(says).says("--replan");
    };
    stale(&["--max-plan-age", "0s"], "plans are valid for 0s");
    let states = host
        .run(&["history", "--max-plan-age", "0s", "-O", "json"])
        .json();
    assert_eq!(states[0]["state"], "stale");
    host.configure("seed = 2");
    stale(&[], "was connected to `memory-1`, now to");
    host.configure("");
    let ended = host
        .run(&[
            "resume",
            &run,
            "--max-plan-age",
            "0s",
            "--replan",
            "-O",
            "json",
        ])
        .with_code(0);
    let new = ended.json()["report"]["run"].as_str().unwrap().to_owned();
    assert_ne!(new, run);
    // The same scope: nothing but containers.
    let steps = ended.json()["plan"]["steps"].as_array().unwrap().clone();
    assert!(
        steps
            .iter()
            .all(|step| step["target"]["kind"] == "container")
    );
    let states = history(&host);
    assert_eq!(
        (&states[0]["run"], &states[0]["state"]),
        (&new.as_str().into(), &"finished".into())
    );
    assert_eq!(states[1]["state"], "replaced");
    host.run(&["resume"]).with_code(0).says("no run to resume");
}

#[test]
fn a_closed_output_does_not_end_the_cleaning() {
    for format in ["jsonl", "table", "json"] {
        let host = home().memory("latency = \"5ms\"");
        let mut child = host
            .command(&["run", "-O", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        drop(child.stderr.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{format}");
        assert_eq!(history(&host)[0]["results"]["deleted"], 20, "{format}");
    }
}

#[test]
fn a_closed_terminal_stops_a_run_unless_it_was_to_outlive_it() {
    let host = home().memory("latency = \"50ms\"");
    let child = started(&host, &[], 1);
    signal(&child, Signal::HUP);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(129));
    assert_eq!(history(&host)[0]["state"], "interrupted");

    let host = home().memory("latency = \"50ms\"");
    let program = env!("CARGO_BIN_EXE_tbengine");
    let mut child = Command::new("sh")
        .args(["-c", &format!("trap '' HUP; exec {program} run -O jsonl")])
        .env_clear()
        .env("HOME", host.path(""))
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .current_dir(host.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("attempt-started")));
    signal(&child, Signal::HUP);
    assert!(lines.count() > 0);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
