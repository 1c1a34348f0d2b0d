//! How Harbor may end.

use std::io::Write as _;

use tbengine_harness::{Ended, eventually, terminal};

use crate::world::{World, deleted};

#[test]
fn after_a_job_that_ends_by_itself_nothing_is_left() {
    let name = "after_a_job_that_ends_by_itself_nothing_is_left";
    let Some(world) = World::new(name, "true") else {
        return;
    };
    let ended = Ended::from(world.guard().output().unwrap()).with_code(0);
    let output = format!("{}\n{}", ended.stdout, ended.stderr);
    // It is a trial that took place, and not one that failed early.
    assert!(output.contains("Mean: 1.000"), "{output}");
    world.is_clean(&output);
    let report = world.report();
    assert_eq!(report["ended"], true, "{report}");
    assert_eq!(report["failed"], 0, "{report}");
}

#[test]
fn after_ctrl_c_harbor_cancels_its_trial_and_nothing_is_left() {
    let name = "after_ctrl_c_harbor_cancels_its_trial_and_nothing_is_left";
    let Some(mut world) = World::new(name, "sleep 100000") else {
        return;
    };
    let (mut guard, mut keyboard) = world.start_on_terminal();
    world.await_agent();
    world.make_neighbour_meanwhile();
    keyboard.write_all(b"\x03").unwrap();
    let shown = terminal::read_to_end(keyboard);
    let shown = String::from_utf8_lossy(&shown).into_owned();
    let code = guard.wait().unwrap().code();
    assert!(code.is_some_and(|code| code != 0), "{code:?}: {shown}");
    world.is_clean(&shown);
    assert_eq!(world.report()["ended"], true, "{shown}");
}

#[test]
fn after_ctrl_c_twice_the_guard_deletes_what_harbor_leaves() {
    let name = "after_ctrl_c_twice_the_guard_deletes_what_harbor_leaves";
    let Some(mut world) = World::new(name, "sleep 100000") else {
        return;
    };
    let (mut guard, mut keyboard) = world.start_on_terminal();
    world.await_agent();
    world.make_neighbour_meanwhile();
    keyboard.write_all(b"\x03").unwrap();
    eventually("Harbor removes its trial", || world.is_going_down());
    keyboard.write_all(b"\x03").unwrap();
    let shown = terminal::read_to_end(keyboard);
    let shown = String::from_utf8_lossy(&shown).into_owned();
    let code = guard.wait().unwrap().code();
    assert!(code.is_some_and(|code| code != 0), "{code:?}: {shown}");
    world.is_clean(&shown);
    let report = world.report();
    assert_eq!(report["ended"], true, "{report}");
    assert!(!deleted(&report).is_empty(), "{report}");
}
