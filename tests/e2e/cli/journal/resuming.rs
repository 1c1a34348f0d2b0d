//! Runs that were cut short, and how they are gone on with.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use rustix::process::Signal;
use tbengine_harness::Home;

use super::{STATE, history, killed, signal, started};
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
fn a_run_that_is_left_behind_is_named_by_a_resume_without_a_name() {
    let host = home().memory("latency = \"50ms\"");
    let run = killed(&host, &["--kind", "container"]);
    // A job every night must not be green while nobody finishes it.
    let old = ["--max-plan-age", "0s"];
    host.run(&[&["resume"], &old[..]].concat())
        .with_code(4)
        .says(&format!("the plan of run {run} is stale"))
        .says(&format!("`tbengine resume {run} --replan`"));
    // Another scope has nothing to do with it.
    host.run(&["run", "--kind", "sandbox"]).with_code(0);
    host.run(&[&["resume"], &old[..]].concat()).with_code(4);
    // What has the same scope has done its work since.
    host.run(&["run", "--kind", "container"]).with_code(0);
    host.run(&[&["resume"], &old[..]].concat())
        .with_code(0)
        .says("no run to resume");
}

#[test]
fn a_damaged_record_is_named_by_a_resume_without_a_name() {
    let host = home().memory("latency = \"50ms\"");
    let run = killed(&host, &["--kind", "container"]);
    let record = host.path(&format!("{STATE}/runs/{run}.db"));
    std::fs::write(&record, "no database").unwrap();
    host.run(&["resume"])
        .with_code(1)
        .says(&format!("run {run} cannot be read"));
    host.run(&["run", "--kind", "container"]).with_code(0);
    host.run(&["resume"]).with_code(0).says("no run to resume");
}

#[test]
fn what_its_operator_said_holds_when_a_run_is_resumed() {
    let host = home().memory("latency = \"50ms\"\n[safeguards]\nmin-age = \"3650d\"");
    let run = killed(&host, &["--kind", "container,sandbox", "--min-age", "0s"]);
    let ended = host.run(&["resume", "-O", "json"]).with_code(0).json();
    assert_eq!(ended["report"]["run"], run.as_str());
    let outcomes = ended["report"]["outcomes"].as_array().unwrap();
    let deleted = outcomes.iter().filter(|one| one["result"] == "deleted");
    assert_eq!(deleted.count(), outcomes.len(), "{ended}");
    // What is said for this time goes first.
    let run = killed(&host, &["--kind", "container,sandbox", "--min-age", "0s"]);
    let strict = ["resume", &run, "--min-age", "3650d", "-O", "json"];
    let ended = host.run(&strict).json();
    let outcomes = ended["report"]["outcomes"].as_array().unwrap();
    let changed = outcomes.iter().filter(|one| one["result"] == "changed");
    assert!(changed.count() > 0, "{ended}");
}

#[test]
fn a_run_is_not_lost_where_a_new_plan_cannot_take_its_place() {
    let host = home().memory("latency = \"100ms\"");
    let run = killed(&host, &["--kind", "container"]);
    // Another run works on the same: the killed one's process is gone.
    let mut other = started(&host, &["--kind", "container"], 0);
    host.run(&["resume", &run, "--replan"]).with_code(5);
    let state = |host: &Home| {
        let found = history(host).into_iter().find(|one| one["run"] == *run);
        found.unwrap()["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(&host), "crashed");
    signal(&other, Signal::KILL);
    other.wait().unwrap();
    host.run(&["resume", &run, "--replan"]).with_code(0);
    assert_eq!(state(&host), "replaced");
}

#[test]
fn a_run_stays_where_a_new_plan_cannot_see_what_it_has_left_to_do() {
    let host = home().memory("latency = \"50ms\"");
    let run = killed(&host, &["--kind", "container"]);
    host.configure("faults = { unavailable = 1.0, only = \"list\" }");
    for _ in 0..2 {
        host.run(&["resume", &run, "--replan"])
            .with_code(6)
            .says("could not be listed")
            .says(&format!("`tbengine resume {run}`"));
        let states = history(&host);
        assert_eq!(states.len(), 1, "{states:?}");
        assert_eq!(states[0]["state"], "crashed");
    }
    host.configure("latency = \"50ms\"");
    host.run(&["resume", "--replan"]).with_code(0);
    assert_eq!(history(&host)[0]["state"], "finished");
}

#[test]
fn how_to_go_on_names_the_same_configuration_and_state() {
    let host = home();
    let table = format!(
        "[backends.one]\nkind = \"memory\"\nsince = \"{}\"\nlatency = \"50ms\"\n",
        host.since
    );
    host.write("my files/one.toml", &table);
    let places = ["--config", "my files/one.toml", "--state-dir", "kept"];
    let child = started(&host, &[&places[..], &["--kind", "container"]].concat(), 1);
    signal(&child, Signal::TERM);
    let ended = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    let hint = stderr
        .lines()
        .find_map(|line| line.split_once("tbengine resume "));
    let (_, arguments) = hint.unwrap_or_else(|| panic!("{stderr}"));
    assert!(
        arguments.contains("--config 'my files/one.toml'"),
        "{stderr}"
    );
    // As it stands there, it works.
    let program = env!("CARGO_BIN_EXE_tbengine");
    let script = format!("exec {program} resume {arguments}");
    let resumed = Command::new("sh")
        .args(["-c", &script])
        .env_clear()
        .env("HOME", host.path(""))
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .current_dir(host.path(""))
        .output()
        .unwrap();
    assert_eq!(resumed.status.code(), Some(0), "{resumed:?}");
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
