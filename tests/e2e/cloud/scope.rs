//! Which sandboxes a command is about, and which stay whatever it is about.

use tbengine_fake_daytona::{State, sandbox};

use super::{DAY, HOUR, MINUTE, World, counted, leaked, sorted};

#[test]
fn what_is_at_rest_of_an_unknown_owner_stays() {
    let world = World::new();
    let stopped = sandbox().state(State::Stopped).age(3 * DAY);
    let archived = sandbox().state(State::Archived).age(3 * DAY);
    let boxes = sorted(vec![world.fake.put(stopped), world.fake.put(archived)]);
    for policy in ["default", "aggressive", "harbor"] {
        let arguments = ["--policy", policy, "--min-age", "0s"];
        assert_eq!(world.run(&arguments, 0), [], "{policy}");
    }
    assert_eq!(sorted(world.fake.live()), boxes);
    let explained = world.tbengine(&["explain", &boxes[0][..12]]).with_code(0);
    assert!(
        explained.stdout.contains("owner unknown"),
        "{}",
        explained.stdout
    );
    // An operator who claims it may.
    world.home.write(
        ".config/tbengine/tbengine.toml",
        "[backends.daytona]\nkind = \"daytona\"\nexclusive = true\n",
    );
    assert_eq!(world.run(&[], 0), counted(&[("deleted", 2)]));
}

#[test]
fn what_has_ended_is_archived_if_wanted() {
    let world = World::new();
    let rest = |state| leaked("rest").state(state).idle(3 * HOUR);
    let stopped = world.fake.put(rest(State::Stopped));
    world.fake.put(rest(State::Archived));
    for policy in ["default", "harbor"] {
        let archive = ["--policy", policy, "--set", "ended=archive"];
        let expected: &[_] = match policy {
            "default" => &[("archived", 1)],
            _ => &[],
        };
        assert_eq!(world.run(&archive, 0), counted(expected), "{policy}");
        assert_eq!(world.fake.live().len(), 2);
    }
    let state = world
        .fake
        .with(|cloud, _| cloud.truth(&stopped).map(|one| one.shown()));
    assert_eq!(state, Some(State::Archived));
}

#[test]
fn what_was_archived_just_now_is_young_and_old_by_its_creation() {
    let world = World::new();
    let old = |idle| {
        let archived = leaked("old").state(State::Archived).age(30 * DAY);
        world.fake.put(archived.idle(idle))
    };
    let now = old(3 * MINUTE);
    let long_ago = old(20 * DAY);
    let young = world.fake.put(leaked("young").age(DAY));
    assert_eq!(
        world.planned(&["--older-than", "7d"]),
        std::slice::from_ref(&long_ago)
    );
    assert_eq!(
        world.listed(&["--created-before", "7d"]),
        sorted(vec![now, long_ago])
    );
    assert_eq!(world.listed(&["--created-before", "12h"]).len(), 3);
    assert_eq!(
        world
            .listed(&["--older-than", "7d", "--created-before", "25d"])
            .len(),
        1
    );
    let list = world.tbengine(&["list"]).with_code(0).stdout;
    assert!(list.contains("  3m  "), "{list}");
    assert!(world.fake.live().contains(&young));
}

#[test]
fn a_region_and_an_attribute_select() {
    let world = World::new();
    let us = world.fake.put(leaked("us").snapshot("base:1"));
    let eu = world.fake.put(leaked("eu").target("eu").snapshot("base:2"));
    let other = world
        .fake
        .put(leaked("other").target("eu").snapshot("base:1"));
    let listed = |arguments: &[&str]| world.listed(arguments);
    assert_eq!(listed(&["--region", "us"]), std::slice::from_ref(&us));
    assert_eq!(
        listed(&["--region", "us", "--region", "eu"]),
        sorted(vec![us.clone(), eu.clone(), other.clone()])
    );
    assert_eq!(
        listed(&["--attribute", "snapshot=base:1"]),
        sorted(vec![us, other.clone()])
    );
    let both = ["--region", "eu", "--attribute", "snapshot=base:1"];
    assert_eq!(listed(&both), std::slice::from_ref(&other));
    assert_eq!(listed(&["--attribute", "no-such-thing"]), [""; 0]);
    // An attribute claims nothing.
    let foreign = sandbox().target("ap").age(2 * DAY);
    world.fake.put(foreign);
    assert_eq!(world.planned(&["--region", "ap"]), [""; 0]);
    assert_eq!(world.planned(&both), [other]);
    world.tbengine(&["list", "--attribute", "=x"]).with_code(2);
}

#[test]
fn what_resources_take_up_is_summed_up() {
    let world = World::new();
    world.fake.put(leaked("running").size(2, 4, 10));
    world
        .fake
        .put(leaked("paused").state(State::Paused).size(1, 8, 20));
    let stopped = leaked("stopped").state(State::Stopped).size(4, 16, 30);
    world.fake.put(stopped);
    world.fake.put(sandbox().size(8, 8, 8));
    let list = world.tbengine(&["list"]).with_code(0);
    // What is stopped has no processor and no memory.
    let text = "4 resources: 11 CPUs, 20 GiB of memory, 68 GiB of disk";
    assert!(list.stderr.contains(text), "{}", list.stderr);
    let plan = world.tbengine(&["plan"]).with_code(0);
    let text = "3 steps, 3 CPUs, 12 GiB of memory, 60 GiB of disk";
    assert!(plan.stdout.contains(text), "{}", plan.stdout);
    let plan = world.tbengine(&["plan", "-O", "json"]).with_code(0).json();
    assert_eq!(
        plan["frees"],
        serde_json::json!({
            "cpu-millis": 3000, "memory-bytes": 12_u64 << 30, "disk-bytes": 60_u64 << 30,
        })
    );
    let list = world.tbengine(&["list", "-O", "json"]).with_code(0).json();
    assert_eq!(list["usage"]["cpu-millis"], 11_000);
}
