//! What is recorded, what can be resumed, and who may work on what.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::host::{Ended, Host};

const STATE: &str = ".local/state/tbengine";

fn history(host: &Host) -> Vec<Value> {
    let json = host.run(&["history", "-O", "json"]).with_code(0).json();
    json.as_array().unwrap().clone()
}

/// Starts a run and waits until so many steps have ended.
fn started(host: &Host, args: &[&str], ended: usize) -> Child {
    let args = [&["run", "-O", "jsonl", "--concurrency", "2"], args].concat();
    let mut child = host
        .command(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let mut seen = 0;
    for line in lines {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        seen += usize::from(line["event"] == "step-finished");
        if line["event"] == "attempt-started" && seen >= ended {
            break;
        }
    }
    child
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn killed(host: &Host, args: &[&str]) -> String {
    let mut child = started(host, args, 2);
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    history(host)[0]["run"].as_str().unwrap().to_owned()
}

#[test]
fn a_run_is_recorded_from_its_plan_to_its_end() {
    let host = Host::new();
    assert_eq!(history(&host).len(), 0);
    host.run(&["history"])
        .with_code(0)
        .says("no run has been recorded");
    host.run(&["run", "--kind", "container"]).with_code(0);
    let runs = history(&host);
    assert_eq!(runs.len(), 1);
    let run = runs[0]["run"].as_str().unwrap();
    assert_eq!(runs[0]["state"], "finished");
    assert_eq!(runs[0]["results"]["deleted"], 7);
    assert_eq!(runs[0]["policy"], "default 1.0.0");
    assert_eq!(runs[0]["digest"].as_str().unwrap().len(), 64);

    let one = host
        .run(&["history", run, "-O", "json"])
        .with_code(0)
        .json();
    let steps = one["step-records"].as_array().unwrap();
    assert_eq!(steps.len(), 7);
    assert!(
        steps
            .iter()
            .all(|step| step["intents"].as_u64() >= Some(1)
                && step["outcome"]["result"] == "deleted")
    );
    let rows = host
        .run(&["history", run, "-O", "jsonl"])
        .with_code(0)
        .lines();
    assert_eq!(rows[0]["entry"], "approved");
    assert_eq!(rows.last().unwrap()["entry"], "ended");
    let csv = host
        .run(&["history", &run[..20], "-O", "csv"])
        .with_code(0)
        .stdout;
    assert_eq!(csv.lines().count(), 8);
    let table = host.run(&["history", run]).with_code(0).stdout;
    assert!(
        table.contains("finished") && table.contains("deleted  delete"),
        "{table}"
    );
    let mode = host.path(STATE).metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    // Who finds nothing to do leaves nothing behind.
    host.run(&[
        "run",
        "--set",
        "dead-older-than=900d",
        "--set",
        "running-older-than=900d",
    ])
    .with_code(0);
    assert_eq!(history(&host).len(), 1);
}

#[test]
fn what_was_killed_is_resumed() {
    let host = Host::with("latency = \"50ms\"");
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
        .says("there is no run ffff");
}

#[test]
fn what_was_interrupted_says_how_to_go_on() {
    let host = Host::with("latency = \"50ms\"");
    let child = started(&host, &["--kind", "container"], 1);
    signal(&child, Signal::TERM);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(143));
    let stderr = String::from_utf8(ended.stderr).unwrap();
    let run = history(&host)[0]["run"].as_str().unwrap().to_owned();
    assert!(
        stderr.contains(&format!("can be done later: tbengine resume {run}")),
        "{stderr}"
    );
    assert_eq!(history(&host)[0]["state"], "interrupted");
    host.run(&["resume"]).with_code(0);
    assert_eq!(history(&host)[0]["state"], "finished");
}

#[test]
fn what_is_stale_is_refused_unless_it_is_planned_anew() {
    let host = Host::with("latency = \"50ms\"");
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
    stale(&[], "was connected to `memory-1` then");
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
fn two_runs_never_work_on_one_resource() {
    let host = Host::with("latency = \"200ms\"");
    let first = started(&host, &["--kind", "container"], 0);
    let second = host.run(&["run", "-O", "jsonl"]).with_code(5);
    assert!(!second.stdout.contains("run-started"));
    let pid = first.id();
    second
        .says(&format!("(process {pid}, since "))
        .says("works on 7 of these resources")
        .says("hint: wait until it has ended");
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
        .says("is under way");
    let ended = first.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    host.run(&["run"]).with_code(0);
}

#[test]
fn who_slept_through_its_lease_does_nothing_more() {
    let host = Host::with("latency = \"100ms\"\n[state]\nlease = \"1s\"");
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
    let acted = |lines: &[Value]| {
        let acted = |line: &&Value| line["event"] == "step-finished" && line["result"] == "deleted";
        lines.iter().filter(acted).count()
    };
    assert_eq!(acted(&after[halted..]), 0, "{after:?}");
    // The one that went on has the only fence that counts.
    let runs = history(&host);
    assert_eq!(runs[0]["state"], "finished");
    assert_eq!(runs[1]["state"], "interrupted");
    let rows = host
        .run(&["history", runs[1]["run"].as_str().unwrap(), "-O", "jsonl"])
        .lines();
    let last = rows.last().unwrap();
    assert!(
        last["halted"].as_str().unwrap().contains("lease ran out"),
        "{last}"
    );
}

#[test]
fn where_nothing_can_be_recorded_nothing_is_done_unless_asked_for() {
    let host = Host::new();
    host.write(&format!("{STATE}/x"), "");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(host.path(STATE), open).unwrap();
    let ended = host.run(&["run", "-O", "jsonl"]).with_code(2);
    assert!(!ended.stdout.contains("run-started"));
    ended
        .says("others may use it (mode 755)")
        .says("hint: chmod 700")
        .says("--no-journal");
    let ended = host
        .run(&["run", "--no-journal", "-O", "json"])
        .with_code(0);
    assert_eq!(
        ended.json()["report"]["outcomes"].as_array().unwrap().len(),
        19
    );
    ended.says("warning: without a journal this run cannot be resumed");

    let mut homeless = host.command(&["run", "--config"]);
    homeless
        .arg(host.path(".config/tbengine/tbengine.toml"))
        .env_remove("HOME");
    let ended = Ended::from(homeless.output().unwrap());
    ended
        .with_code(2)
        .says("HOME is not set")
        .says("--state-dir");
}

#[test]
fn a_disk_that_is_full_stops_the_run_before_it_does_more() {
    let host = Host::with("latency = \"1ms\"\nresources = 400");
    let program = env!("CARGO_BIN_EXE_tbengine");
    // Files may not grow beyond this: room for the plan, and for some of the rows.
    let limited = format!(
        "trap '' XFSZ; ulimit -f 700; exec {program} run --kind container -O jsonl --concurrency 1"
    );
    let mut command = Command::new("sh");
    command
        .args(["-c", &limited])
        .env_clear()
        .env("HOME", host.path(""))
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .current_dir(host.path(""))
        .stdin(Stdio::null());
    let ended = Ended::from(command.output().unwrap()).with_code(1);
    let lines = ended.lines();
    let halted = lines
        .iter()
        .position(|line| line["event"] == "run-halted")
        .unwrap_or_else(|| panic!("{}", ended.stderr));
    let deleted = |lines: &[Value]| {
        let deleted =
            |line: &&Value| line["event"] == "step-finished" && line["result"] == "deleted";
        lines.iter().filter(deleted).count()
    };
    assert!(deleted(&lines[..halted]) > 0, "{}", ended.stderr);
    // At the most the one request that was under way.
    assert!(deleted(&lines[halted..]) <= 1);
    ended
        .says("the run was stopped: the journal cannot be written")
        .says("make room or mend the disk, then resume");
    assert_eq!(history(&host)[0]["state"], "crashed");
    host.run(&["resume", "--concurrency", "64"]).with_code(0);
    assert_eq!(history(&host)[0]["state"], "finished");
}

#[test]
fn a_damaged_record_is_told_and_not_resumed() {
    let host = Host::with("latency = \"50ms\"");
    let run = killed(&host, &[]);
    let path = host.path(&format!("{STATE}/runs/{run}.db"));
    // Reading it has put the log into the file.
    let mut bytes = std::fs::read(&path).unwrap();
    let place = bytes
        .windows(9)
        .position(|window| window == b"\"outcome\"")
        .unwrap();
    let name = bytes[place..]
        .windows(8)
        .position(|window| window == b"\"result\"")
        .unwrap();
    bytes[place + name + 10] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let ended = host.run(&["history"]).with_code(1);
    assert!(ended.stdout.contains("damaged"), "{}", ended.stdout);
    host.run(&["resume", &run])
        .with_code(1)
        .says("is not as it was written");
}

#[test]
fn a_closed_output_does_not_end_the_cleaning() {
    for format in ["jsonl", "table", "json"] {
        let host = Host::with("latency = \"5ms\"");
        let mut child = host
            .command(&["run", "-O", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        drop(child.stderr.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{format}");
        assert_eq!(history(&host)[0]["results"]["deleted"], 19, "{format}");
    }
}

#[test]
fn a_closed_terminal_stops_a_run_unless_it_was_to_outlive_it() {
    let host = Host::with("latency = \"50ms\"");
    let child = started(&host, &[], 1);
    signal(&child, Signal::HUP);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(129));
    assert_eq!(history(&host)[0]["state"], "interrupted");

    let host = Host::with("latency = \"50ms\"");
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

#[test]
fn what_fails_again_and_again_is_parked_until_it_is_released() {
    // Every deletion fails, and the second attempt is the last.
    let host = Host::with(
        "faults = { transient = 1.0, only = \"delete\" }\n[guards]\nquarantine-after = 2",
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
    // Nothing is left to do, and every one is named as refused.
    let json = run(&[]).with_code(0).json();
    assert_eq!(failed(&json), 0);
    let refusals = json["plan"]["refusals"].as_array().unwrap();
    let parked: Vec<&Value> = refusals
        .iter()
        .filter(|one| one["guard"] == "quarantined")
        .collect();
    assert_eq!(parked.len(), all);
    let id = parked[0]["target"]["native"].as_str().unwrap();

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
        explained.contains("guard quarantined refuses to delete it"),
        "{explained}"
    );
    assert!(
        explained.contains("2 runs had trouble with it"),
        "{explained}"
    );

    // Off, one by one, and released for good: its next failure is its first.
    assert_eq!(failed(&run(&["--quarantine-after", "0"]).json()), all);
    assert_eq!(failed(&run(&["--release", &id[..12]]).json()), 1);
    assert_eq!(failed(&run(&[]).json()), 1);
    assert_eq!(failed(&run(&[]).json()), 0);
}

#[test]
fn runs_that_are_long_over_are_forgotten() {
    let host = Host::with("[state]\nkeep = \"1h\"");
    let run = || {
        // The simulated host is the same for every process.
        host.run(&["run", "--kind", "container", "--quarantine-after", "0"])
            .with_code(0);
        history(&host)[0]["run"].as_str().unwrap().to_owned()
    };
    let ids = [run(), run()];
    assert_eq!(history(&host).len(), 2);
    // The first one, had it been made half a century ago; and one whose name says nothing.
    let runs = host.path(STATE).join("runs");
    let old = format!("00000000-0001-7{}", &ids[0][15..]);
    std::fs::rename(
        runs.join(format!("{}.db", ids[0])),
        runs.join(format!("{old}.db")),
    )
    .unwrap();
    std::fs::write(runs.join("nightly.db"), "").unwrap();
    host.run(&["run", "--kind", "container", "--quarantine-after", "0"])
        .with_code(0);
    assert!(!runs.join(format!("{old}.db")).exists());
    assert!(runs.join(format!("{}.db", ids[1])).exists());
    assert!(runs.join("nightly.db").exists());
}
