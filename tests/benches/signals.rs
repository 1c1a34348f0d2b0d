//! How fast a run obeys: the first signal starts nothing more, the second one ends at once.
//!
//! `cargo bench -p tbengine-tests --bench signals [-- --rounds 20]`

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod support;

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::{Program, argument, figure, median};

/// More resources than calls at once, so that there is always something to start.
const CONFIG: &str = "[backends.slow]\nkind = \"memory\"\nresources = 500\n";

fn main() {
    let program = Program::build();
    let rounds = argument("--rounds", 20);
    let home = tempfile::tempdir().expect("a temporary directory");
    let config = |latency: &str| {
        let path = home.path().join(format!("{latency}.toml"));
        std::fs::write(&path, format!("{CONFIG}latency = \"{latency}\"\n"))
            .expect("the configuration can be written");
        path.to_str().expect("its path is text").to_owned()
    };
    // The first signal comes amid calls that begin and end all the time, the second amid ones that take long.
    let (busy, slow) = (config("5ms"), config("5s"));
    let first: Vec<First> = (0..rounds).map(|_| first(&program, &busy)).collect();
    let heard: Vec<Duration> = first.iter().map(|one| one.heard).collect();
    let started = first.iter().map(|one| one.started_after).sum::<usize>();
    let second: Vec<Duration> = (0..rounds).map(|_| second(&program, &slow)).collect();
    for (name, times, target) in [
        (
            "from the first signal until nothing more starts",
            heard,
            10.0,
        ),
        (
            "from the second signal to the end of the process",
            second,
            200.0,
        ),
    ] {
        let longest = times.iter().max().copied().unwrap_or_default();
        println!(
            "{:<58} {:>12.2} ms",
            format!("{name}, median"),
            ms(median(times))
        );
        figure(&format!("{name}, longest"), ms(longest), "ms", target, true);
    }
    figure(
        "actions begun after the first signal was heard",
        started as f64,
        "",
        0.0,
        true,
    );
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// A run under way.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(program: &Program, config: &str) -> Self {
        let mut child = program
            .command(&[
                "--config",
                config,
                "run",
                "--backend",
                "slow",
                "-O",
                "jsonl",
            ])
            .args(["--policy", "aggressive", "--max-delete", "100%", "--yes"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("tbengine starts");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        Self { child, lines }
    }

    fn event(&mut self) -> Option<Value> {
        let line = self.lines.next()?.expect("its output is text");
        Some(serde_json::from_str(&line).expect("each line is a document"))
    }

    fn until(&mut self, event: &str) {
        while self.event().expect("the run goes on")["event"] != event {}
    }

    fn signal(&self) -> Instant {
        let now = Instant::now();
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("it runs");
        now
    }
}

struct First {
    /// From the signal until the run said that it was interrupted, as seen by a reader of its events.
    heard: Duration,
    /// Actions that it began after having said so.
    started_after: usize,
}

fn first(program: &Program, config: &str) -> First {
    let mut running = Running::start(program, config);
    running.until("step-finished");
    let sent = running.signal();
    running.until("run-interrupted");
    let heard = sent.elapsed();
    let mut started_after = 0;
    while let Some(event) = running.event() {
        started_after += usize::from(event["event"] == "attempt-started");
    }
    let ended = running.child.wait().expect("it ends");
    assert_eq!(ended.code(), Some(130), "it was interrupted in the middle");
    First {
        heard,
        started_after,
    }
}

fn second(program: &Program, config: &str) -> Duration {
    let mut running = Running::start(program, config);
    running.until("attempt-started");
    running.signal();
    running.until("run-interrupted");
    let sent = running.signal();
    while running.event().is_some() {}
    let ended = running.child.wait().expect("it ends");
    let took = sent.elapsed();
    assert_eq!(ended.code(), Some(130), "it was interrupted in the middle");
    took
}
