//! Why a daemon could not be started, and why a command failed.

/// Why no private daemon could be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A program is not installed.
    #[error("`{program}` is not installed; these tests need Debian's packages {packages}")]
    Missing {
        /// The program.
        program: &'static str,
        /// The packages that hold all programs.
        packages: &'static str,
    },
    /// The process may not make namespaces and mounts.
    #[error("a private dockerd needs root: run the tests as root, or in a privileged container")]
    NotRoot,
    /// Files or processes could not be made.
    #[error("could not {what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The daemon did not answer in time.
    #[error("dockerd did not answer within {} s; its log ends with:\n{log}", crate::daemon::START_TIMEOUT.as_secs())]
    Silent {
        /// The end of its log.
        log: String,
    },
    /// The docker command failed.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// A docker command that failed.
#[derive(Debug, thiserror::Error)]
#[error("`docker {arguments}` failed: {stderr}")]
pub struct CommandError {
    /// Its arguments.
    pub arguments: String,
    /// What it wrote to standard error.
    pub stderr: String,
}
