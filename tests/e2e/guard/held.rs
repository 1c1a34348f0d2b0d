//! Leases in the hands of others: a script that takes one, and a Rust program that holds one.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tbengine_dockerd::Dockerd;
use tbengine_harness::processes::processes;
use tbengine_harness::{Ended, Home, eventually};
use tbengine_ops::{HoldError, Holding};

use super::on_docker;

/// Where a child of these tests finds the configuration that it takes a lease with.
const CHILD: &str = "HOLDS_A_LEASE_WITH";

fn json(output: Ended) -> Value {
    output.with_code(0).json()
}

/// Takes a lease as a script does, and makes a container of this name under it.
fn acquire(daemon: &Dockerd, home: &Home, name: &str, options: &[&str]) -> String {
    let output = home.run(&[&["lease", "acquire"], options].concat());
    let id = output.with_code(0).stdout;
    let label = format!("tbengine.run-id={}", id.trim());
    let options = ["--name", name, "--label", &label, "--volume", "/scratch"];
    daemon.run_sleeper(&options);
    id.trim().to_owned()
}

#[test]
fn releasing_a_lease_deletes_what_was_made_under_it_and_nothing_else() {
    let (daemon, home) = on_docker();
    daemon.run_sleeper(&["--name", "before", "--label", "team=evals"]);
    let id = acquire(&daemon, &home, "ours", &["--label", "team=evals"]);
    daemon.run_sleeper(&["--name", "named", "--label", "team=evals"]);
    daemon.create_network("net", &["--label", "team=evals"]);
    daemon.run_sleeper(&["--name", "foreign"]);
    let other = acquire(&daemon, &home, "of-another", &[]);
    let released = json(home.run(&["lease", "release", &id, "-O", "json"]));
    assert_eq!(
        (&released["ended"], &released["failed"]),
        (&true.into(), &0.into())
    );
    assert_eq!(released["results"]["deleted"], 3, "{released:#}");
    assert_eq!(daemon.containers(), ["before", "foreign", "of-another"]);
    let networks = daemon.names(&["network", "ls", "--format", "{{.Name}}"]);
    assert!(!networks.contains(&"net".to_owned()), "{networks:?}");
    let volumes = daemon.names(&["volume", "ls", "--quiet"]);
    assert_eq!(volumes.len(), 1, "the scratch of the other one stays");
    json(home.run(&["lease", "release", &other, "-O", "json"]));
    assert_eq!(daemon.containers(), ["before", "foreign"]);
    assert_eq!(
        daemon.names(&["volume", "ls", "--quiet"]),
        Vec::<String>::new()
    );
}

#[test]
fn a_lease_keeps_others_away_until_its_time_is_over_and_then_the_next_run_deletes() {
    let (daemon, home) = on_docker();
    let long = acquire(&daemon, &home, "long", &["--ttl", "1h"]);
    acquire(&daemon, &home, "short", &["--ttl", "2s"]);
    // As greedy as can be: whatever carries such a label, however young, running or not.
    let policy = ["--policy", "aggressive", "--set", "running-older-than=0s"];
    let scope = ["--label", "tbengine.run-id", "--min-age", "0s", "--force"];
    let greedy = || home.run(&[&["run", "--yes"], &policy[..], &scope].concat());
    eventually("its time has passed", || {
        home.statuses().contains(&"expired".to_owned())
    });
    let output = greedy();
    assert!(output.code == 0, "{output:?}");
    assert_eq!(daemon.containers(), ["long"], "{output:?}");
    json(home.run(&["lease", "release", &long, "-O", "json"]));
    assert_eq!(daemon.containers(), Vec::<String>::new());
}

/// Takes a lease of this process, with a configuration that names the daemon and nothing of the environment.
fn hold(config: &Path) -> Holding {
    let state = config.with_file_name("state");
    let text = |path: &Path| path.to_str().expect("its path is text").to_owned();
    let (config, state) = (text(config), text(&state));
    let program = Path::new(env!("CARGO_BIN_EXE_tbengine"));
    let look = ["--settle-time", "0s", "--backend", "docker"];
    let args = [&["--config", &config, "--state-dir", &state], &look[..]].concat();
    Holding::start(program, &args).expect("a lease")
}

