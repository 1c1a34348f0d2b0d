//! Runs, resumed runs, and runs that are replaced.

use std::collections::BTreeSet;

use serde_json::Value;
use tbengine_harness::{Home, Injected};

use super::subject::{Came, Subject, succeeds};
use crate::crashes::invariants::{Recorded, recorded};
use crate::crashes::point::{Point, rows};

/// `run`, without an earlier run.
pub(super) struct Run;

/// `run --release`: what it names is parked.
pub(super) struct Release;

/// `resume`: a run was killed half-way.
pub(super) struct Resume;

/// `resume --replan`: the same.
pub(super) struct Replan;

/// Only what nothing else uses: each process simulates a host that has everything again. One after the other, so that
/// the calls come in one order.
const RUN: [&str; 8] = [
    "run",
    "--yes",
    "--kind",
    "container,sandbox",
    "--concurrency",
    "1",
    "--output",
    "jsonl",
];
/// A container of the simulated host.
const PARKED: &str = "11e4fb18c16e21df2fddf7e7c9d07ba02d5bd974a62d153814d61d751440d141";
const RESUME: [&str; 6] = ["resume", "--yes", "--concurrency", "1", "--output", "jsonl"];
const REPLAN: [&str; 7] = [
    "resume",
    "--replan",
    "--yes",
    "--concurrency",
    "1",
    "--output",
    "jsonl",
];

impl Subject for Run {
    fn arguments(&self) -> Vec<&'static str> {
        RUN.into()
    }

    fn calls(&self) -> &'static [&'static str] {
        &[
            "fdatasync",
            "fsync",
            "mkdir",
            "openat",
            "pwrite64",
            "rename",
            "unlink",
        ]
    }

    fn prepare(&self, _: &Home) {}

    fn check(&self, home: &Home, came: &Came) -> Result<(), String> {
        came.ended_as_documented()?;
        let left = recorded(home)?;
        match &*left.states {
            [] if came.succeeded() => return Err("it left no record".into()),
            [] => {}
            [state] => is_possible(state, came)?,
            states => return Err(format!("it left {states:?}")),
        }
        if came.says_nothing_was_done() && !left.states.is_empty() {
            return Err(format!("nothing was done, and it left {left:?}"));
        }
        is_recorded(came, &left)?;
        match left.states.is_empty() {
            true => succeeds(home, &RUN)?,
            false => succeeds(home, &RESUME)?,
        }
        is_finished(home, &["finished"])?;
        // Nothing is locked any more.
        succeeds(home, &RUN)
    }
}

impl Subject for Release {
    fn arguments(&self) -> Vec<&'static str> {
        let release = ["--quarantine-after", "1", "--allow-quarantined"];
        [&RUN[..], &release, &["--release", PARKED]].concat()
    }

    fn calls(&self) -> &'static [&'static str] {
        &["pwrite64"]
    }

    fn prepare(&self, home: &Home) {
        // What each process finds anew counts as what comes back.
        for _ in 0..2 {
            home.run(&RUN).with_code(0);
        }
    }

    fn narrow(&self, points: Vec<Point>) -> Vec<Point> {
        // From when the plan has its place to the first row.
        let begun = points.iter().position(|point| point.call == "rename");
        let points = points.into_iter().skip(begun.expect("a plan"));
        points
            .take_while(|point| !point.file.ends_with(".db-wal") || !point.file.starts_with("runs"))
            .filter(|point| point.file == "leases.db-wal")
            .collect()
    }

    fn check(&self, home: &Home, came: &Came) -> Result<(), String> {
        came.ended_as_documented()?;
        let left = recorded(home)?;
        match &*left.states {
            [new, ..] if left.states.len() == 3 => is_possible(new, came)?,
            _ if came.succeeded() => return Err(format!("it left {:?}", left.states)),
            _ => {}
        }
        match came.says_nothing_was_done() && left.states.len() != 2 {
            true => Err(format!("nothing was done, and it left {:?}", left.states)),
            // The others are still parked.
            false => succeeds(home, &[&RESUME[..], &["--allow-quarantined"]].concat()),
        }
    }
}

impl Subject for Resume {
    fn arguments(&self) -> Vec<&'static str> {
        RESUME.into()
    }

    fn calls(&self) -> &'static [&'static str] {
        &["fdatasync", "pwrite64", "unlink"]
    }

    fn prepare(&self, home: &Home) {
        leave_half(home);
    }

    fn check(&self, home: &Home, came: &Came) -> Result<(), String> {
        came.ended_as_documented()?;
        let left = recorded(home)?;
        match &*left.states {
            [state] => is_possible(state, came)?,
            states => return Err(format!("it left {states:?}")),
        }
        is_recorded(came, &left)?;
        succeeds(home, &RESUME)?;
        is_finished(home, &["finished"])?;
        succeeds(home, &RUN)
    }
}

