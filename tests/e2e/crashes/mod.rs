//! Crash loops: the real program is killed at random points, and so is the daemon under it. Whatever
//! happened, resuming brings every run to its end, and the record is the truth.
//!
//! A few of each run here; `cargo bench -p tbengine-tests --bench crashes` runs thousands and prints a
//! table. The modules, from the ground up:
//!
//! - `invariants`: what must hold
//! - `point`: the calls that change the state, and what happens there
//! - `cloud`: over the fake Daytona service
//! - `docker`: over a private dockerd
//! - `replan`: over the same service, while a new plan takes the place of an old one
//! - `guard`: guards and their reapers, over both
//! - `syscalls`: killed and failing at each write of the state, by number, over the simulated provider
//! - `order`: what is on the disk before something is done

mod cloud;
mod docker;
mod guard;
mod invariants;
mod order;
mod point;
mod replan;
mod syscalls;

use std::path::Path;

use tbengine_dockerd::Dockerd;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tbengine");
const CACHE: &str = env!("CARGO_TARGET_TMPDIR");

fn paths() -> (&'static Path, &'static Path) {
    (Path::new(PROGRAM), Path::new(CACHE))
}

#[test]
fn no_kill_over_the_cloud_does_harm() {
    let (program, cache) = paths();
    let series = cloud::kill(program, cache, 40, 1);
    assert_eq!(series.violations, Vec::<String>::new());
    // The first kill of each run is at one of its rows, and leaves something to resume.
    assert!(series.resumed >= series.runs, "{series:?}");
    assert!(
        series.unknown > 1 && !series.resumes.is_empty(),
        "{series:?}"
    );
}

#[test]
fn no_kill_while_a_new_plan_takes_an_old_ones_place_loses_the_run() {
    let (program, cache) = paths();
    let series = replan::kill(program, cache, 30, 1);
    assert_eq!(series.violations, Vec::<String>::new());
    // Kills that come too early or too late show nothing.
    assert!(series.before > 3 && series.after > 3, "{series:?}");
}

#[test]
fn no_kill_of_a_guard_or_its_reaper_leaves_anything_behind() {
    let (program, cache) = paths();
    let daemon = Dockerd::start().unwrap_or_else(|error| panic!("{error}"));
    let series = guard::kill(&daemon, program, cache, 16, 1);
    assert_eq!(series.violations, Vec::<String>::new());
    // Every other kill waits until a resource exists, so that there is something to clean up; the others may come before
    // that, or after the end.
    let awaited = series.rounds / 2;
    assert!(series.kills >= awaited, "{series:?}");
    assert!(series.made >= awaited, "{series:?}");
    assert!(
        series.left_over >= 1 && !series.reaped.is_empty(),
        "{series:?}"
    );
    assert!(
        series.reaped.iter().all(|took| *took < guard::GONE_WITHIN),
        "{series:?}"
    );
}

#[test]
fn no_kill_over_a_real_dockerd_does_harm() {
    let (program, cache) = paths();
    let daemon = Dockerd::start().unwrap_or_else(|error| panic!("{error}"));
    let series = docker::kill(&daemon, program, cache, 4, 1);
    assert_eq!(series.violations, Vec::<String>::new());
    assert!(series.cut_short >= 2, "{series:?}");
    assert!(series.resumed >= series.cut_short, "{series:?}");
    for trouble in [docker::Trouble::Crash, docker::Trouble::Freeze] {
        let series = docker::disturb(&daemon, program, cache, trouble, 1, 1);
        assert_eq!(series.violations, Vec::<String>::new(), "{trouble:?}");
    }
}
