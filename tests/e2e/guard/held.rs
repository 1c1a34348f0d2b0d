//! Leases in the hands of others: a script that takes one, and a Rust program that holds one.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tbengine_ops::{HoldError, Holding};

use crate::guard::host::{Host, processes, wait_until};

/// Where a child of these tests finds the configuration that it takes a lease with.
const CHILD: &str = "HOLDS_A_LEASE_WITH";

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Takes a lease as a script does, and makes a container of this name under it.
fn acquire(host: &Host, name: &str, options: &[&str]) -> String {
    let output = host.run(&[&["lease", "acquire"], options].concat());
    assert!(output.status.success(), "{output:?}");
    let id = String::from_utf8(output.stdout).expect("text");
    let label = format!("tbengine.run-id={}", id.trim());
    let options = ["--name", name, "--label", &label, "--volume", "/scratch"];
    host.daemon.run_sleeper(&options);
    id.trim().to_owned()
}

#[test]
fn releasing_a_lease_deletes_what_was_made_under_it_and_nothing_else() {
    let host = Host::new();
    host.daemon
        .run_sleeper(&["--name", "before", "--label", "team=evals"]);
    let id = acquire(&host, "ours", &["--label", "team=evals"]);
    host.daemon
        .run_sleeper(&["--name", "named", "--label", "team=evals"]);
    host.daemon
        .create_network("net", &["--label", "team=evals"]);
    host.daemon.run_sleeper(&["--name", "foreign"]);
    let other = acquire(&host, "of-another", &[]);
    let released = json(&host.run(&["lease", "release", &id, "-O", "json"]));
    assert_eq!(
        (&released["ended"], &released["failed"]),
        (&true.into(), &0.into())
    );
    assert_eq!(released["results"]["deleted"], 3, "{released:#}");
    assert_eq!(host.containers(), ["before", "foreign", "of-another"]);
    let networks = host.names(&["network", "ls", "--format", "{{.Name}}"]);
    assert!(!networks.contains(&"net".to_owned()), "{networks:?}");
    let volumes = host.names(&["volume", "ls", "--quiet"]);
    assert_eq!(volumes.len(), 1, "the scratch of the other one stays");
    json(&host.run(&["lease", "release", &other, "-O", "json"]));
    assert_eq!(host.containers(), ["before", "foreign"]);
    assert_eq!(
        host.names(&["volume", "ls", "--quiet"]),
        Vec::<String>::new()
    );
}

#[test]
fn a_lease_keeps_others_away_until_its_time_is_over_and_then_the_next_run_deletes() {
    let host = Host::new();
    let long = acquire(&host, "long", &["--ttl", "1h"]);
    acquire(&host, "short", &["--ttl", "2s"]);
    // As greedy as can be: whatever carries such a label, however young, running or not.
    let policy = ["--policy", "aggressive", "--set", "running-older-than=0s"];
    let scope = ["--label", "tbengine.run-id", "--min-age", "0s", "--force"];
    let greedy = || host.run(&[&["run", "--yes"], &policy[..], &scope].concat());
    wait_until("its time is over", || {
        host.standings().contains(&"over".to_owned())
    });
    let output = greedy();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(host.containers(), ["long"], "{output:?}");
    json(&host.run(&["lease", "release", &long, "-O", "json"]));
    assert_eq!(host.containers(), Vec::<String>::new());
}

/// Takes a lease of this process, with a configuration that names the daemon and nothing of the environment.
fn hold(config: &Path) -> Holding {
    let state = config.with_file_name("state");
    let text = |path: &Path| path.to_str().expect("its path is text").to_owned();
    let (config, state) = (text(config), text(&state));
    let program = Path::new(env!("CARGO_BIN_EXE_tbengine"));
    let look = ["--second-look", "0s", "--backend", "docker"];
    let args = [&["--config", &config, "--state-dir", &state], &look[..]].concat();
    Holding::start(program, &args).expect("a lease")
}

fn configured(host: &Host) -> std::path::PathBuf {
    let config = host.home.path().join("held.toml");
    let table = format!(
        "[backends.docker]\nkind = \"docker\"\nhost = \"{}\"\n",
        host.daemon.host()
    );
    std::fs::write(&config, table).expect("it is written");
    config
}

/// Waits until the process that holds a lease of this host has come to the end of its sweep.
fn wait_for_sweep(host: &Host) {
    let home = host.home.path().to_str().expect("its path is text");
    let is_ours = |line: &str| line.contains("lease hold") && line.contains(home);
    wait_until("the holder has ended", || processes(is_ours).is_empty());
}

/// Makes a container under a lease.
fn make(host: &Host, id: &str, name: &str) {
    let label = format!("tbengine.run-id={id}");
    host.daemon
        .run_sleeper(&["--name", name, "--label", &label]);
}

#[test]
fn a_rust_program_releases_its_lease_and_learns_what_came_of_it() {
    let host = Host::new();
    let holding = hold(&configured(&host));
    assert_eq!(holding.label(), ("tbengine.run-id", holding.id()));
    make(&host, holding.id(), "ours");
    host.daemon.run_sleeper(&["--name", "foreign"]);
    let released = holding.release().expect("an answer");
    assert!(
        released.ended && released.problems.is_empty(),
        "{released:?}"
    );
    assert_eq!(
        (released.deleted, released.failed, released.unproven),
        (1, 0, 1)
    );
    assert_eq!(host.containers(), ["foreign"]);
}

#[test]
fn a_rust_program_that_drops_its_lease_does_not_wait() {
    let host = Host::new();
    let holding = hold(&configured(&host));
    make(&host, holding.id(), "ours");
    drop(holding);
    wait_until("it is deleted", || host.containers().is_empty());
    wait_for_sweep(&host);
}

/// It is its own child: started again with a variable, it holds a lease until it is killed.
#[test]
fn what_a_rust_program_made_goes_when_the_program_is_killed() {
    if let Some(config) = std::env::var_os(CHILD) {
        let holding = hold(Path::new(&config));
        let mut error = std::io::stderr().lock();
        writeln!(error, "{}", holding.id()).expect("somebody reads it");
        std::thread::sleep(std::time::Duration::from_secs(600));
        panic!("nobody killed this process");
    }
    let host = Host::new();
    let name = "guard::held::what_a_rust_program_made_goes_when_the_program_is_killed";
    let mut child = Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, configured(&host))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut id = String::new();
    let mut told = BufReader::new(child.stderr.take().expect("a pipe"));
    told.read_line(&mut id).expect("the id");
    make(&host, id.trim(), "ours");
    host.daemon.run_sleeper(&["--name", "foreign"]);
    child.kill().expect("it is there");
    child.wait().expect("it ends");
    wait_until("it is deleted", || host.containers() == ["foreign"]);
    wait_for_sweep(&host);
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
