//! `kill -9` of tbengine over the fake Daytona service, which knows the truth.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use tbengine_fake_daytona::{FakeDaytona, Fault, FaultPlan, Rate, RunnerTimes, Settings, sandbox};
use tbengine_harness::{Home, Injected, Moment};
use tokio::runtime::Runtime;

use super::invariants::{complete, recorded, safe};
use super::point::{Point, rows};

/// How many sandboxes leaked, and how many are none of our business.
pub(super) const LEAKED: usize = 12;
const DECOYS: usize = 3;
/// How often one run is killed at the most, before it may finish.
const MAX_KILLS: usize = 4;

pub(super) const RUN: [&str; 6] = [
    "run",
    "--backend",
    "daytona",
    "--policy",
    "aggressive",
    "--kind",
];

/// What became of a series of kills.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// How many processes were killed while they were at work.
    pub(crate) kills: usize,
    /// How many runs were brought to their end.
    pub(crate) runs: usize,
    /// Of the kills, how many left a run to resume.
    pub(crate) resumed: usize,
    /// Of the kills, how many left a request of which nobody knew what it did.
    pub(crate) unknown: usize,
    /// What was violated, with the seed.
    pub(crate) violations: Vec<String>,
    /// How long each resume took that was not killed.
    pub(crate) resumes: Vec<Duration>,
}

/// Kills so many processes, from this seed on.
pub(crate) fn kill(path: &Path, cache: &Path, kills: usize, seed: u64) -> Series {
    let runtime = Runtime::new().expect("a runtime");
    let mut series = Series::default();
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut length, rows) = undisturbed(&runtime, path, cache, &mut random);
    while series.kills < kills && series.violations.len() < kills {
        let own_seed = random.u64(..);
        let mut own = fastrand::Rng::with_seed(own_seed);
        let mut host = Host::new(&runtime, path, cache, &mut own);
        match host.round(&mut series, length, &rows, &mut own) {
            Ok(took) => length = (length * 7 + took) / 8,
            Err(why) => series.violations.push(format!("seed {own_seed}: {why}")),
        }
        series.runs += 1;
    }
    series
}

/// How long a run takes without a kill, and the first half of the calls that write its rows.
fn undisturbed(
    runtime: &Runtime,
    path: &Path,
    cache: &Path,
    random: &mut fastrand::Rng,
) -> (Duration, Vec<Point>) {
    let host = Host::new(runtime, path, cache, random);
    // The first compiles the policy.
    host.program.run(&["policy", "inspect", "aggressive"]);
    let began = Instant::now();
    let output = host
        .program
        .run(&[&RUN[..], &["sandbox", "--yes"]].concat());
    assert_eq!(output.code, 0, "{output:?}");
    let length = began.elapsed();
    let host = Host::new(runtime, path, cache, random);
    host.heal();
    let mut rows = rows(&host.program, &host.one_by_one());
    rows.truncate(rows.len() / 2);
    (length, rows)
}

pub(super) struct Host {
    fake: FakeDaytona,
    pub(super) program: Home,
    decoys: BTreeSet<String>,
}

impl Host {
    pub(super) fn new(
        runtime: &Runtime,
        path: &Path,
        cache: &Path,
        random: &mut fastrand::Rng,
    ) -> Self {
        let settings = Settings {
            sandboxes: 0,
            seed: random.u64(..),
            runner: RunnerTimes {
                pick_up: Duration::from_millis(random.u64(0..5)),
                stop: Duration::from_millis(5),
                destroy: Duration::from_millis(random.u64(0..40)),
                ..RunnerTimes::default()
            },
            ..Settings::default()
        };
        let fake = runtime
            .block_on(FakeDaytona::start(settings))
            .expect("the service starts");
        for number in 0..LEAKED {
            fake.put(
                sandbox()
                    .label("harbor.managed", "true")
                    .label("harbor.session_id", format!("task-{number}__DqmfGz2__env"))
                    .age(Duration::from_secs(6 * 3600)),
            );
        }
        // Running, an hour old, and nobody's.
        let decoy = || sandbox().age(Duration::from_secs(3600));
        let decoys = (0..DECOYS).map(|_| fake.put(decoy())).collect();
        let rate = |fault, probability| Rate { fault, probability };
        fake.set_faults(FaultPlan {
            seed: random.u64(..),
            latency_ms: random.u64(0..4),
            rates: vec![rate(Fault::LostReply, 0.03), rate(Fault::Status(500), 0.03)],
            ..FaultPlan::default()
        });
        let program = Home::new(path, cache)
            .var("DAYTONA_API_URL", fake.url())
            .var("DAYTONA_API_KEY", fake.key())
            // Harmless faults are to be over soon.
            .var("TBENGINE_RETRIES", "20")
            .var("TBENGINE_RETRY_DELAY", "5ms")
            .var("TBENGINE_RETRY_FACTOR", "1");
        Self {
            program,
            fake,
            decoys,
        }
    }

