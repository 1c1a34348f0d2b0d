//! Who holds a lease, and whether that still counts.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};
use rustix::fs::{FlockOperation, flock};
use serde::Serialize;
use tbengine_sdk::{Identity, Timestamp};

use super::host::{Host, Process};
use tbengine_engine::facts::resource_key;

use super::leases::RUN;
use super::{StateDir, database};

/// Who holds a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Holder {
    /// The lease: for a run, its id.
    pub id: String,
    /// What sort of holder: `run`.
    pub kind: String,
    /// The process.
    pub process: Process,
    /// Since when.
    pub since: Timestamp,
    /// The fence of its claims.
    pub fence: u64,
    #[serde(skip)]
    expires: u64,
}

/// Another holder works on some of the same resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contest {
    /// Who.
    pub holder: Holder,
    /// On how many of them.
    pub resources: usize,
}

/// All of them.
pub(super) fn holders(connection: &Connection) -> rusqlite::Result<Vec<Holder>> {
    let mut select = connection
        .prepare_cached("SELECT id, kind, fence, boot, expires, since, pid, started FROM lease")?;
    let rows = select.query_map([], |row| {
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        Ok(Holder {
            id: row.get(0)?,
            kind: row.get(1)?,
            fence: number(2)?,
            process: Process {
                boot: row.get(3)?,
                pid: row.get(6)?,
                started: number(7)?,
            },
            expires: number(4)?,
            since: Timestamp::from_unix_ms(row.get(5)?),
        })
    })?;
    rows.collect()
}

/// Whether a holder counts.
pub(super) enum Life {
    /// It is renewed.
    Live,
    /// It was not renewed in time; the process may be stopped and come back.
    Expired,
    /// The process is gone.
    Dead,
}

/// Whether a holder counts now.
pub(super) fn state_of(holder: &Holder, host: &Host, state: &StateDir) -> Life {
    if holder.process.boot != host.process.boot {
        return Life::Dead;
    }
    // This process must not open its own record again: closing it would drop SQLite's locks.
    let is_other = holder.process != host.process;
    if holder.kind == RUN && is_other && is_unlocked(state, &holder.id) {
        return Life::Dead;
    }
    if holder.expires <= host.uptime_ms() {
        Life::Expired
    } else {
        Life::Live
    }
}

/// Whether no process holds the record of a run. The kernel lets go of a lock when its process ends,
/// however that happens, so nobody has to wait for the lease of a process that was killed.
pub(super) fn is_unlocked(state: &StateDir, run: &str) -> bool {
    // A record that is being begun lies beside its place, and may take that between two looks.
    for path in [state.run(run), state.unfinished(run), state.run(run)] {
        match database::open_file(&path) {
            Ok(file) => return flock(file, FlockOperation::NonBlockingLockShared).is_ok(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(_) => return false,
        }
    }
    // It is locked before the lease is taken, so whoever did that is gone.
    true
}

/// The holder that claims most of these resources, if any claims one.
pub(super) fn contest<'a>(
    connection: &Connection,
    targets: impl Iterator<Item = &'a Identity>,
    mut live: HashMap<String, Holder>,
) -> rusqlite::Result<Option<Contest>> {
    let mut claimed: HashMap<String, usize> = HashMap::new();
    let mut select = connection.prepare("SELECT lease FROM claim WHERE resource = ?1")?;
    for target in targets {
        let holder: Option<String> = select
            .query_row([resource_key(target)], |row| row.get(0))
            .optional()?;
        if let Some(holder) = holder.filter(|holder| live.contains_key(holder)) {
            *claimed.entry(holder).or_default() += 1;
        }
    }
    let most = claimed.into_iter().max_by_key(|(_, count)| *count);
    Ok(most.and_then(|(id, resources)| {
        let holder = live.remove(&id)?;
        Some(Contest { holder, resources })
    }))
}