fn configured(daemon: &Dockerd, home: &Home) -> std::path::PathBuf {
    let config = home.path("held.toml");
    let table = format!(
        "[backends.docker]\nkind = \"docker\"\nhost = \"{}\"\n",
        daemon.host()
    );
    std::fs::write(&config, table).expect("it is written");
    config
}

/// Waits until the process that holds a lease of this host has come to the end of its sweep.
fn wait_for_sweep(home: &Home) {
    let home = home.directory().to_str().expect("its path is text");
    let is_ours = |line: &str| line.contains("lease hold") && line.contains(home);
    eventually("the holder has ended", || processes(is_ours).is_empty());
}

/// Makes a container under a lease.
fn make(daemon: &Dockerd, id: &str, name: &str) {
    let label = format!("tbengine.run-id={id}");
    daemon.run_sleeper(&["--name", name, "--label", &label]);
}

#[test]
fn a_rust_program_releases_its_lease_and_learns_what_came_of_it() {
    let (daemon, home) = on_docker();
    let holding = hold(&configured(&daemon, &home));
    assert_eq!(holding.label(), ("tbengine.run-id", holding.id()));
    make(&daemon, holding.id(), "ours");
    daemon.run_sleeper(&["--name", "foreign"]);
    let released = holding.release().expect("an answer");
    assert!(
        released.ended && released.problems.is_empty(),
        "{released:?}"
    );
    assert_eq!(
        (released.deleted, released.failed, released.unproven),
        (1, 0, 1)
    );
    assert_eq!(daemon.containers(), ["foreign"]);
}

#[test]
fn a_rust_program_that_drops_its_lease_does_not_wait() {
    let (daemon, home) = on_docker();
    let holding = hold(&configured(&daemon, &home));
    make(&daemon, holding.id(), "ours");
    drop(holding);
    eventually("it is deleted", || daemon.containers().is_empty());
    wait_for_sweep(&home);
}

/// It is its own child: started again with a variable, it holds a lease until it is killed.
#[test]
fn what_a_rust_program_made_goes_when_the_program_is_killed() {
    if let Some(config) = std::env::var_os(CHILD) {
        let holding = hold(Path::new(&config));
        let mut error = std::io::stderr().lock();
        writeln!(error, "{}", holding.id()).expect("someone reads it");
        std::thread::sleep(std::time::Duration::from_secs(600));
        panic!("nobody killed this process");
    }
    let (daemon, home) = on_docker();
    let name = "guard::held::what_a_rust_program_made_goes_when_the_program_is_killed";
    let mut child = Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, configured(&daemon, &home))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut id = String::new();
    let mut told = BufReader::new(child.stderr.take().expect("a pipe"));
    told.read_line(&mut id).expect("the id");
    make(&daemon, id.trim(), "ours");
    daemon.run_sleeper(&["--name", "foreign"]);
    child.kill().expect("it is there");
    child.wait().expect("it ends");
    eventually("it is deleted", || daemon.containers() == ["foreign"]);
    wait_for_sweep(&home);
}

#[test]
fn without_tbengine_or_a_lease_a_rust_program_learns_why() {
    let missing = Holding::start(Path::new("/nowhere/tbengine"), &[]);
    let error = missing.expect_err("there is none");
    assert!(matches!(&error, HoldError::Start { .. }), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("failed to start `/nowhere/tbengine`")
    );
    let program = Path::new(env!("CARGO_BIN_EXE_tbengine"));
    let home = tempfile::tempdir().expect("a directory");
    let state = home.path().join("state");
    let state = state.to_str().expect("its path is text");
    let unfit = [
        "--run-id",
        "not/fit",
        "--backend",
        "memory",
        "--state-dir",
        state,
    ];
    let refused = Holding::start(program, &unfit);
    assert!(matches!(refused, Err(HoldError::Silent)), "{refused:?}");
}
