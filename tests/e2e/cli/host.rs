//! A home directory, a configuration and a way to run tbengine there.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

/// A user's home on a simulated host.
pub(crate) struct Host {
    home: TempDir,
    /// When the simulated host was left behind, in RFC 3339.
    pub(crate) since: String,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Host {
    /// A home with a memory backend that two processes find the same.
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// The same, with more keys in the table of the memory backend, and then other tables.
    pub(crate) fn with(more: &str) -> Self {
        tbengine_harness::surroundings::make_usual();
        let since = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let host = Self {
            home: tempfile::tempdir().unwrap(),
            since,
        };
        host.configure(more);
        host
    }

    /// Writes the configuration anew.
    pub(crate) fn configure(&self, more: &str) {
        let text = format!(
            "[backends.memory]\nkind = \"memory\"\nsince = \"{}\"\n{more}\n",
            self.since
        );
        self.write(".config/tbengine/tbengine.toml", &text);
    }

    /// Writes a file in the home directory.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The command, in the home directory, with nothing of this process' environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        tbengine_harness::surroundings::make_usual();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tbengine"));
        command
            .args(args)
            .env_clear()
            .env("HOME", self.home.path())
            // Compiled policies are the same for every test.
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs tbengine to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        self.run_with(args, &[])
    }

    /// The same, with variables in the environment.
    pub(crate) fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Ended {
        let mut command = self.command(args);
        command.envs(variables.iter().copied());
        Ended::from(command.output().unwrap())
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output
                .status
                .code()
                .unwrap_or_else(|| panic!("killed: {output:?}")),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn with_code(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// The standard output as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// The standard output as JSON lines.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<serde_json::Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "`{text}` is not in: {}",
            self.stderr
        );
        self
    }
}

/// What differs from run to run, taken out.
pub(crate) fn steady(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, name) in [
        (r"\d{4}-\d\d-\d\d__\d\d-\d\d-\d\d", "[stamp]"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]"),
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}",
            "[run]",
        ),
        (r"took \d+\.\d s", "took [duration]"),
        (r"it is \d+s old", "it is [age] old"),
        (r#"took-ms": \d+"#, r#"took-ms": "[ms]""#),
        (r#""digest": "[0-9a-f]{64}""#, r#""digest": "[digest]""#),
        (
            r#""configuration": "[0-9a-f]{64}""#,
            r#""configuration": "[configuration]""#,
        ),
    ] {
        text = regex::Regex::new(pattern)
            .unwrap()
            .replace_all(&text, name)
            .into_owned();
    }
    text
}

/// How many of these JSON lines are this event.
pub(crate) fn count(lines: &[serde_json::Value], event: &str) -> usize {
    lines.iter().filter(|line| line["event"] == event).count()
}

/// Waits for something that happens in another process.
#[track_caller]
pub(crate) fn eventually(holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "it did not happen in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}
