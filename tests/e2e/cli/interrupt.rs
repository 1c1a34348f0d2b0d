//! Ctrl-C and SIGTERM in the middle of a run.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tbengine_harness::{Home, count};

use crate::home;

/// A run under way.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    seen: Vec<Value>,
}

impl Running {
    fn start(host: &Home, args: &[&str]) -> Self {
        let args = [&["run", "-O", "jsonl", "--concurrency", "2"], args].concat();
        let mut child = host.command(&args).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    fn until(&mut self, event: &str) {
        while self.seen.last().is_none_or(|line| line["event"] != event) {
            let line = self.lines.next().expect("the run goes on").unwrap();
            self.seen.push(serde_json::from_str(&line).unwrap());
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// The exit code, and the results of all steps.
    fn end(mut self) -> (i32, Vec<String>, Vec<Value>) {
        for line in self.lines {
            self.seen
                .push(serde_json::from_str(&line.unwrap()).unwrap());
        }
        let code = self.child.wait().unwrap().code().unwrap();
        let report = self.seen.last().unwrap();
        assert_eq!(report["event"], "run-finished");
        assert_eq!(report["interrupted"], true);
        let results = report["outcomes"].as_array().unwrap();
        let results = results
            .iter()
            .map(|one| one["result"].as_str().unwrap().to_owned())
            .collect();
        (code, results, self.seen)
    }
}

fn number(results: &[String], result: &str) -> usize {
    results.iter().filter(|one| *one == result).count()
}

#[test]
fn the_first_signal_finishes_what_is_under_way_and_reports() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let host = home().memory("latency = \"300ms\"");
        let mut running = Running::start(&host, &[]);
        running.until("attempt-started");
        running.signal(signal);
        let (ended, results, seen) = running.end();
        assert_eq!(ended, code);
        assert_eq!(results.len(), 20);
        assert_eq!(count(&seen, "run-interrupted"), 1);
        // What was under way was finished, the rest was never begun.
        assert_eq!(
            number(&results, "deleted") + number(&results, "cancelled"),
            20,
            "{results:?}"
        );
        assert!(number(&results, "deleted") >= 1, "{results:?}");
        let after = seen
            .iter()
            .position(|line| line["event"] == "run-interrupted")
            .unwrap();
        assert_eq!(count(&seen[after..], "attempt-started"), 0);
    }
}

#[test]
fn the_second_signal_cuts_off_what_is_under_way() {
    let host = home().memory("latency = \"3s\"");
    let mut running = Running::start(&host, &[]);
    running.until("attempt-started");
    running.signal(Signal::INT);
    running.until("run-interrupted");
    running.signal(Signal::INT);
    let (code, results, _) = running.end();
    assert_eq!(code, 130);
    assert_eq!(number(&results, "cancelled"), 20, "{results:?}");
    // The record was ended in time, and all of it can be resumed.
    let runs = host.run(&["history", "-O", "json"]).with_code(0).json();
    assert_eq!(
        (&runs[0]["state"], &runs[0]["open"]),
        (&"interrupted".into(), &20.into())
    );
}

#[test]
fn a_signal_before_the_plan_is_made_does_nothing() {
    let host = home().memory("latency = \"1h\"");
    let mut child = host
        .command(&["run", "-vv"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(log.any(|line| line.unwrap().contains("listening for signals")));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(log.any(|line| {
        line.unwrap()
            .contains("interrupted before anything was done")
    }));
}
