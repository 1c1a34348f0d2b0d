//! Kills tbengine and dockerd, thousands of times, and counts what went wrong.
//!
//! `cargo bench -p tbengine-tests --bench crashes [-- --kills 3000 --docker-kills 100 --crashes 20
//! --freezes 20 --guards 500 --seed 1 --program PATH]`. The daemon needs root and what `tests/run` installs; zeros leave a part
//! out. Without a path it builds the release program.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its figures"
)]

#[path = "../e2e/crashes/cloud.rs"]
mod cloud;
#[path = "../e2e/crashes/docker.rs"]
mod docker;
#[path = "../e2e/crashes/guard.rs"]
mod guard;
#[path = "../e2e/crashes/invariants.rs"]
mod invariants;
#[path = "../e2e/crashes/point.rs"]
mod point;
mod support;

use std::path::PathBuf;
use std::time::Instant;

use support::{Program, argument, figure};
use tbengine_dockerd::Dockerd;

/// What a resume may take besides the work itself.
const RESUME_TARGET_MS: f64 = 1000.0;

fn main() {
    // Crashes are about what happens, not how fast, so any build will do.
    let named = std::env::args()
        .skip_while(|word| word != "--program")
        .nth(1);
    let built = named.is_none().then(Program::build);
    let named = named.map(PathBuf::from);
    let path = built.as_ref().map(Program::path).or(named.as_deref());
    let path = path.expect("one of the two");
    let cache = tempfile::tempdir().expect("a directory");
    let seed = argument("--seed", 1) as u64;
    let kills = argument("--kills", 3000);
    let mut failed = false;
    let mut tell = |title: &str, violations: &[String]| {
        figure(
            &format!("{title}: violations"),
            violations.len() as f64,
            "",
            0.0,
            true,
        );
        for violation in violations {
            println!("  {violation}");
        }
        failed |= !violations.is_empty();
    };
    if kills > 0 {
        let began = Instant::now();
        let series = cloud::kill(path, cache.path(), kills, seed);
        println!(
            "kill -9 of tbengine over the fake service: {} kills in {} runs; {} left a run to resume, {} a request of unknown effect; {:.0?}",
            series.kills,
            series.runs,
            series.resumed,
            series.unknown,
            began.elapsed()
        );
        tell(
            "kill -9 of tbengine over the fake service",
            &series.violations,
        );
        if !series.resumes.is_empty() {
            let median = support::median(series.resumes).as_secs_f64() * 1000.0;
            figure(
                "resume to the end, median",
                median,
                "ms",
                RESUME_TARGET_MS,
                true,
            );
        }
    }
    let docker_kills = argument("--docker-kills", 100);
    let crashes = argument("--crashes", 20);
    let freezes = argument("--freezes", 20);
    let guards = argument("--guards", 500);
    if docker_kills + crashes + freezes + guards > 0 {
        let daemon = match Dockerd::start() {
            Ok(daemon) => daemon,
            Err(error) => {
                eprintln!("error: {error}");
                std::process::exit(1);
            }
        };
        let mut part = |title: &str, series: docker::Series| {
            println!(
                "{title}: {} times in {} runs, {} cut short, {} resumed",
                series.hits, series.runs, series.cut_short, series.resumed
            );
            tell(title, &series.violations);
        };
        let cache = cache.path();
        part(
            "kill -9 of tbengine over a real dockerd",
            docker::kill(&daemon, path, cache, docker_kills, seed),
        );
        for (title, trouble, times) in [
            ("kill -9 of dockerd", docker::Trouble::Crash, crashes),
            ("SIGSTOP of dockerd", docker::Trouble::Freeze, freezes),
        ] {
            part(
                title,
                docker::disturb(&daemon, path, cache, trouble, times, seed),
            );
        }
        if guards > 0 {
            guarded(guard::kill(&daemon, path, cache, guards, seed), &mut tell);
        }
    }
    if failed {
        std::process::exit(1);
    }
}

fn guarded(series: guard::Series, tell: &mut impl FnMut(&str, &[String])) {
    println!(
        "kill -9 of guards, reapers and both: {} kills in {} rounds; {} had made something, {} were left to the next run",
        series.kills, series.rounds, series.made, series.left_over
    );
    tell("kill -9 of guards, reapers and both", &series.violations);
    if let Some(longest) = series.reaped.iter().max() {
        let target = guard::GONE_WITHIN.as_secs_f64();
        figure(
            "gone after the death of a guard, longest",
            longest.as_secs_f64(),
            "s",
            target,
            true,
        );
        let median = support::median(series.reaped.clone()).as_secs_f64();
        figure(
            "gone after the death of a guard, median",
            median,
            "s",
            target,
            true,
        );
    }
}
