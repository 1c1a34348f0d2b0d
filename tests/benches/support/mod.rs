//! The program under measurement, the rows that are printed, and in `service` a cloud to clean up.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each benchmark uses a part of this module"
)]

pub mod service;

use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The cargo that runs the benchmark. A user's environment has no `CARGO_MANIFEST_DIR`; where that changes, `ring`
/// and all that stands on it are built anew, each time in the other direction.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    cargo.env_remove("CARGO_MANIFEST_DIR");
    cargo
}

/// The release build of tbengine, and where it keeps its state: never among the user's own.
pub struct Program(PathBuf, TempDir);

impl Program {
    /// Builds it.
    pub fn build() -> Self {
        let output = cargo()
            .args([
                "build",
                "--release",
                "--locked",
                "-p",
                "tbengine",
                "--message-format",
                "json",
            ])
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "tbengine does not build");
        let executable = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|message| message["target"]["name"] == "tbengine")
            .find_map(|message| message["executable"].as_str().map(PathBuf::from))
            .expect("cargo names the executable");
        let place = tempfile::tempdir().expect("a directory");
        // A copy, so that another build in the middle of a long measurement does not take it away.
        let copy = place.path().join("program");
        std::fs::copy(executable, &copy).expect("the program can be copied");
        Self(copy, place)
    }

    /// Where it is.
    pub fn path(&self) -> &std::path::Path {
        &self.0
    }

    /// The command with these arguments.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.0);
        command
            .args(arguments)
            .env("XDG_STATE_HOME", self.1.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs it, and gives the most memory it held, in bytes. Looking so often slows it down.
    pub fn peak(&self, arguments: &[&str], environment: &[(&str, &str)]) -> u64 {
        let mut child = self
            .command(arguments)
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tbengine starts");
        let mut peak = 0;
        let status = loop {
            peak = peak.max(memory_of(child.id()));
            match child.try_wait().expect("tbengine can be waited for") {
                Some(status) => break status,
                None => std::thread::sleep(Duration::from_micros(500)),
            }
        };
        let mut stderr = Vec::new();
        if let Some(mut pipe) = child.stderr.take() {
            std::io::Read::read_to_end(&mut pipe, &mut stderr).expect("its messages can be read");
        }
        succeeded(arguments, status, &stderr);
        peak
    }

    /// Runs it undisturbed, and gives how long that took.
    pub fn time(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Duration {
        let begin = Instant::now();
        let output = self
            .command(arguments)
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .output()
            .expect("tbengine starts");
        let took = begin.elapsed();
        succeeded(arguments, output.status, &output.stderr);
        took
    }
}

fn succeeded(arguments: &[&str], status: ExitStatus, stderr: &[u8]) {
    let stderr = String::from_utf8_lossy(stderr);
    assert!(
        status.success(),
        "tbengine {arguments:?} ended with {status}: {stderr}"
    );
}

fn memory_of(process: u32) -> u64 {
    std::fs::read_to_string(format!("/proc/{process}/status"))
        .ok()
        .and_then(|status| {
            let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .map_or(0, |kibibytes| kibibytes * 1024)
}

/// The middle one.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Prints one comparison.
pub fn row(name: &str, ours: Duration, theirs: Duration, target: f64) {
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    let verdict = if ratio <= target { "" } else { "  MISSED" };
    println!(
        "{name:<58} {:>9.3}s {:>9.3}s {ratio:>7.2} {:>8.1}x{verdict}",
        ours.as_secs_f64(),
        theirs.as_secs_f64(),
        target
    );
}

/// Prints one figure beside its target.
pub fn figure(name: &str, value: f64, unit: &str, target: f64, at_most: bool) {
    let met = if at_most {
        value <= target
    } else {
        value >= target
    };
    let sign = if at_most { "<=" } else { ">=" };
    let verdict = if met { "" } else { "  MISSED" };
    println!("{name:<58} {value:>12.2} {unit:<8} {sign} {target}{verdict}");
}

/// The number after a word on the command line.
pub fn argument(word: &str, otherwise: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != word);
    arguments.nth(1).map_or(otherwise, |number| {
        number.parse().expect("a number follows")
    })
}
