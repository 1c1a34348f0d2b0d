//! Clients that are killed, and a reaper that is.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::session::World;

#[test]
fn a_client_that_is_killed_is_gone() {
    let world = World::new("killed");
    let container = world.sleeper(&[]);
    let mut reaper = world.reaper(&[]);
    let mut client = Command::new("busybox")
        .args(["nc", "127.0.0.1", &reaper.port().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("busybox has nc");
    let mut input = client.stdin.take().unwrap();
    input.write_all(world.line().as_bytes()).unwrap();
    let mut answer = String::new();
    let output = client.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut answer).unwrap();
    assert_eq!(answer, "ACK\n");
    assert!(world.exists(&container));
    client.kill().unwrap();
    client.wait().unwrap();
    assert_eq!(reaper.ended(), Some(0), "{}", reaper.log());
    assert!(!world.exists(&container));
}

#[test]
fn the_next_run_finishes_what_a_killed_reaper_had_to_do() {
    let world = World::new("orphaned");
    let made = world.make();
    let protected = world.sleeper(&["--label", "tbengine.protect"]);
    let foreign = world
        .daemon
        .run_sleeper(&["--label", "session=orphaned-not"]);
    let mut reaper = world.reaper(&[]);
    let mut client = reaper.unix();
    assert_eq!(client.say(&world.line()), "ACK\n");
    assert_eq!(client.say("label=made-for=orphaned:1\n"), "ACK\n");
    reaper.signal(Signal::KILL);
    assert_eq!(reaper.ended(), None);
    assert_eq!(client.answer(), "");
    assert!(world.exists(&made.container));
    let run = world.home.run(&["run", "--yes"]);
    let errors = &run.stderr;
    assert_eq!(run.code, 0, "{errors}");
    assert!(errors.contains("did not clean up"), "{errors}");
    for gone in [made.container, made.network, made.volume, made.image] {
        assert!(!world.exists(&gone), "{gone}\n{errors}");
    }
    assert!(
        world.exists(&protected) && world.exists(&foreign),
        "{errors}"
    );
}

#[test]
fn a_reaper_in_a_killed_ones_place_waits_for_its_clients_and_then_finishes() {
    let world = World::new("succeeded");
    let held = world.sleeper(&[]);
    let left = world
        .daemon
        .run_sleeper(&["--label", "session=succeeded-left"]);
    let mut reaper = world.reaper(&[]);
    let mut client = reaper.unix();
    assert_eq!(client.say(&world.line()), "ACK\n");
    assert_eq!(client.say("label=session=succeeded-left\n"), "ACK\n");
    reaper.signal(Signal::KILL);
    assert_eq!(reaper.ended(), None);
    // The socket file that was left there is in nobody's way.
    let mut reaper = world.reaper(&["--keep"]);
    let mut client = reaper.unix();
    assert_eq!(client.say(&world.line()), "ACK\n");
    drop(client);
    world.await_gone(&held);
    world.await_gone(&left);
    reaper.signal(Signal::TERM);
    assert_eq!(reaper.ended(), Some(0), "{}", reaper.log());
}
