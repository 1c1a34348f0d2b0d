//! `kill -9` of tbengine over a real dockerd, and of that dockerd.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use tbengine_dockerd::Dockerd;
use tbengine_harness::{Ended, Home, Injected, Moment};

use super::invariants::{complete, recorded, safe};
use super::point::rows;

/// How many containers leak for each run.
const LEAKED: usize = 8;

/// What is done to the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Killed, and started again.
    Crash,
    /// Stopped for some seconds.
    Freeze,
}

/// What became of a series.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// How often someone was killed or frozen in the middle.
    pub(crate) hits: usize,
    /// How many runs were brought to their end.
    pub(crate) runs: usize,
    /// How many of them were killed at a row, so that something is left.
    pub(crate) cut_short: usize,
    /// How many of them had to be resumed.
    pub(crate) resumed: usize,
    /// What was violated.
    pub(crate) violations: Vec<String>,
}

struct Host<'a> {
    daemon: &'a Dockerd,
    program: Home,
    round: usize,
    all: BTreeSet<String>,
}

fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// Kills so many tbengine processes.
pub(crate) fn kill(daemon: &Dockerd, path: &Path, cache: &Path, kills: usize, seed: u64) -> Series {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut series = Series::default();
    let mut length = Duration::from_millis(600);
    let host = Host::new(daemon, path, cache, series.runs);
    let rows = rows(&host.program, &words(&host.one_by_one()));
    series.runs += 1;
    while series.hits < kills {
        let host = Host::new(daemon, path, cache, series.runs);
        // Every other one at a row of the first half, so that there is something to resume.
        if series.runs % 2 == 1 {
            let row = &rows[random.usize(..rows.len() / 2)];
            let killed = row.run(&host.program, &words(&host.one_by_one()), Injected::Kill);
            series.hits += 1;
            series.cut_short += 1;
            series.runs += 1;
            let ended = killed.and_then(|_| host.finish(&mut series));
            if let Err(why) = ended {
                let why = format!("round {}, killed at {row}: {why}", host.round);
                series.violations.push(why);
            }
            continue;
        }
        let run = host.arguments();
        let moment = if random.bool() {
            Moment::After(length.mul_f64(random.f64()))
        } else {
            Moment::Lines(random.usize(1..2 * LEAKED))
        };
        series.hits += usize::from(host.program.kill(&words(&run), moment));
        let began = Instant::now();
        let ended = host.finish(&mut series);
        length = (length + began.elapsed()) / 2;
        series.runs += 1;
        if let Err(why) = ended {
            series
                .violations
                .push(format!("round {}: {why}", host.round));
        }
    }
    series
}

/// Makes trouble with the daemon so many times in the middle of a run.
pub(crate) fn disturb(
    daemon: &Dockerd,
    path: &Path,
    cache: &Path,
    trouble: Trouble,
    times: usize,
    seed: u64,
) -> Series {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut series = Series::default();
    // A daemon that was killed in the middle of a removal may keep a name to itself forever.
    let first = match trouble {
        Trouble::Crash => 10_000,
        Trouble::Freeze => 20_000,
    };
    while series.hits < times {
        let host = Host::new(daemon, path, cache, first + series.runs);
        let mut run = host.arguments();
        // So short that some of the runs give up on the daemon, and have to be resumed.
        let patience = if random.bool() { "1s" } else { "5m" };
        run.extend(["--outage-deadline".into(), patience.into()]);
        let mut running = host.program.start(&words(&run));
        let hit = running.await_lines(random.usize(4..12)) && running.is_running();
        match trouble {
            Trouble::Crash => {
                daemon.crash();
                std::thread::sleep(Duration::from_millis(random.u64(0..2500)));
                daemon.restart().expect("the daemon comes back");
            }
            Trouble::Freeze => {
                daemon.freeze();
                std::thread::sleep(Duration::from_millis(random.u64(500..4000)));
                daemon.thaw();
            }
        }
        let run = running.end();
        series.hits += usize::from(hit);
        let ended = host
            .ended_as_recorded(&run)
            .and_then(|()| host.finish(&mut series));
        series.runs += 1;
        if let Err(why) = ended {
            series
                .violations
                .push(format!("round {}: {why}", host.round));
        }
    }
    series
}

