//! Why there is no environment, and why a command failed.

/// Why there is no environment with the packages.
#[derive(Debug, thiserror::Error)]
pub enum VenvError {
    /// No installed Python is new enough.
    #[error("the tests need Python 3.{minor} or later, with venv and pip")]
    NoPython {
        /// The oldest minor version that will do.
        minor: u32,
    },
    /// A command could not be started, or failed.
    #[error("{hint}: {command}: {how}")]
    Command {
        /// The command.
        command: String,
        /// How it ended, and what it wrote.
        how: String,
        /// What to do about it.
        hint: String,
    },
}
