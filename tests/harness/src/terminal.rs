//! A terminal, for what is asked there.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command, Stdio};

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::ended::{Ended, text};

/// The two ends of a terminal: the user, and what runs on it.
///
/// # Panics
/// If the system has none.
pub fn open() -> (File, OwnedFd) {
    let master: OwnedFd =
        openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
    grantpt(&master).expect("it is ours");
    unlockpt(&master).expect("it is ours");
    let name = ptsname(&master, Vec::new()).expect("it has a name");
    let slave = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NOCTTY.bits().cast_signed())
        .open(name.into_string().expect("its name is text"));
    let slave = slave.expect("the other end is there");
    (File::from(master), slave.into())
}

/// All that is shown on a terminal until nobody holds its other end.
pub fn read_to_end(mut master: File) -> Vec<u8> {
    let mut shown = Vec::new();
    let mut buffer = [0; 4096];
    // Linux ends the reading of a terminal that nobody holds with an error.
    while let Ok(read @ 1..) = master.read(&mut buffer) {
        shown.extend_from_slice(&buffer[..read]);
    }
    shown
}

/// Starts a command that leads the session of a terminal, as `ssh -t` does: what is typed there, Ctrl-C as well,
/// reaches it and what it starts.
///
/// # Panics
/// If it cannot be started.
pub fn lead_session(command: &Command, terminal: OwnedFd) -> Child {
    let mut leader = Command::new("setsid");
    leader
        .args(["--ctty", "--wait"])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    if let Some(directory) = command.get_current_dir() {
        leader.current_dir(directory);
    }
    let share = || terminal.try_clone().expect("it is open");
    leader
        .stdin(Stdio::from(share()))
        .stdout(Stdio::from(share()));
    leader.stderr(Stdio::from(terminal));
    leader.spawn().expect("setsid (Debian: util-linux) starts")
}

/// Runs a command with a terminal for its standard input and error, and types this.
///
/// # Panics
/// If it cannot be started.
#[track_caller]
pub fn run(mut command: Command, typed: &str) -> Ended {
    let (mut master, terminal) = open();
    let error = terminal.try_clone().expect("it is open");
    let child = command
        .stdin(Stdio::from(terminal))
        .stderr(Stdio::from(error))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // The command holds the other ends; with it they go.
    drop(command);
    master.write_all(typed.as_bytes()).expect("somebody reads");
    let shown = read_to_end(master);
    let mut ended = Ended::from(child.wait_with_output().expect("it ends"));
    ended.stderr = text(shown);
    ended
}
