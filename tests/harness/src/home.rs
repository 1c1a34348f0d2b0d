//! A home directory, and the program there.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

use crate::ended::Ended;
use crate::running::Running;
use crate::surroundings;

/// A user's home, in which the program finds nothing of the tests' own environment.
#[derive(Debug)]
pub struct Home {
    program: PathBuf,
    place: TempDir,
    variables: Vec<(OsString, OsString)>,
    /// When it was made, in RFC 3339: since then the simulated provider of [`Home::memory`] has been left to itself.
    pub since: String,
}

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// So long after its start.
    After(Duration),
    /// Once it has written so many lines.
    Lines(usize),
}

/// The home of the program that cargo builds for the package of this test.
#[macro_export]
macro_rules! home {
    () => {
        $crate::Home::new(
            ::std::path::Path::new(env!("CARGO_BIN_EXE_tbengine")),
            ::std::path::Path::new(env!("CARGO_TARGET_TMPDIR")),
        )
    };
}

impl Home {
    /// An empty home of the program at a path. Compiled policies are the same for every test, so the cache is shared.
    ///
    /// # Panics
    /// If no directory can be made.
    pub fn new(program: &Path, cache: &Path) -> Self {
        surroundings::make_usual();
        let since = humantime::format_rfc3339_seconds(SystemTime::now());
        let home = Self {
            program: program.to_owned(),
            place: tempfile::tempdir().expect("a directory can be made"),
            variables: Vec::new(),
            since: since.to_string(),
        };
        home.var("XDG_CACHE_HOME", cache)
    }

    /// The same with a variable in the environment.
    #[must_use]
    pub fn var(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.into(), value.as_ref().into()));
        self
    }

    /// The same where programs are found, for what starts some.
    #[must_use]
    pub fn with_path(self) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        self.var("PATH", path)
    }

    /// The same with a Docker daemon at an address.
    #[must_use]
    pub fn docker(self, host: &str) -> Self {
        self.var("DOCKER_HOST", host)
    }

    /// The same with a simulated provider that two processes find alike. What is given are more keys of its table,
    /// and then other tables.
    #[must_use]
    pub fn memory(self, more: &str) -> Self {
        self.configure(more);
        self
    }

    /// Writes the configuration of [`Home::memory`] anew.
    pub fn configure(&self, more: &str) {
        let text = format!(
            "[backends.memory]\nkind = \"memory\"\nsince = \"{}\"\n{more}\n",
            self.since
        );
        self.write(".config/tbengine/tbengine.toml", &text);
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        self.place.path()
    }

    /// Where a file in it is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    /// Writes a file in it.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        let parent = path.parent().expect("it lies in a directory");
        std::fs::create_dir_all(parent).expect("a directory can be made");
        std::fs::write(&path, text).expect("a file can be written");
        path
    }

    /// The text of a file in it.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn read(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.path(name));
        text.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The program with these arguments, in this home.
    pub fn command(&self, args: &[&str]) -> Command {
        surroundings::make_usual();
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .env_clear()
            .env("HOME", self.directory())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.directory())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Ended {
        self.run_with(args, &[])
    }

    /// The same, with other variables in its environment.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Ended {
        let mut command = self.command(args);
        command.envs(variables.iter().copied());
        Ended::from(command.output().expect("the program starts"))
    }

    /// Runs the program to its end with its results as JSON. Answers them with the exit code.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> (Value, i32) {
        let ended = self.run(&[args, &["--output", "json"]].concat());
        (ended.json(), ended.code)
    }

    /// Starts the program.
    pub fn start(&self, args: &[&str]) -> Running {
        Running::start(self.command(args))
    }

    /// Starts the program and kills it. Answers whether it was still there to be killed.
    pub fn kill(&self, args: &[&str], moment: Moment) -> bool {
        let mut running = self.start(args);
        let has_come = match moment {
            Moment::After(wait) => {
                std::thread::sleep(wait);
                true
            }
            Moment::Lines(count) => running.await_lines(count),
        };
        has_come && running.kill()
    }

    /// What `lease list` says.
    #[track_caller]
    pub fn leases(&self) -> Vec<Value> {
        let (leases, _) = self.json(&["lease", "list"]);
        leases.as_array().expect("a list").clone()
    }

    /// The statuses of all leases.
    ///
    /// # Panics
    /// If one has none.
    #[track_caller]
    pub fn statuses(&self) -> Vec<String> {
        let leases = self.leases();
        let statuses = leases.iter().map(|lease| lease["status"].as_str());
        statuses
            .map(|word| word.expect("a word").to_owned())
            .collect()
    }
}
