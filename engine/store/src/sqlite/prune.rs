//! Forgetting runs that are long over, so that a job that runs every five minutes fills no disk.

use std::fs;

use tbengine_sdk::Timestamp;
use uuid::Uuid;

use super::claimed::lock;
use super::locks::Locks;
use super::{StateDir, database};
use crate::{Host, StoreError};

/// Removes the records of runs that began before a time and that no process is at. Returns how many. A
/// record whose name does not say when it began stays, and so does one that cannot be removed.
///
/// # Errors
/// If the directory cannot be read, or the shared file cannot be written.
pub(super) fn prune(state: &StateDir, host: &Host, before: Timestamp) -> Result<usize, StoreError> {
    let ids = state
        .run_ids()
        .map_err(|source| StoreError::io("read", &state.runs(), source))?;
    let is_old = |id: &String| began(id).is_some_and(|at| at < before);
    let old: Vec<String> = ids.into_iter().filter(is_old).collect();
    if old.is_empty() {
        return Ok(0);
    }
    let locks = Locks::open(state, host)?;
    let mut removed = 0;
    for id in old {
        let path = state.run(&id);
        // Held until it is gone, so that nobody continues it meanwhile.
        let Ok(file) = database::open_file(&path) else {
            continue;
        };
        if lock(&file).is_err() || fs::remove_file(&path).is_err() {
            continue;
        }
        for log in ["-wal", "-shm"] {
            fs::remove_file(state.runs().join(format!("{id}.db{log}"))).ok();
        }
        locks.forget(&id)?;
        removed += 1;
    }
    Ok(removed)
}

/// When a run began, by its id: a UUID of version 7 starts with the time.
fn began(id: &str) -> Option<Timestamp> {
    let id = Uuid::try_parse(id).ok()?;
    let made = id.get_timestamp().filter(|_| id.get_version_num() == 7)?;
    let (seconds, nanos) = made.to_unix();
    let ms = seconds * 1000 + u64::from(nanos / 1_000_000);
    i64::try_from(ms).ok().map(Timestamp::from_unix_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_when_its_run_began() {
        let at = Timestamp::from_unix_ms(0x0192_3456_789a);
        assert_eq!(began("01923456-789a-7fff-bfff-ffffffffffff"), Some(at));
        for other in [
            "",
            "nightly",
            "01923456-789a-4fff-bfff-ffffffffffff",
            "01923456-789a-7fff",
        ] {
            assert_eq!(began(other), None, "{other}");
        }
    }
}