impl<'a> Host<'a> {
    fn new(daemon: &'a Dockerd, path: &Path, cache: &Path, round: usize) -> Self {
        let label = format!("crash-round={round}");
        for number in 0..LEAKED {
            let name = format!("leaked-{round}-{number}");
            let options = ["--name", &name, "--label", &label];
            if number % 4 == 0 {
                daemon.run_sleeper(&options);
            } else {
                daemon.create(&options, &["true"]);
            }
        }
        let mut host = Self {
            daemon,
            program: Home::new(path, cache).docker(&daemon.host()),
            round,
            all: BTreeSet::new(),
        };
        host.all = host.containers(&["--filter", &format!("label=crash-round={round}")]);
        // Named as one of those that go: it is not to be mistaken for that.
        if let Some(victim) = host.all.first() {
            daemon.create(&["--name", victim], &["true"]);
        }
        host
    }

    fn arguments(&self) -> Vec<String> {
        let label = format!("crash-round={}", self.round);
        let words = [
            "run",
            "--policy",
            "aggressive",
            "--force",
            "--min-age",
            "0s",
            "--set",
            "running-older-than=0s",
            "--kind",
            "container",
            "--max-delete",
            "100",
            "--output",
            "jsonl",
            "--label",
            &label,
        ];
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// The same, whose calls come in one order.
    fn one_by_one(&self) -> Vec<String> {
        let mut arguments = self.arguments();
        arguments.extend(["--concurrency".into(), "1".into()]);
        arguments
    }

    fn containers(&self, filter: &[&str]) -> BTreeSet<String> {
        let words = [
            &["ps", "--all", "--no-trunc", "--format", "{{.ID}}"],
            filter,
        ]
        .concat();
        let ids = self.daemon.docker(&words);
        ids.lines().map(str::to_owned).collect()
    }

    /// Whether a run that was not killed ended as its record says: complete, or with what can be resumed. A listing may have
    /// failed as well.
    fn ended_as_recorded(&self, run: &Ended) -> Result<(), String> {
        let recorded = recorded(&self.program)?;
        let state = recorded.states.first().map(String::as_str);
        let is_unlisted = run.stderr.contains("could not be listed");
        match (run.code, state) {
            (0, Some("finished")) | (6, Some("interrupted")) => Ok(()),
            (6, None | Some("finished")) if is_unlisted => Ok(()),
            _ => Err(format!("the run is {state:?}, and ended with {run:?}")),
        }
    }

    /// Brings the run to its end, and checks everything.
    fn finish(&self, series: &mut Series) -> Result<(), String> {
        let before = recorded(&self.program)?;
        safe(&before, &self.gone())?;
        let unfinished = |state: &String| state == "crashed" || state == "interrupted";
        if before.states.first().is_some_and(unfinished) {
            series.resumed += 1;
            let output = self
                .program
                .run(&["resume", "--min-age", "0s", "--max-delete", "100"]);
            if output.code != 0 {
                return Err(format!("resume ended with {output:?}"));
            }
        } else if before.states.is_empty() {
            let output = self.program.run(&words(&self.arguments()));
            if output.code != 0 {
                return Err(format!("the run ended with {output:?}"));
            }
        }
        let after = recorded(&self.program)?;
        let gone = self.gone();
        safe(&after, &gone)?;
        complete(&after, &gone)?;
        if after.approved != self.all {
            return Err(format!(
                "{:?} were approved of {:?}",
                after.approved, self.all
            ));
        }
        let decoy = self.daemon.docker(&[
            "ps",
            "--all",
            "--quiet",
            "--filter",
            &format!("name={}", self.all.first().map_or("", String::as_str)),
        ]);
        if decoy.trim().is_empty() {
            return Err("the decoy is gone".into());
        }
        Ok(())
    }

    fn gone(&self) -> BTreeSet<String> {
        let there = self.containers(&[]);
        self.all.difference(&there).cloned().collect()
    }
}