    /// The run, whose calls come in one order.
    fn one_by_one(&self) -> Vec<&'static str> {
        [
            &RUN[..],
            &["sandbox", "--output", "jsonl", "--concurrency", "1"],
        ]
        .concat()
    }

    /// One run: killed at one of its rows, then a few times while it is resumed, and then let finish.
    fn round(
        &mut self,
        series: &mut Series,
        length: Duration,
        rows: &[Point],
        random: &mut fastrand::Rng,
    ) -> Result<Duration, String> {
        let run = [&RUN[..], &["sandbox", "--output", "jsonl"]].concat();
        let row = random.choice(rows).ok_or("no rows are written")?;
        row.run(&self.program, &self.one_by_one(), Injected::Kill)?;
        series.kills += 1;
        self.look(series, true)?;
        if !self.is_resumable()? {
            return Err(format!("killed at {row}, it left nothing to resume"));
        }
        let resume = ["resume", "--output", "jsonl"];
        for _ in 0..random.usize(1..=MAX_KILLS) {
            let moment = if random.bool() {
                Moment::After(length.mul_f64(random.f64() * 1.1))
            } else {
                Moment::Lines(random.usize(1..3 * LEAKED))
            };
            let resumable = self.is_resumable()?;
            let arguments = if resumable { &resume[..] } else { &run[..] };
            let killed = self.program.kill(arguments, moment);
            series.kills += usize::from(killed);
            self.look(series, killed)?;
        }
        let began = Instant::now();
        let resumable = self.is_resumable()?;
        let mut arguments = if resumable {
            &resume[..1]
        } else {
            &run[..RUN.len() + 1]
        };
        let mut ended = self.program.run(arguments);
        let took = began.elapsed();
        self.heal();
        // A fault in a listing leaves a run incomplete, and says so. Without faults the next one has no excuse.
        if ended.code == 6 {
            arguments = if self.is_resumable()? {
                &resume[..1]
            } else {
                &run[..RUN.len() + 1]
            };
            ended = self.program.run(arguments);
        }
        if ended.code != 0 {
            return Err(format!("{arguments:?} ended with {ended:?}"));
        }
        if resumable {
            series.resumes.push(took);
        }
        let recorded = recorded(&self.program)?;
        let gone = self.gone();
        safe(&recorded, &gone)?;
        complete(&recorded, &gone)?;
        if recorded.approved.len() != LEAKED {
            return Err(format!("{} were approved", recorded.approved.len()));
        }
        self.is_clean()?;
        // Once more finds nothing to do, and asks for nothing to be deleted.
        let before = self.deletes();
        let again = self.program.run(&run[..RUN.len() + 1]);
        if again.code != 0 || self.deletes() != before {
            return Err(format!("another run was not idle: {again:?}"));
        }
        Ok(took)
    }

    /// Notes what a process left that was perhaps killed: nothing, or a run that has ended or can be resumed.
    fn look(&self, series: &mut Series, killed: bool) -> Result<(), String> {
        let recorded = recorded(&self.program)?;
        safe(&recorded, &self.gone())?;
        let newest = recorded.states.first().map(String::as_str);
        // A fault interrupts a run as well.
        match newest {
            None | Some("finished" | "crashed" | "interrupted") => {}
            Some(state) => return Err(format!("the newest run is {state}")),
        }
        series.resumed += usize::from(killed && newest == Some("crashed"));
        let unknown = recorded.results.values().any(|result| result == "unknown");
        series.unknown += usize::from(killed && unknown);
        Ok(())
    }

    /// No fault happens from now on.
    pub(super) fn heal(&self) {
        self.fake.set_faults(FaultPlan::default());
    }

    fn is_resumable(&self) -> Result<bool, String> {
        let recorded = recorded(&self.program)?;
        let open = |state: &String| state == "crashed" || state == "interrupted";
        Ok(recorded.states.first().is_some_and(open))
    }

    /// Whether all that leaked is gone, and nothing else.
    pub(super) fn is_clean(&self) -> Result<(), String> {
        let live: BTreeSet<String> = self.fake.live().into_iter().collect();
        if live == self.decoys {
            return Ok(());
        }
        Err(format!("{live:?} is left, instead of {:?}", self.decoys))
    }

    pub(super) fn gone(&self) -> BTreeSet<String> {
        let record = self.fake.record();
        let gone = record.destroyed_by_callers().into_iter();
        gone.map(str::to_owned).collect()
    }

    fn deletes(&self) -> usize {
        self.fake.record().count("DELETE", "/sandbox")
    }
}
