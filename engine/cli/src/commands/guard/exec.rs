//! Becomes the command, with a last word to the kernel: when the guard dies, the command is told to end.
//!
//! That is the reaper's job too, and it does it better; but the kernel does it at once, and also where
//! the reaper is gone.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// The first argument of a process that is to become the command.
pub(crate) const EXEC: &str = "guard-exec";

/// Becomes the command if the arguments of this process say so; otherwise `None`.
pub(crate) fn requested() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != EXEC {
        return None;
    }
    let parent = arguments.next()?.to_str()?.parse().ok()?;
    let command: Vec<OsString> = arguments.collect();
    Some(become_command(parent, &command))
}

fn become_command(parent: i32, command: &[OsString]) -> ExitCode {
    let Some((program, arguments)) = command.split_first() else {
        return ExitCode::from(2);
    };
    // The signal is tied to the thread that started this process; the guard does that from its main
    // thread, which lives as long as it does.
    set_parent_process_death_signal(Some(Signal::TERM)).ok();
    // If the guard died before, nothing would tell.
    if getppid() != Pid::from_raw(parent) {
        return ExitCode::from(128 + 15);
    }
    let error = Command::new(program).args(arguments).exec();
    let name = program.to_string_lossy();
    tell(&format!("failed to start `{name}`: {error}"));
    // As the shells and env(1) have it.
    ExitCode::from(match error.kind() {
        std::io::ErrorKind::NotFound => 127,
        _ => 126,
    })
}

fn tell(message: &str) {
    crate::output::console::Console::new(false, false, false).error(message, &[]);
}
