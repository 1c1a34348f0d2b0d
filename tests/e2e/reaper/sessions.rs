//! What clients name goes when they are all gone, and nothing else.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use tbengine_harness::eventually;

use super::session::{Reaper, World, outstay_reconnection};

#[test]
fn what_clients_name_goes_when_they_are_gone_and_the_rest_stays() {
    let world = World::new("named");
    let made = world.make();
    let label = world.label();
    let stays = [
        world.sleeper(&["--label", "tbengine.protect=true"]),
        world.sleeper(&["--label", "org.testcontainers.ryuk=true"]),
        // Another lease's, as its label says, whether that is live here or elsewhere.
        world.sleeper(&["--label", "tbengine.run-id=someone-elses"]),
        world
            .daemon
            .run_sleeper(&["--label", "session=named-otherwise"]),
        world
            .daemon
            .run_sleeper(&["--label", "org.testcontainers=true"]),
    ];
    let mut reaper = world.reaper(&[]);
    let mut client = reaper.unix();
    assert_eq!(
        client.say(&format!("label={label}&label=session\r\n")),
        "ACK\n"
    );
    // Each filter counts, not only the last.
    assert_eq!(client.say("label=made-for=named:1\n"), "ACK\n");
    assert_eq!(client.say("label=made-for=nothing\n"), "ACK\n");
    let listed = world.home.run(&["lease", "list"]);
    let listed = listed.stdout;
    assert!(
        listed.contains("live") && listed.contains("reaper"),
        "{listed}"
    );
    drop(client);
    assert_eq!(reaper.ended(), Some(0), "{}", reaper.log());
    for gone in [made.container, made.network, made.volume, made.image] {
        assert!(!world.exists(&gone), "{gone}\n{}", reaper.log());
    }
    for id in stays {
        assert!(world.exists(&id), "{id}\n{}", reaper.log());
    }
    assert!(!reaper.socket().exists());
    let listed = world.home.run(&["lease", "list"]);
    let listed = listed.stdout;
    assert!(listed.contains("ended"), "{listed}");
}

#[test]
fn nothing_goes_while_anyone_is_there_or_comes_back_in_time() {
    let world = World::new("several");
    let container = world.sleeper(&[]);
    let mut reaper = world.reaper(&[]);
    let mut first = reaper.tcp();
    let mut second = reaper.unix();
    // One that never says anything holds the session as well.
    let silent = reaper.tcp();
    assert_eq!(first.say(&world.line()), "ACK\n");
    assert_eq!(second.say(&world.line()), "ACK\n");
    drop((first, second));
    outstay_reconnection();
    assert!(world.exists(&container));
    drop(silent);
    thread::sleep(Duration::from_millis(300));
    let mut back = reaper.tcp();
    assert_eq!(back.say("label=session=several-more\n"), "ACK\n");
    outstay_reconnection();
    assert!(world.exists(&container) && reaper.is_running());
    drop(back);
    assert_eq!(reaper.ended(), Some(0), "{}", reaper.log());
    assert!(!world.exists(&container));
}

#[test]
fn what_is_created_late_goes_as_well_and_nobody_is_let_in_by_then() {
    let world = World::new("late");
    let early = world.sleeper(&[]);
    let mut reaper = world.reaper(&["--settle-time", "2s"]);
    let mut client = reaper.tcp();
    assert_eq!(client.say(&world.line()), "ACK\n");
    drop(client);
    world.await_gone(&early);
    let late = world.sleeper(&[]);
    assert!(reaper.is_running());
    assert!(TcpStream::connect(("127.0.0.1", reaper.port())).is_err());
    assert!(UnixStream::connect(reaper.socket()).is_err());
    assert_eq!(reaper.ended(), Some(0), "{}", reaper.log());
    assert!(!world.exists(&late), "{}", reaper.log());
}

