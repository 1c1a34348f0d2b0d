//! A private daemon leaves neither processes nor mounts, directories or cgroups behind, however the
//! test process ends.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tbengine_dockerd::Dockerd;

/// Set for the process that [`abandon_a_daemon`] is meant for.
const ABANDON: &str = "TBENGINE_DOCKERD_ABANDON";

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

/// Something of every sort that could be left: running, paused, restarting, networks, volumes.
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
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "abandon_a_daemon", "--nocapture"])
        .env(ABANDON, "1")
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
    child.kill().unwrap();
    child.wait().unwrap();
    for _ in 0..300 {
        if traces(&directory).is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("left behind: {:#?}", traces(&directory));
}

/// Not a test by itself: run by the one above, which kills it.
#[test]
#[expect(clippy::print_stdout, reason = "the parent process reads it")]
fn abandon_a_daemon() {
    if std::env::var_os(ABANDON).is_none() {
        return;
    }
    let daemon = Dockerd::start().unwrap();
    println!("\ndirectory={}", fill(&daemon).display());
    std::thread::sleep(Duration::from_secs(600));
}
