//! What a process inherits from the one that started it: signals that are ignored, and the mask of new files.
//!
//! `nohup` starts the tests with SIGHUP ignored, a shell starts what is in the background with SIGINT and
//! SIGQUIT ignored, and a shell that is started like that cannot trap them. A service manager may have any
//! mask of files. The tests themselves start processes as a terminal would.

use std::fs;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Once};

use rustix::fs::Mode;
use signal_hook::consts::{SIGFPE, SIGILL, SIGKILL, SIGPIPE, SIGSEGV, SIGSTOP};

/// Signals up to this number have names; the others belong to the C library and to programs.
const LAST: i32 = 31;
/// Those that nobody can catch, and the one that Rust ignores in this process and gives back to the next.
const LEFT_ALONE: [i32; 6] = [SIGKILL, SIGSTOP, SIGILL, SIGFPE, SIGSEGV, SIGPIPE];

/// Makes what this process starts from now on inherit nothing unusual. Calling it again does nothing.
///
/// # Panics
/// If the system does not say which signals are ignored.
pub fn make_usual() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        rustix::process::umask(Mode::from_raw_mode(0o022));
        for signal in ignored() {
            // A signal that has a handler here is as usual again in whatever is executed. The handler keeps
            // this process from being ended by a signal that it was set to ignore.
            let caught = signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)));
            caught.unwrap_or_else(|error| panic!("signal {signal} cannot be caught: {error}"));
        }
    });
}

/// The signals that this process ignores.
fn ignored() -> Vec<i32> {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells of each process");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let mask = mask.expect("Linux tells which signals are ignored");
    (1..=LAST)
        .filter(|signal| mask & (1 << (signal - 1)) != 0 && !LEFT_ALONE.contains(signal))
        .collect()
}
