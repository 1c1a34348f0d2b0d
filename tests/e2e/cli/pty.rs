//! A terminal, for what is asked there.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::cli::host::Ended;

/// Runs a command with a terminal for its standard input and error, and types this.
pub(crate) fn run(mut command: Command, typed: &str) -> Ended {
    let master: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let name = name.into_string().unwrap();
    let terminal = || {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(&name)
            .unwrap()
    };

    let child = command
        .stdin(Stdio::from(terminal()))
        .stderr(Stdio::from(terminal()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The command holds the other ends; with it they go.
    drop(command);
    let mut master = File::from(master);
    master.write_all(typed.as_bytes()).unwrap();
    let mut shown = Vec::new();
    let mut buffer = [0; 4096];
    // Linux ends the reading of a terminal that nobody holds with an error.
    while let Ok(read @ 1..) = master.read(&mut buffer) {
        shown.extend_from_slice(&buffer[..read]);
    }
    let output = child.wait_with_output().unwrap();
    let mut ended = Ended::from(output);
    ended.stderr = String::from_utf8(shown).unwrap();
    ended
}
