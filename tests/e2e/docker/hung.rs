//! A container whose inspection never answers, as a stopped shim makes it.

use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tbengine_dockerd::Dockerd;
use tbengine_harness::processes::processes;
use tbengine_harness::{Home, eventually};

use crate::on_docker;

/// Keeps an inspection of a container from being answered for as long as it lives.
struct Hang {
    shim: Pid,
    kill: Child,
}

impl Hang {
    /// Stops the shim of a container that runs. A request to kill it then waits for that with the container locked,
    /// and an inspection waits for the lock.
    fn of(daemon: &Dockerd, id: &str) -> Self {
        let is_shim = |line: &str| line.contains("containerd-shim") && line.contains(id);
        let shim = *processes(is_shim).first().expect("what runs has a shim");
        kill_process(shim, Signal::STOP).unwrap();
        let kill = docker(daemon, &["kill", id]).spawn().unwrap();
        let hang = Self { shim, kill };
        eventually("its inspection hangs", || {
            let mut inspect = docker(daemon, &["inspect", id]).spawn().unwrap();
            std::thread::sleep(std::time::Duration::from_secs(1));
            let hangs = inspect.try_wait().unwrap().is_none();
            inspect.kill().ok();
            inspect.wait().unwrap();
            hangs
        });
        hang
    }
}

impl Drop for Hang {
    fn drop(&mut self) {
        kill_process(self.shim, Signal::CONT).ok();
        self.kill.wait().ok();
    }
}

fn docker(daemon: &Dockerd, arguments: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.args(arguments).env("DOCKER_HOST", daemon.host());
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::null());
    command
}

/// A daemon with two containers that have ended and one that hangs, whose id is given.
fn with_hung() -> (Dockerd, Home, Hang, String) {
    let (daemon, home) = on_docker();
    for name in ["one", "two"] {
        daemon.run_to_end(&["--name", name], 0);
    }
    let id = daemon.run_sleeper(&["--name", "hung", "--label", "team=evals"]);
    let hang = Hang::of(&daemon, &id);
    (daemon, home, hang, id)
}

#[test]
fn a_listing_shows_what_hangs_as_the_daemons_own_listing_does() {
    let (_daemon, home, _hang, id) = with_hung();
    let (listed, _) = home.json(&["list", "--kind", "container"]);
    let resources = listed["resources"].as_array().or(listed.as_array());
    let resources = resources.unwrap_or_else(|| panic!("{listed:#}"));
    assert_eq!(resources.len(), 3, "{listed:#}");
    let hung = resources.iter().find(|one| one["name"] == "hung").unwrap();
    assert_eq!(hung["labels"]["team"], "evals", "{hung:#}");
    assert_eq!(hung["state"], "running", "{hung:#}");
    assert!(hung["damaged"].is_object(), "{hung:#}");
    assert!(hung.to_string().contains(&id), "{hung:#}");
}

#[test]
fn a_run_deletes_the_others_and_names_what_hangs() {
    let (daemon, home, _hang, id) = with_hung();
    let policy = ["--policy", "aggressive", "--min-age", "0s"];
    let (planned, _) = home.json(&[&["plan"], &policy[..]].concat());
    let steps = planned["plan"]["steps"]
        .as_array()
        .or(planned["steps"].as_array());
    assert_eq!(steps.map(Vec::len), Some(2), "{planned:#}");
    assert!(planned["failures"].to_string().contains(&id), "{planned:#}");
    let (ran, code) = home.json(&[&["run", "--yes"], &policy[..]].concat());
    assert_eq!(daemon.containers(), ["hung"], "{ran:#}");
    assert_eq!(code, 6, "{ran:#}");
    assert!(ran["failures"].to_string().contains(&id), "{ran:#}");
}

#[test]
fn a_guard_begins_and_ends_beside_what_hangs() {
    let (daemon, home, _hang, _) = with_hung();
    let home = home.with_path();
    let make = "docker run -d --name ours busybox sleep 100000 >/dev/null";
    let arguments = ["guard", "--settle-time", "100ms", "--", "sh", "-c", make];
    home.run(&arguments).with_code(0);
    assert_eq!(daemon.containers(), ["hung", "one", "two"]);
    assert_eq!(home.statuses(), ["ended"]);
}

#[test]
fn what_hangs_goes_once_it_answers() {
    let (daemon, home, hang, _) = with_hung();
    drop(hang);
    let claimed = ["--label", "team=evals", "--min-age", "0s", "--yes"];
    let run = ["run", "--policy", "aggressive", "--force"];
    let always = [
        "--set",
        "running-older-than=0s",
        "--set",
        "dead-older-than=0s",
    ];
    let (ran, code) = home.json(&[&run[..], &claimed, &always].concat());
    assert_eq!(code, 0, "{ran:#}");
    assert_eq!(daemon.containers(), ["one", "two"], "{ran:#}");
}