impl Subject for Replan {
    fn arguments(&self) -> Vec<&'static str> {
        REPLAN.into()
    }

    fn calls(&self) -> &'static [&'static str] {
        &["fdatasync", "fsync", "pwrite64", "rename", "unlink"]
    }

    fn prepare(&self, home: &Home) {
        leave_half(home);
    }

    fn check(&self, home: &Home, came: &Came) -> Result<(), String> {
        came.ended_as_documented()?;
        let left = recorded(home)?;
        let states: Vec<&str> = left.states.iter().map(String::as_str).collect();
        match *states {
            ["crashed"] if !came.succeeded() => {}
            // The new one is on the disk before the old one counts as replaced.
            ["crashed", "crashed"] if !came.succeeded() => {}
            [new, "replaced"] => is_possible(new, came)?,
            _ => return Err(format!("it left {states:?}: {}", came.traced.stderr)),
        }
        // What replaces a run takes part in what is asked for, so it may stay where no request was sent.
        let is_untouched = left.results.values().all(|result| result == "open");
        if came.says_nothing_was_done() && states.len() > 1 && !is_untouched {
            return Err(format!("nothing was done, and it left {left:?}"));
        }
        is_recorded(came, &left)?;
        for _ in 0..states.len() {
            succeeds(home, &RESUME)?;
        }
        let after = recorded(home)?;
        let new = ["finished", "replaced"];
        match &*states {
            ["crashed"] => is_finished(home, &["finished"])?,
            // Each is finished by itself.
            ["crashed", "crashed"] => is_finished(home, &["finished", "finished"])?,
            _ if after.states == new => {}
            _ => return Err(format!("in the end there are {:?}", after.states)),
        }
        succeeds(home, &RUN)
    }
}

/// Whether a run may be in this state after what happened to its process.
fn is_possible(state: &str, came: &Came) -> Result<(), String> {
    let possible: &[&str] = match (came.fault, came.succeeded()) {
        (_, true) => &["finished"],
        (Injected::Kill, _) => &["crashed", "finished"],
        // What was refused to be written last is not missed: everything was done.
        (Injected::Error(_), _) => &["crashed", "interrupted", "finished"],
    };
    match possible.contains(&state) {
        true => Ok(()),
        false => Err(format!("the run is {state}: {}", came.traced.stderr)),
    }
}

/// Whether all that is reported as deleted was recorded as that; or, where that could not be written, at least as
/// something that was asked for.
fn is_recorded(came: &Came, left: &Recorded) -> Result<(), String> {
    let lines = came.traced.stdout.lines();
    let events = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let deleted =
        events.filter(|event| event["event"] == "step-finished" && event["result"] == "deleted");
    for event in deleted {
        let id = event["id"].as_str().unwrap_or_default();
        let native = id.splitn(3, '/').nth(2).unwrap_or_default();
        let result = left.results.get(native).map(String::as_str);
        let is_known = match came.fault {
            Injected::Kill => result == Some("deleted"),
            Injected::Error(_) => matches!(result, Some("deleted" | "unknown")),
        };
        if !is_known {
            return Err(format!(
                "{id} is reported as deleted and recorded as {result:?}"
            ));
        }
    }
    Ok(())
}

/// Whether these are the states of all runs, and each step ended well.
fn is_finished(home: &Home, states: &[&str]) -> Result<(), String> {
    let recorded = recorded(home)?;
    let results: BTreeSet<&str> = recorded.results.values().map(String::as_str).collect();
    match recorded.states == states && results == BTreeSet::from(["deleted"]) {
        true => Ok(()),
        false => Err(format!("in the end there is {recorded:?}")),
    }
}

/// Leaves a run that was killed when half of its rows were written.
fn leave_half(home: &Home) {
    let whole = super::empty(home);
    let rows = rows(&whole, &RUN);
    let half = &rows[rows.len() / 2];
    let killed = half.run(home, &RUN, Injected::Kill);
    killed.unwrap_or_else(|why| panic!("{half}: {why}"));
    let left = recorded(home).unwrap_or_else(|why| panic!("{why}"));
    let is_open = |result: &String| result != "deleted";
    let open = left
        .results
        .values()
        .filter(|result| is_open(result))
        .count();
    assert_eq!(left.states, ["crashed"]);
    assert!(open > 1 && open < left.results.len(), "{left:?}");
}
