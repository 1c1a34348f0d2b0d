//! Who may work on what.

use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::{history, signal, started};
use crate::home;

#[test]
fn two_runs_never_work_on_one_resource() {
    let host = home().memory("latency = \"500ms\"");
    let first = started(&host, &["--kind", "container"], 0);
    // The others are done long before the first, however busy the machine is.
    host.configure("latency = \"10ms\"");
    let second = host.run(&["run", "-O", "jsonl"]).with_code(5);
    assert!(!second.stdout.contains("run-started"));
    let pid = first.id();
    second
        .says(&format!("(process {pid}, since "))
        .says("is working on 7 of these resources")
        .says("hint: wait for it to finish");
    // What the first does not touch is free.
    host.run(&["run", "--kind", "sandbox"]).with_code(0);
    let run = history(&host)
        .iter()
        .find(|run| run["state"] == "running")
        .unwrap()["run"]
        .as_str()
        .unwrap()
        .to_owned();
    host.run(&["resume", &run])
        .with_code(5)
        .says("is in progress");
    let ended = first.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    host.run(&["run"]).with_code(0);
}

#[test]
fn who_slept_through_its_lease_does_nothing_more() {
    let host = home().memory("latency = \"100ms\"\n[state]\nlock = \"1s\"");
    let mut stopped = started(&host, &["--kind", "container"], 1);
    signal(&stopped, Signal::STOP);
    let begun = Instant::now();
    // It is still there, so until its lease has run out it keeps others away.
    host.run(&["run", "--kind", "container"]).with_code(5);
    let taken = loop {
        let ended = host.run(&["run", "--kind", "container", "-O", "json"]);
        if ended.code != 5 || begun.elapsed() > Duration::from_secs(20) {
            break ended.with_code(0);
        }
    };
    let outcomes = taken.json()["report"]["outcomes"].as_array().unwrap().len();
    assert_eq!(outcomes, 7);
    signal(&stopped, Signal::CONT);
    let mut after = Vec::new();
    for line in BufReader::new(stopped.stdout.take().unwrap()).lines() {
        after.push(serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    }
    assert_eq!(stopped.wait().unwrap().code(), Some(5));
    let halted = after.iter().position(|line| line["event"] == "run-halted");
    let halted = halted.expect("it notices");
    let after = &after[halted..];
    let begun =
        |line: &Value| line["event"] == "attempt-started" || line["event"] == "stop-requested";
    assert!(!after.iter().any(begun), "{after:?}");
    // The one that went on has the only fence that counts.
    let runs = history(&host);
    assert_eq!(runs[0]["state"], "finished");
    assert_eq!(runs[1]["state"], "interrupted");
    let rows = host
        .run(&["history", runs[1]["run"].as_str().unwrap(), "-O", "jsonl"])
        .lines();
    let last = rows.last().unwrap();
    assert!(
        last["halted"].as_str().unwrap().contains("lock expired"),
        "{last}"
    );
    // A reading may still prove a deletion that was sent before, and every request has its row before that one.
    let sent = |step: &Value| {
        rows.iter()
            .any(|row| row["entry"] == "intent" && row["act"] == "delete" && row["step"] == *step)
    };
    let deleted = after
        .iter()
        .filter(|line| line["event"] == "step-finished" && line["result"] == "deleted");
    for line in deleted {
        assert!(sent(&line["step"]), "{line} {rows:?}");
    }
}