#[test]
fn what_another_live_lease_names_is_left_to_that_one() {
    let world = World::new("shared-name");
    let container = world.sleeper(&[]);
    let mut first = world.reaper(&[]);
    let other = format!("unix://{}", world.socket("other").display());
    let mut second = Reaper::start(world.home.command(&[
        "reaper",
        "--listen",
        &other,
        "--reconnection-timeout",
        "100ms",
        "--settle-time",
        "100ms",
    ]));
    let mut client_of_first = first.unix();
    assert_eq!(client_of_first.say(&world.line()), "ACK\n");
    let mut client_of_second = second.unix();
    assert_eq!(client_of_second.say(&world.line()), "ACK\n");
    drop(client_of_second);
    assert_eq!(second.ended(), Some(0), "{}", second.log());
    assert!(world.exists(&container), "{}", second.log());
    assert!(second.log().contains("live-lease"), "{}", second.log());
    drop(client_of_first);
    assert_eq!(first.ended(), Some(0), "{}", first.log());
    assert!(!world.exists(&container));
}

#[test]
fn asked_to_stop_it_waits_for_clients_and_for_nobody_else() {
    let world = World::new("told");
    let container = world.sleeper(&[]);
    let mut reaper = world.reaper(&["--reconnection-timeout", "1h"]);
    let mut client = reaper.tcp();
    assert_eq!(client.say(&world.line()), "ACK\n");
    reaper.signal(Signal::TERM);
    eventually("it says that it waits", || {
        reaper.log().contains("waiting for clients")
    });
    thread::sleep(Duration::from_millis(300));
    assert!(reaper.is_running() && world.exists(&container));
    // It is still a client, and can name more.
    assert_eq!(client.say("label=session=told-more\n"), "ACK\n");
    drop(client);
    assert_eq!(reaper.ended(), Some(0), "{}", reaper.log());
    assert!(!world.exists(&container));

    let container = world.sleeper(&[]);
    let mut reaper = world.reaper(&["--shutdown-timeout", "200ms"]);
    let mut client = reaper.tcp();
    assert_eq!(client.say(&world.line()), "ACK\n");
    reaper.signal(Signal::TERM);
    assert_eq!(reaper.ended(), Some(0), "{}", reaper.log());
    assert!(!world.exists(&container));
    assert_eq!(client.answer(), "");
}

#[test]
fn it_can_be_kept_for_further_sessions() {
    let world = World::new("kept");
    let mut reaper = world.reaper(&["--keep"]);
    for _ in 0..2 {
        let container = world.sleeper(&[]);
        let mut client = reaper.unix();
        assert_eq!(client.say(&world.line()), "ACK\n");
        drop(client);
        world.await_gone(&container);
        assert!(reaper.is_running());
    }
    reaper.signal(Signal::TERM);
    assert_eq!(reaper.ended(), Some(0), "{}", reaper.log());
}

#[test]
fn who_never_comes_is_not_waited_for_long() {
    let world = World::new("nobody");
    let container = world.sleeper(&[]);
    let mut reaper = world.reaper(&["--connection-timeout", "300ms"]);
    assert_eq!(reaper.ended(), Some(0), "{}", reaper.log());
    assert!(world.exists(&container));
}

#[test]
fn images_can_be_left_alone_and_names_and_ids_do_as_well_as_labels() {
    let world = World::new("by-name");
    let image = world.daemon.create_image("by-name:1");
    let named = world.daemon.run_sleeper(&["--name", "by-name-1"]);
    let alike = world.daemon.run_sleeper(&["--name", "by-name-10"]);
    let by_id = world.daemon.run_sleeper(&[]);
    let mut reaper = world.reaper(&["--no-images"]);
    let mut client = reaper.unix();
    assert_eq!(client.say("name=by-name-1\n"), "ACK\n");
    assert_eq!(client.say(&format!("id={}\n", &by_id[..12])), "ACK\n");
    assert_eq!(client.say("label=made-for=by-name:1\n"), "ACK\n");
    drop(client);
    assert_eq!(reaper.ended(), Some(0), "{}", reaper.log());
    assert!(
        !world.exists(&named) && !world.exists(&by_id),
        "{}",
        reaper.log()
    );
    assert!(
        world.exists(&alike) && world.exists(&image),
        "{}",
        reaper.log()
    );
}
