//! `kill -9` of Harbor, of the guard around it, and of that with its reaper.

use std::collections::BTreeSet;

use tbengine_harness::{Running, eventually};

use crate::world::{World, deleted};

const DEAF: &str = "sleep 100000";

#[test]
fn the_guard_deletes_what_a_killed_harbor_leaves() {
    let name = "the_guard_deletes_what_a_killed_harbor_leaves";
    let Some(mut world) = World::new(name, DEAF) else {
        return;
    };
    let guard = Running::start(world.guard());
    world.await_agent();
    world.make_neighbour_meanwhile();
    world.kill_harbor();
    let (code, output) = guard.end().code_and_output();
    assert_eq!(code, 137, "{output}");
    world.is_clean(&output);
    let report = world.report();
    assert_eq!(report["ended"], true, "{report}");
    let expected = BTreeSet::from(["container", "image", "network", "volume"]);
    assert_eq!(deleted(&report), expected, "{report}");
}

#[test]
fn the_guard_deletes_what_a_harbor_leaves_that_is_killed_while_it_creates() {
    let name = "the_guard_deletes_what_a_harbor_leaves_that_is_killed_while_it_creates";
    let Some(world) = World::new(name, DEAF) else {
        return;
    };
    let guard = Running::start(world.guard());
    world.await_first();
    world.kill_harbor();
    let (code, output) = guard.end().code_and_output();
    assert_eq!(code, 137, "{output}");
    world.is_clean(&output);
    assert_eq!(world.report()["ended"], true, "{output}");
}

#[test]
fn the_reaper_ends_harbor_and_deletes_its_trial_after_a_killed_guard() {
    let name = "the_reaper_ends_harbor_and_deletes_its_trial_after_a_killed_guard";
    let Some(mut world) = World::new(name, DEAF) else {
        return;
    };
    let mut guard = Running::start(world.guard());
    world.await_agent();
    world.make_neighbour_meanwhile();
    assert!(guard.kill());
    eventually("the reaper has finished", || {
        world.home.statuses() == ["ended"]
    });
    world.is_clean("the reaper");
    // What it did can be read.
    let (runs, _) = world.home.json(&["history"]);
    assert_eq!(runs[0]["state"], "finished", "{runs}");
}

#[test]
fn the_next_run_deletes_what_a_guard_leaves_that_is_killed_with_its_reaper() {
    let name = "the_next_run_deletes_what_a_guard_leaves_that_is_killed_with_its_reaper";
    let Some(mut world) = World::new(name, DEAF) else {
        return;
    };
    let mut guard = Running::start(world.guard());
    world.await_agent();
    world.make_neighbour_meanwhile();
    world.kill_reaper();
    assert!(guard.kill());
    eventually("the lease has expired", || {
        world.home.statuses() == ["expired"]
    });
    // Nobody is there to end it.
    assert!(!world.trial_processes().is_empty());
    let (ran, code) = world.home.json(&["run"]);
    assert_eq!(code, 0, "{ran:#}");
    world.is_clean(&ran.to_string());
    let swept = deleted(&ran["sweeps"][0]);
    assert!(swept.contains("container"), "{ran:#}");
}
