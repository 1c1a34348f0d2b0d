//! The program as an operator runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

/// The program as an operator runs it: in a home of its own, with nothing of the environment of the tests.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    cache: PathBuf,
    home: Arc<TempDir>,
    /// The address of the daemon itself.
    host: String,
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
        })
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
        command
    }
}
