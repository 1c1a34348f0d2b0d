//! `kill -9` of `resume --replan`, over the fake Daytona service: whenever that is, the old run or the new one is there
//! to be resumed.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tbengine_harness::{Home, Injected, Moment};
use tokio::runtime::Runtime;

use super::cloud::{Host, LEAKED, RUN};
use super::invariants::{recorded, safe};
use super::point::{Point, rows};

/// How often one run is replaced and killed at the most, before it may finish.
const MAX_KILLS: usize = 3;

/// What a killed process has stopped ended just now, and is nobody's to wait for.
const REST: [&str; 3] = ["sandbox", "--min-age", "0s"];
const REPLAN: [&str; 5] = ["resume", "--replan", "--yes", "--output", "jsonl"];

/// What became of a series of kills.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// How many processes were killed while they were at work.
    pub(crate) kills: usize,
    /// Of the kills, how many left the old run to be resumed, and no new one.
    pub(crate) before: usize,
    /// Of the kills, how many left a new run to be resumed, beside the old one or in its place.
    pub(crate) after: usize,
    /// What was violated, with the seed.
    pub(crate) violations: Vec<String>,
}

/// Kills so many processes, from this seed on.
pub(crate) fn kill(path: &Path, cache: &Path, kills: usize, seed: u64) -> Series {
    let runtime = Runtime::new().expect("a runtime");
    let mut series = Series::default();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut length = Duration::from_millis(300);
    let rows = {
        let host = Host::new(&runtime, path, cache, &mut random);
        host.heal();
        let mut rows = rows(&host.program, &one_by_one());
        rows.truncate(rows.len() / 2);
        rows
    };
    while series.kills < kills && series.violations.len() < kills {
        let own_seed = random.u64(..);
        let mut own = fastrand::Rng::with_seed(own_seed);
        let host = Host::new(&runtime, path, cache, &mut own);
        match round(&host, &mut series, length, &rows, &mut own) {
            Ok(took) => length = (length * 3 + took) / 4,
            Err(why) => series.violations.push(format!("seed {own_seed}: {why}")),
        }
    }
    series
}

/// One run: killed, replaced by new plans that are killed as well, and then resumed to its end. Answers how long an
/// undisturbed one took.
fn round(
    host: &Host,
    series: &mut Series,
    length: Duration,
    rows: &[Point],
    random: &mut fastrand::Rng,
) -> Result<Duration, String> {
    let program = &host.program;
    let row = random.choice(rows).ok_or("no rows are written")?;
    row.run(program, &one_by_one(), Injected::Kill)?;
    if !runs(program)?.iter().any(Run::is_open) {
        return Err(format!("killed at {row}, it left nothing to replace"));
    }
    for _ in 0..random.usize(1..=MAX_KILLS) {
        let before = runs(program)?;
        if !before.iter().any(Run::is_open) {
            break;
        }
        let moment = if random.bool() {
            Moment::After(length.mul_f64(random.f64()))
        } else {
            Moment::Lines(random.usize(1..LEAKED))
        };
        let killed = program.kill(&REPLAN, moment);
        let after = runs(program)?;
        is_kept(&before, &after, host)?;
        let is_new = after.len() > before.len();
        series.kills += usize::from(killed);
        series.after += usize::from(killed && is_new);
        series.before += usize::from(killed && !is_new);
        safe(&recorded(program)?, &host.gone())?;
    }
    let began = Instant::now();
    host.heal();
    // Each of them is finished by one command. Without faults none has an excuse.
    for _ in runs(program)?.iter().filter(|run| run.is_open()) {
        let ended = program.run(&["resume"]);
        if ended.code != 0 {
            return Err(format!("resume ended with {ended:?}"));
        }
    }
    let took = began.elapsed();
    let left = runs(program)?;
    if let Some(open) = left.iter().find(|run| run.is_open()) {
        return Err(format!("{} cannot be finished", open.id));
    }
    safe(&recorded(program)?, &host.gone())?;
    // What the first listing did not see was in no plan.
    let again = [&RUN[..], &REST].concat();
    let last = program.run(&again);
    if last.code != 0 {
        return Err(format!("the next run ended with {last:?}"));
    }
    host.is_clean()
        .map_err(|left| format!("{left} after {last:?}"))?;
    Ok(took)
}

/// The run, whose calls come in one order.
fn one_by_one() -> Vec<&'static str> {
    let order = ["--output", "jsonl", "--concurrency", "1"];
    [&RUN[..], &REST, &order].concat()
}

/// A run of the history.
struct Run {
    id: String,
    state: String,
}

impl Run {
    /// Whether it can be resumed.
    fn is_open(&self) -> bool {
        self.state == "crashed" || self.state == "interrupted"
    }
}

/// Every run that the history lists.
fn runs(program: &Home) -> Result<Vec<Run>, String> {
    let (runs, code) = program.json(&["history", "--last", "100000"]);
    let list = match runs.as_array() {
        Some(list) if code == 0 => list,
        _ => return Err(format!("the history cannot be read ({code}): {runs}")),
    };
    let text = |run: &Value, key: &str| run[key].as_str().unwrap_or_default().to_owned();
    let run = |run: &Value| Run {
        id: text(run, "run"),
        state: text(run, "state"),
    };
    Ok(list.iter().map(run).collect())
}

/// Whether each run is still listed, and what could be resumed can be, or has been replaced: by what can be or has
/// finished, or by nothing where nothing is left to do.
fn is_kept(before: &[Run], after: &[Run], host: &Host) -> Result<(), String> {
    for old in before {
        let Some(now) = after.iter().find(|run| run.id == old.id) else {
            return Err(format!("run {} is lost", old.id));
        };
        let is_new = |run: &&Run| before.iter().all(|old| old.id != run.id);
        let leads_on = |run: &Run| run.is_open() || run.state == "finished";
        if old.is_open() && now.state == "replaced" && !after.iter().filter(is_new).any(leads_on) {
            host.is_clean()
                .map_err(|left| format!("run {} was replaced by nothing: {left}", old.id))?;
        }
    }
    Ok(())
}
