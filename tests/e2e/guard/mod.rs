//! `tbengine guard` on a real Docker: whatever becomes of the command, the guard or the reaper, what the
//! command made goes, and nothing else does.
//!
//! - `compose`: Docker Compose with BuildKit, as benchmarks use them
//! - `ends`: how the command may end, and what the guard answers
//! - `killed`: `kill -9` of the guard, the reaper and both
//! - `held`: leases that scripts and Rust programs take
//! - `owned`: whose resources are whose
//! - `signals`: signals, the terminal, process groups, orphans
//! - `gc`: units that finish while the command runs

pub(crate) mod compose;
mod ends;
mod gc;
mod held;
mod killed;
mod owned;
mod signals;

use std::os::unix::process::CommandExt as _;

use rustix::process::Pid;
use tbengine_dockerd::Dockerd;
use tbengine_harness::processes::keepers;
use tbengine_harness::{Ended, Home, Running, eventually};

/// A daemon, and a home where commands find their programs.
fn on_docker() -> (Dockerd, Home) {
    let (daemon, home) = crate::on_docker();
    (daemon, home.with_path())
}

/// Runs a script under a guard, to its end. Nothing is looked for twice, since the script has ended.
fn guard(home: &Home, options: &[&str], script: &str) -> Ended {
    let first = ["guard", "--settle-time", "100ms"];
    home.run(&[&first, options, &["--", "sh", "-c", script]].concat())
}

/// Starts a script under a guard, and waits until it has made its file `ready`.
fn start(home: &Home, options: &[&str], script: &str) -> Running {
    let first = ["guard", "--settle-time", "500ms"];
    let arguments = [&first, options, &["--", "sh", "-c", script]].concat();
    let mut command = home.command(&arguments);
    // The tests of one process are told apart by their groups.
    command.process_group(0);
    let running = Running::start(command);
    let ready = home.path("ready");
    eventually("the script is ready", || ready.exists());
    std::fs::remove_file(ready).expect("the file is ours");
    running
}

/// The process that holds a guard's lease and outlives it.
fn keeper(home: &Home, guard: &Running) -> Pid {
    let pid = guard.pid().as_raw_nonzero().get();
    let leases = home.leases();
    let ours = leases.iter().find(|lease| lease["holder"]["pid"] == pid);
    let id = ours.expect("a lease")["id"].as_str().expect("an id");
    *keepers(id).first().expect("a reaper")
}

/// A time to sleep that only this test of this process sleeps.
fn length(test: u32) -> String {
    format!("3100{test}.{}", std::process::id())
}

/// A script that makes a container of this name under the guard's lease.
fn making(name: &str) -> String {
    format!("docker run -d --name {name} busybox sleep 100000 >/dev/null")
}
