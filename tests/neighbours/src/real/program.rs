//! The program as an operator runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

/// The program as an operator runs it: in a home of its own, with nothing of the environment of the tests.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    cache: PathBuf,
    home: Arc<TempDir>,
    /// The address of the daemon itself.
    host: String,
    clock: Option<String>,
}

impl Program {
    /// The program at a path, in a new home, with compiled policies in a directory.
    ///
    /// # Errors
    /// If no home can be made.
    pub fn new(path: &Path, cache: &Path, host: String) -> std::io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            cache: cache.to_owned(),
            home: Arc::new(tempfile::tempdir()?),
            host,
            clock: None,
        })
    }

    /// The same program of another user, who has a home of their own.
    ///
    /// # Errors
    /// If no home can be made.
    pub fn of_another(&self) -> std::io::Result<Self> {
        Self::new(&self.path, &self.cache, self.host.clone())
    }

    /// Sets the clock of what is started from now on apart from that of the machine, forwards or back.
    pub fn set_clock(&mut self, ahead: Duration, is_ahead: bool) {
        let sign = if is_ahead { '+' } else { '-' };
        self.clock = Some(format!("{sign}{:.3}", ahead.as_secs_f64()));
    }

    /// Sets the clock right again.
    pub fn reset_clock(&mut self) {
        self.clock = None;
    }

    /// Whether its clock is that of the machine.
    pub fn is_in_time(&self) -> bool {
        self.clock.is_none()
    }

    /// Its home.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The address of the daemon itself.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// A command with these arguments, which speaks to the daemon itself.
    pub fn command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home())
            .env("XDG_CACHE_HOME", &self.cache)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("DOCKER_HOST", &self.host)
            .current_dir(self.home())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let (Some(clock), Some(library)) = (&self.clock, faketime()) {
            command
                .env("LD_PRELOAD", library)
                .env("FAKETIME", clock)
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                // A program that is killed would leave it.
                .env("FAKETIME_DISABLE_SHM", "1");
        }
        command
    }
}

/// The library that sets the clock of a program, where the package `faketime` is installed.
pub fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?;
    let mut libraries = folders.flatten().map(|folder| folder.path());
    libraries.find_map(|folder| {
        let library = folder.join("faketime/libfaketime.so.1");
        library.is_file().then_some(library)
    })
}
