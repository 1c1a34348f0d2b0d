//! A daemon, a home, and a guard that is under way.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tbengine_dockerd::Dockerd;
use tempfile::{TempDir, tempdir};

/// Whatever takes longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Where tbengine runs.
pub(crate) struct Host {
    pub(crate) daemon: Dockerd,
    pub(crate) home: TempDir,
}

impl Host {
    pub(crate) fn new() -> Self {
        match Dockerd::start() {
            Ok(daemon) => Self {
                daemon,
                home: tempdir().expect("a directory"),
            },
            Err(error) => panic!("{error}"),
        }
    }

    /// tbengine with these arguments, in a home of its own.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_in(self.home.path(), arguments)
    }

    pub(crate) fn command_in(&self, home: &Path, arguments: &[&str]) -> Command {
        tbengine_harness::surroundings::make_usual();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tbengine"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("DOCKER_HOST", self.daemon.host())
            .current_dir(home)
            .stdin(Stdio::null());
        command
    }

    /// Runs tbengine to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output();
        output.expect("the program starts")
    }

    /// Runs a script under a guard, to its end. Nothing is looked for twice, since the script has ended.
    pub(crate) fn guard(&self, options: &[&str], script: &str) -> Output {
        let first = ["guard", "--second-look", "100ms"];
        self.run(&[&first, options, &["--", "sh", "-c", script]].concat())
    }

    /// Starts a script under a guard, and waits until it has made its file `ready`.
    pub(crate) fn start(&self, options: &[&str], script: &str) -> Guarded<'_> {
        let first = ["guard", "--second-look", "500ms"];
        let arguments = [&first, options, &["--", "sh", "-c", script]].concat();
        let mut command = self.command(&arguments);
        // The tests of one process are told apart by their groups.
        command.process_group(0);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let guarded = Guarded {
            host: self,
            child: Some(child.expect("the program starts")),
        };
        let ready = self.home.path().join("ready");
        wait_until("the script is ready", || ready.exists());
        std::fs::remove_file(ready).expect("the file is ours");
        guarded
    }

    /// The names of the containers that exist, in order.
    pub(crate) fn containers(&self) -> Vec<String> {
        self.names(&["ps", "-a", "--format", "{{.Names}}"])
    }

    /// The lines that docker answers, in order.
    pub(crate) fn names(&self, arguments: &[&str]) -> Vec<String> {
        let names = self.daemon.docker(arguments);
        let mut names: Vec<String> = names.lines().map(str::to_owned).collect();
        names.sort();
        names
    }

    /// What `lease list` says.
    pub(crate) fn leases(&self) -> Vec<Value> {
        let output = self.run(&["lease", "list", "--output", "json"]);
        serde_json::from_slice(&output.stdout).expect("a list")
    }

    /// The standings of all leases.
    pub(crate) fn standings(&self) -> Vec<String> {
        let leases = self.leases();
        let standings = leases.iter().map(|lease| lease["standing"].as_str());
        standings
            .map(|word| word.expect("a word").to_owned())
            .collect()
    }
}

/// A guard that is under way.
pub(crate) struct Guarded<'a> {
    pub(crate) host: &'a Host,
    child: Option<Child>,
}

impl Guarded<'_> {
    /// Its number.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("it was not waited for"))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it is there");
        // The same signal sent once more before it was taken would be the same one to the kernel.
        wait_until("the signal is taken", || !is_pending(self.pid(), signal));
    }

    /// The reaper of this guard's lease.
    pub(crate) fn reaper(&self) -> Pid {
        let pid = self.pid().as_raw_nonzero().get();
        let leases = self.host.leases();
        let ours = leases.iter().find(|lease| lease["holder"]["pid"] == pid);
        let id = ours.expect("a lease")["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let found = processes(|line| line.contains("--adopt") && line.contains(&id));
        *found.first().expect("a reaper")
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let child = self.child.take().expect("it was not waited for");
        let output = child.wait_with_output().expect("it ends");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).expect("text"))
    }
}

impl Drop for Guarded<'_> {
    fn drop(&mut self) {
        // A test that fails leaves nothing running: the reaper sees to the rest.
        if let Some(child) = &mut self.child {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// Whether a process was sent a signal that it did not take yet.
fn is_pending(process: Pid, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero()));
    let status = status.unwrap_or_default();
    // One that has ended takes no more.
    let is_there = !status.contains("\nState:\tZ");
    let pending = status
        .lines()
        .find_map(|line| line.strip_prefix("ShdPnd:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    is_there && pending.is_some_and(|mask| mask & (1 << (signal.as_raw() - 1)) != 0)
}

/// The processes with such a command line; its arguments are separated by blanks.
pub(crate) fn processes(wanted: impl Fn(&str) -> bool) -> Vec<Pid> {
    let entries = std::fs::read_dir("/proc").expect("a list").flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers
        .filter(|number: &i32| {
            let line = std::fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
            wanted(&String::from_utf8_lossy(&line).replace('\0', " "))
        })
        .filter_map(Pid::from_raw)
        .collect()
}

/// Waits until something holds.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A time to sleep that only this test of this process sleeps.
pub(crate) fn length(test: u32) -> String {
    format!("3100{test}.{}", std::process::id())
}

/// A script that makes a container of this name under the guard's lease.
pub(crate) fn making(name: &str) -> String {
    format!("docker run -d --name {name} busybox sleep 100000 >/dev/null")
}
