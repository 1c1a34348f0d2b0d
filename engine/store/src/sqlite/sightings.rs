//! When things were first seen: a row for each, with when it was seen last.

use tbengine_engine::facts::IdentityKey;
use tbengine_sdk::Timestamp;

use super::StateDir;
use super::locks::Locks;
use crate::{Host, StoreError};

/// Made when it is needed first: a version that knows nothing of it goes on working with the file.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS sightings (
        resource TEXT NOT NULL PRIMARY KEY,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// A row is written again when it is older than this, so that looking around hardly ever writes.
const REFRESHED_AFTER_MS: i64 = 3_600_000;

/// Reads when each was first seen that was seen since a time.
///
/// # Errors
/// [`StoreError`] if the state cannot be read.
pub(super) fn read(
    state: &StateDir,
    host: &Host,
    since: Timestamp,
) -> Result<Vec<(IdentityKey, Timestamp)>, StoreError> {
    if !state.shared().exists() {
        return Ok(Vec::new());
    }
    let locks = Locks::open(state, host)?;
    let read = || -> rusqlite::Result<Vec<(IdentityKey, Timestamp)>> {
        if !locks.connection.table_exists(None, "sightings")? {
            return Ok(Vec::new());
        }
        let mut select = locks
            .connection
            .prepare("SELECT resource, first FROM sightings WHERE last >= ?1")?;
        let rows = select.query_map([since.as_unix_ms()], |row| {
            let first = Timestamp::from_unix_ms(row.get(1)?);
            Ok((IdentityKey::from_text(row.get(0)?), first))
        })?;
        rows.collect()
    };
    read().map_err(|source| StoreError::database("read", &state.shared(), source))
}

/// Notes what was seen at a time, and forgets what was seen last before another.
///
/// # Errors
/// [`StoreError`] if the state cannot be written.
pub(super) fn note(
    state: &StateDir,
    host: &Host,
    seen: &[IdentityKey],
    at: Timestamp,
    forget_before: Timestamp,
) -> Result<(), StoreError> {
    let mut locks = Locks::open(state, host)?;
    let at = at.as_unix_ms();
    let mut write = || -> rusqlite::Result<()> {
        let transaction = locks.connection.transaction()?;
        transaction.execute_batch(SCHEMA)?;
        // What was not seen for that long is not the same any more, even if it has the same id.
        transaction.execute(
            "DELETE FROM sightings WHERE last < ?1",
            [forget_before.as_unix_ms()],
        )?;
        {
            let mut put = transaction.prepare(
                "INSERT INTO sightings (resource, first, last) VALUES (?1, ?2, ?2)
                 ON CONFLICT DO UPDATE SET last = ?2 WHERE last < ?3",
            )?;
            for resource in seen {
                put.execute((resource.as_str(), at, at - REFRESHED_AFTER_MS))?;
            }
        }
        transaction.commit()
    };
    write().map_err(|source| StoreError::database("write", &state.shared(), source))
}
