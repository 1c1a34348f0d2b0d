//! Process groups: each plugin that is a program has one, and none stays behind when the host ends.

use std::collections::BTreeSet;
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The groups that are alive, so that none stays behind when the host ends.
static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// What a thread that panicked left is as good as before.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills every process of every plugin. For the end of the program, when backends may still be in use.
pub fn end_all() {
    let groups = lock(&GROUPS).clone();
    groups.into_iter().for_each(kill_group);
}

/// A process group with one plugin in it.
pub(super) struct Group(i32);

impl Group {
    pub(super) fn new(child: &Child) -> Self {
        let id = i32::try_from(child.id()).unwrap_or_default();
        lock(&GROUPS).insert(id);
        Self(id)
    }

    pub(super) fn kill(&self) {
        // Not after the group is gone: the number may belong to someone else then.
        let groups = lock(&GROUPS);
        if groups.contains(&self.0) {
            kill_group(self.0);
        }
    }

    pub(super) fn is_gone(&self) {
        lock(&GROUPS).remove(&self.0);
    }
}

#[cfg(unix)]
fn kill_group(id: i32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(group) = Pid::from_raw(id) {
        // It may have ended by itself.
        kill_process_group(group, Signal::KILL).ok();
    }
}

#[cfg(not(unix))]
fn kill_group(_: i32) {}
