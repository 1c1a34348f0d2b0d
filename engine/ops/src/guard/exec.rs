//! Replaces this process by the command, and has the kernel send it a signal when the guard dies.
//!
//! That is the reaper's job too, and it does it better; but the kernel does it at once, and also where
//! the reaper is gone.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// The first argument of a process that is to become the command.
pub const EXEC: &str = "guard-exec";

/// Why this process did not become the command.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// No command was named.
    #[error("there is no command")]
    NoCommand,
    /// The guard died before.
    #[error("the guard is gone")]
    GuardGone,
    /// The command cannot be started.
    #[error("failed to start `{program}`: {source}")]
    Start {
        /// The command.
        program: String,
        /// Why.
        source: io::Error,
    },
}

impl ExecError {
    /// The exit code that says it, as the shells and env(1) have it.
    pub fn code(&self) -> u8 {
        match self {
            ExecError::NoCommand => 2,
            ExecError::GuardGone => 128 + 15,
            ExecError::Start { source, .. } if source.kind() == io::ErrorKind::NotFound => 127,
            ExecError::Start { .. } => 126,
        }
    }
}

/// Becomes the command if the arguments of this process, without its own name, say so; otherwise `None`. It only
/// returns if it could not.
///
/// A program that guards must ask this first of all: it is what its guard starts.
pub fn requested(arguments: impl IntoIterator<Item = OsString>) -> Option<ExecError> {
    let mut arguments = arguments.into_iter();
    if arguments.next()? != EXEC {
        return None;
    }
    let parent = arguments.next()?.to_str()?.parse().ok()?;
    let command: Vec<OsString> = arguments.collect();
    Some(become_command(parent, &command))
}

fn become_command(parent: i32, command: &[OsString]) -> ExecError {
    let Some((program, arguments)) = command.split_first() else {
        return ExecError::NoCommand;
    };
    // The signal is tied to the thread that started this process; the guard does that from its main
    // thread, which lives as long as it does.
    set_parent_process_death_signal(Some(Signal::TERM)).ok();
    // If the guard died before, there would be no signal.
    if getppid() != Pid::from_raw(parent) {
        return ExecError::GuardGone;
    }
    let source = Command::new(program).args(arguments).exec();
    ExecError::Start {
        program: program.to_string_lossy().into_owned(),
        source,
    }
}
