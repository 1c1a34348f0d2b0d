//! Runs tbengine in a home of its own, and kills it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The program, and where it keeps its state.
pub(crate) struct Program {
    path: PathBuf,
    cache: PathBuf,
    home: TempDir,
    environment: Vec<(String, String)>,
}

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// So long after its start.
    After(Duration),
    /// Once it has written so many events.
    Events(usize),
}

impl Program {
    /// The program at a path, with variables, in a new home.
    pub(crate) fn new(path: &Path, cache: &Path, environment: &[(&str, &str)]) -> Self {
        tbengine_harness::surroundings::make_usual();
        Self {
            path: path.to_owned(),
            cache: cache.to_owned(),
            home: tempfile::tempdir().expect("a directory can be made"),
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    /// Where it is at home.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("XDG_CACHE_HOME", &self.cache)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    /// Starts it, with its standard output to be read.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().expect("the program starts")
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .output()
            .expect("the program starts")
    }

    /// Runs it, and kills it at this moment. Answers whether it was still there to be killed.
    pub(crate) fn kill(&self, arguments: &[&str], moment: Moment) -> bool {
        let mut child = self.start(arguments);
        let output = child.stdout.take().expect("its output is a pipe");
        match moment {
            Moment::After(wait) => {
                // Read all the time, so that it never waits for its reader.
                let reader = std::thread::spawn(|| BufReader::new(output).lines().count());
                let until = Instant::now() + wait;
                while Instant::now() < until {
                    std::thread::sleep(Duration::from_micros(200));
                }
                let alive = child.try_wait().expect("it can be waited for").is_none();
                child.kill().ok();
                child.wait().expect("it ends");
                reader.join().ok();
                alive
            }
            Moment::Events(count) => {
                let mut lines = BufReader::new(output).lines();
                let seen = lines.by_ref().take(count).count();
                let alive = child.try_wait().expect("it can be waited for").is_none();
                child.kill().ok();
                child.wait().expect("it ends");
                alive && seen == count
            }
        }
    }

    /// Runs it to its end with its results as JSON. Answers them with the exit code.
    pub(crate) fn json(&self, arguments: &[&str]) -> (Value, i32) {
        let output = self.run(&[arguments, &["--output", "json"]].concat());
        let code = output.status.code().unwrap_or(-1);
        let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            let stderr = String::from_utf8_lossy(&output.stderr);
            panic!("{arguments:?} ended with {code} and {error}: {stderr}")
        });
        (value, code)
    }
}
