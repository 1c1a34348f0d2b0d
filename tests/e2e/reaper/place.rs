//! Who may connect, and where the lease is written down.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use super::session::{Reaper, World};

#[test]
fn a_socket_file_is_for_its_user_alone() {
    let world = World::new("private");
    let container = world.sleeper(&[]);
    let mut reaper = world.reaper(&[]);
    let mode = reaper.socket().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    // Even where the file lets others in, the reaper does not.
    fs::set_permissions(reaper.socket(), Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(world.home.directory(), Permissions::from_mode(0o755)).unwrap();
    let script = "import socket, sys\n\
                  s = socket.socket(socket.AF_UNIX)\n\
                  s.connect(sys.argv[1])\n\
                  try:\n    s.send(sys.argv[2].encode()); print(s.recv(100))\n\
                  except OSError: print(b'')";
    let mut other = Command::new("python3");
    other
        .args(["-c", script])
        .arg(reaper.socket())
        .arg(world.line());
    let said = other
        .uid(65534)
        .gid(65534)
        .current_dir("/")
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout), "b''\n", "{said:?}");
    reaper.signal(Signal::TERM);
    assert_eq!(reaper.ended(), Some(0), "{}", reaper.log());
    assert!(world.exists(&container));
    assert!(reaper.log().contains("nothing") || !reaper.log().contains("deleted"));
}

#[test]
fn two_reapers_cannot_have_one_place() {
    let world = World::new("taken");
    let reaper = world.reaper(&[]);
    let socket = format!("unix://{}", reaper.socket().display());
    let port = format!("tcp://127.0.0.1:{}", reaper.port());
    for place in [socket, port] {
        let second = world.home.run(&["reaper", "--listen", &place]);
        let errors = &second.stderr;
        assert_eq!(second.code, 2, "{errors}");
        assert!(
            errors.contains(&place) && errors.contains("--listen"),
            "{errors}"
        );
    }
    // The first still listens.
    assert_eq!(reaper.unix().say("label=session=taken\n"), "ACK\n");
    assert_eq!(reaper.tcp().say("label=session=taken\n"), "ACK\n");
}

#[test]
fn where_nothing_can_be_written_it_says_so_once_and_works() {
    let world = World::new("unwritten");
    let container = world.sleeper(&[]);
    let mut command = world.home.command(&[
        "reaper",
        "--listen",
        "tcp://127.0.0.1:0",
        "--reconnection-timeout",
        "100ms",
        "--settle-time",
        "100ms",
        "--output",
        "json",
    ]);
    command.env_remove("HOME");
    let mut reaper = Reaper::start(command);
    let mut client = reaper.tcp();
    assert_eq!(client.say(&world.line()), "ACK\n");
    let kept: Vec<_> = fs::read_dir("/dev/shm")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("leases").exists())
        .collect();
    assert!(!kept.is_empty());
    drop(client);
    assert_eq!(reaper.ended(), Some(0), "{}", reaper.log());
    assert!(!world.exists(&container));
    assert_eq!(
        reaper.log().matches("in memory only").count(),
        1,
        "{}",
        reaper.log()
    );
    assert!(kept.iter().all(|path| !path.exists()), "{kept:?}");
    let results = reaper.results();
    let results: Vec<Value> = results
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(results.len(), 2, "{results:?}");
    assert!(
        results[0]["listening"][0]
            .as_str()
            .unwrap()
            .starts_with("tcp://127.0.0.1:")
    );
    assert_eq!(
        (&results[1]["ended"], &results[1]["deleted"]),
        (&true.into(), &1.into())
    );
}

#[test]
fn a_directory_that_was_named_must_be_fit() {
    let world = World::new("unfit");
    let file = world.home.directory().join("file");
    fs::write(&file, "").unwrap();
    let state = file.display().to_string();
    let ended = world.home.run(&[
        "reaper",
        "--listen",
        "tcp://127.0.0.1:0",
        "--state-dir",
        &state,
    ]);
    let errors = &ended.stderr;
    assert_eq!(ended.code, 2, "{errors}");
    assert!(!errors.contains("Started!"), "{errors}");
}

#[test]
fn without_a_daemon_it_does_not_start() {
    let world = World::new("away");
    let nowhere = [("DOCKER_HOST", "unix:///nowhere/docker.sock")];
    let reaper = ["reaper", "--listen", "tcp://127.0.0.1:0"];
    let ended = world.home.run_with(&reaper, &nowhere);
    let errors = &ended.stderr;
    assert_ne!(ended.code, 0, "{errors}");
    assert!(!errors.contains("Started!"), "{errors}");
}
