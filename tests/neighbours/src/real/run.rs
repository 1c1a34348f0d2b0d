//! A run of the program.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::clock::Clock;
use super::program::Program;
use super::proxy::Proxy;
use crate::act::PolicyName;
use crate::entitled::{Command, bounds};

/// Whatever takes longer never ends.
const NEVER_ENDS: Duration = Duration::from_secs(120);

/// A run of the program, under way or ended.
#[derive(Debug)]
pub struct Run {
    /// What the operator said.
    pub command: Command,
    /// When it began.
    pub began: Instant,
    /// The plan that was saved before, if it applies one.
    pub saved: Option<Saved>,
    child: Child,
    /// What it writes to its standard output; to its standard error with another ending.
    output: PathBuf,
}

/// A plan that was saved.
#[derive(Clone, Debug)]
pub struct Saved {
    /// When it was being made.
    pub during: (Instant, Instant),
    /// What it names, where that is known.
    pub names: Option<BTreeSet<String>>,
}

/// How a run ended.
#[derive(Debug)]
pub struct End {
    /// Its exit code; `None` if it was killed.
    pub code: Option<i32>,
    /// What it wrote to its standard output.
    pub report: Value,
    /// What it wrote to its standard error.
    pub errors: String,
}

/// The flags that compress the ages of a policy.
pub fn flags(command: Command, clock: &Clock) -> Vec<String> {
    let name = match command.policy {
        PolicyName::Default => "default",
        PolicyName::Aggressive => "aggressive",
        PolicyName::Harbor => "harbor",
        PolicyName::TerminalBench => "terminal-bench",
    };
    let bounds = bounds(command.policy);
    let age = |story: u64| format!("{}ms", clock.really(story).as_millis());
    [
        "--policy".to_owned(),
        name.to_owned(),
        "--min-age".to_owned(),
        age(command.min_age),
        "--set".to_owned(),
        format!("dead-older-than={}", age(bounds.ended)),
        "--set".to_owned(),
        format!("running-older-than={}", age(bounds.running)),
        "--retry-delay".to_owned(),
        "20ms".to_owned(),
        // A fault of the story is none of the resource.
        "--quarantine-after".to_owned(),
        "0".to_owned(),
    ]
    .into()
}

impl Run {
    /// Starts the program with these arguments.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(
        program: &Program,
        proxy: &Proxy,
        arguments: &[String],
        command: Command,
        saved: Option<Saved>,
        number: u32,
    ) -> Result<Self, String> {
        let output = program.home().join(format!("run-{number}.json"));
        let file = |path: &PathBuf| File::create(path).map_err(|error| error.to_string());
        let began = Instant::now();
        let child = program
            .command(arguments)
            .env("DOCKER_HOST", format!("unix://{}", proxy.socket.display()))
            .stdout(file(&output)?)
            .stderr(file(&output.with_extension("log"))?)
            .spawn()
            .map_err(|error| format!("the program cannot be started: {error}"))?;
        Ok(Self {
            command,
            began,
            saved,
            child,
            output,
        })
    }

    /// Kills it, if it is still there.
    pub fn kill(&mut self) {
        self.child.kill().ok();
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// If that does not come.
    pub fn wait(&mut self) -> Result<End, String> {
        let deadline = Instant::now() + NEVER_ENDS;
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                _ => {
                    self.kill();
                    self.child.wait().ok();
                    return Err("N6: a run never ended".into());
                }
            }
        };
        let read = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
        Ok(End {
            code: status.code(),
            report: serde_json::from_str(&read(self.output.clone())).unwrap_or_default(),
            errors: read(self.output.with_extension("log")),
        })
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.kill();
        self.child.wait().ok();
    }
}
