//! Looking for processes.

use std::fs;

use rustix::process::{Pid, Signal};

/// The processes with such a command line; its arguments are separated by blanks.
///
/// # Panics
/// If the system does not list them.
pub fn processes(wanted: impl Fn(&str) -> bool) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").expect("a list").flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers
        .filter(|number: &i32| {
            let line = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
            wanted(&String::from_utf8_lossy(&line).replace('\0', " "))
        })
        .filter_map(Pid::from_raw)
        .collect()
}

/// The processes that hold the lease of this id for the process that was to hand it over.
pub fn keepers(lease: &str) -> Vec<Pid> {
    let mark = format!(" --adopt {lease} ");
    processes(|line| line.contains(&mark))
}

/// Whether a process was sent a signal that it did not take yet.
pub fn is_pending(process: Pid, signal: Signal) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero()));
    let status = status.unwrap_or_default();
    // One that has ended takes no more.
    let is_there = !status.contains("\nState:\tZ");
    let pending = status
        .lines()
        .find_map(|line| line.strip_prefix("ShdPnd:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    is_there && pending.is_some_and(|mask| mask & (1 << (signal.as_raw() - 1)) != 0)
}
