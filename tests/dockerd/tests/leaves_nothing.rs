//! A private daemon leaves neither processes nor mounts, directories or cgroups behind, however the
//! test process ends.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tbengine_dockerd::Dockerd;

/// Set for the process that [`abandon_a_daemon`] is meant for.
const ABANDON: &str = "TBENGINE_DOCKERD_ABANDON";
/// The name of the daemon that it shares with others, and the process of the run.
const SHARED: &str = "TBENGINE_DOCKERD_SHARED";

fn traces(directory: &Path) -> Vec<String> {
    let name = directory.file_name().unwrap().to_str().unwrap().to_owned();
    let mut traces = Vec::new();
    if directory.exists() {
        traces.push(format!("{} exists", directory.display()));
    }
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let command = std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        let cgroup = std::fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default();
        if command.contains(&name) || cgroup.contains(&name) {
            traces.push(format!("process {}: {command}", entry.path().display()));
        }
    }
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    traces.extend(
        mounts
            .lines()
            .filter(|line| line.contains(&name))
            .map(str::to_owned),
    );
    let found = Command::new("find")
        .args(["/sys/fs/cgroup", "-name", &format!("{name}*")])
        .output()
        .unwrap();
    traces.extend(
        String::from_utf8_lossy(&found.stdout)
            .lines()
            .map(str::to_owned),
    );
    traces
}

/// Something of every kind that could be left: running, paused, restarting, networks, volumes.
fn fill(daemon: &Dockerd) -> PathBuf {
    daemon.create_network("n", &[]);
    daemon.run_sleeper(&["--network", "n", "--volume", "v:/v"]);
    let paused = daemon.run_sleeper(&[]);
    daemon.docker(&["pause", &paused]);
    daemon.run(&["--restart", "always"], &["false"]);
    daemon.socket().parent().unwrap().to_owned()
}

#[test]
fn a_dropped_daemon_is_gone() {
    let daemon = Dockerd::start().unwrap();
    let directory = fill(&daemon);
    assert!(traces(&directory).len() > 5);
    drop(daemon);
    assert_eq!(traces(&directory), [""; 0]);
}

#[test]
fn a_daemon_whose_process_was_killed_is_gone_too() {
    let (mut child, directory) = abandoned(&[]);
    child.kill().unwrap();
    child.wait().unwrap();
    await_no_traces(&directory);
}

/// A process with a daemon, and the directory of that.
fn abandoned(variables: &[(&str, &str)]) -> (Child, PathBuf) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "abandon_a_daemon", "--nocapture"])
        .env(ABANDON, "1")
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let directory = output
        .find_map(|line| {
            line.unwrap()
                .split_once("directory=")
                .map(|(_, path)| PathBuf::from(path))
        })
        .unwrap();
    assert!(traces(&directory).len() > 5);
    (child, directory)
}

fn await_no_traces(directory: &Path) {
    for _ in 0..300 {
        if traces(directory).is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("left behind: {:#?}", traces(directory));
}

#[test]
fn a_shared_daemon_outlives_its_users_and_is_gone_with_the_run() {
    let mut run = Command::new("sleep").arg("600").spawn().unwrap();
    let name = format!("leaves-nothing-{}", std::process::id());
    // The first of its users, who starts it, is killed; others came meanwhile.
    let (mut first, directory) = abandoned(&[(SHARED, &format!("{name} {}", run.id()))]);
    let second = Dockerd::share(&name, run.id()).unwrap();
    assert_eq!(second.socket().parent(), Some(&*directory));
    first.kill().unwrap();
    first.wait().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(second.docker(&["ps", "-q"]).lines().count(), 3);
    drop(second);
    std::thread::sleep(Duration::from_secs(1));
    // Nobody uses it now, but the run may have more tests.
    let third = Dockerd::share(&name, run.id()).unwrap();
    assert_eq!(third.docker(&["ps", "-q"]).lines().count(), 3);
    run.kill().unwrap();
    run.wait().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    // A test that outlives the run is not cut off.
    assert_eq!(third.docker(&["ps", "-q"]).lines().count(), 3);
    drop(third);
    await_no_traces(&directory);
}

/// Not a test by itself: run by the ones above, which kill it.
#[test]
#[expect(clippy::print_stdout, reason = "the parent process reads it")]
fn abandon_a_daemon() {
    if std::env::var_os(ABANDON).is_none() {
        return;
    }
    let daemon = match std::env::var(SHARED) {
        Ok(words) => {
            let (name, run) = words.split_once(' ').unwrap();
            Dockerd::share(&name.to_owned(), run.parse().unwrap())
        }
        Err(_) => Dockerd::start(),
    };
    let daemon = daemon.unwrap();
    println!("\ndirectory={}", fill(&daemon).display());
    std::thread::sleep(Duration::from_secs(600));
}
