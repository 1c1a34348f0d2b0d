//! Watching the program's system calls, failing one of them and ending the program at one, by strace.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::ended::text;
use crate::home::Home;
use crate::system_call::SystemCall;

/// How the system calls of the program's main thread are watched. Nothing but the commands' runtime of one thread
/// works there, so the same command makes the same calls in the same order each time.
#[derive(Clone, Debug)]
pub struct Strace {
    options: Vec<String>,
}

/// What happens to a system call instead of what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injected {
    /// The process is killed before the call takes place.
    Kill,
    /// The call fails with an error of this name, like `EIO`, and has no effect.
    Error(&'static str),
}

/// How a program ended whose system calls were watched.
#[derive(Debug)]
pub struct Traced {
    /// Its exit code; `None` if it was killed.
    pub code: Option<i32>,
    /// What it wrote to the standard output.
    pub stdout: String,
    /// What it wrote to the standard error.
    pub stderr: String,
    /// The calls, in their order.
    pub calls: Vec<SystemCall>,
}

impl Strace {
    /// Watches these calls. A name that the processor's architecture does not know is none.
    pub fn of(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| format!("?{name}")).collect();
        let watched = format!("trace={}", names.join(","));
        // Each descriptor is shown with its file. Of signals only the one that ends the process.
        let options = ["-q", "-y", "-e", "signal=KILL", "-s", "0", "-e", &watched];
        Self {
            options: options.map(str::to_owned).into(),
        }
    }

    /// The same of calls about one file alone.
    #[must_use]
    pub fn about(self, file: &Path) -> Self {
        self.with(["-P".to_owned(), file.display().to_string()])
    }

    /// The same with so many bytes of each buffer.
    #[must_use]
    pub fn showing(self, bytes: usize) -> Self {
        self.with(["-s".to_owned(), bytes.to_string()])
    }

    /// The same, and something happens to the call of a name that is the nth of those that are watched.
    #[must_use]
    pub fn injecting(self, what: Injected, name: &str, nth: usize) -> Self {
        let what = match what {
            Injected::Kill => "signal=KILL".to_owned(),
            Injected::Error(error) => format!("error={error}"),
        };
        self.with(["-e".to_owned(), format!("inject={name}:{what}:when={nth}")])
    }

    fn with(mut self, options: [String; 2]) -> Self {
        self.options.extend(options);
        self
    }

    /// Runs the program in a home, to its end.
    ///
    /// # Panics
    /// If it cannot be watched on this machine.
    #[track_caller]
    pub fn run(&self, home: &Home, args: &[&str]) -> Traced {
        let log = tempfile::NamedTempFile::new().expect("a file can be made");
        let program = home.command(args);
        let mut command = Command::new("strace");
        command
            .args(&self.options)
            .arg("-o")
            .arg(log.path())
            .arg("--")
            .arg(program.get_program())
            .args(program.get_args())
            .env_clear()
            .stdin(Stdio::null());
        let variables = program.get_envs();
        command.envs(variables.filter_map(|(name, value)| Some((name, value?))));
        if let Some(directory) = program.get_current_dir() {
            command.current_dir(directory);
        }
        let output = command.output().unwrap_or_else(|error| {
            panic!("strace cannot be started, which `tests/run` installs: {error}")
        });
        let log = std::fs::read(log.path()).expect("the log can be read");
        let log = String::from_utf8_lossy(&log);
        let stderr = text(output.stderr);
        // strace ends as the program did, and says so.
        let end = log.lines().last().unwrap_or_default();
        assert!(
            end.starts_with("+++ "),
            "strace cannot watch the program on this machine: {stderr}\n{end}"
        );
        Traced {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr,
            calls: log.lines().filter_map(SystemCall::parse).collect(),
        }
    }
}
