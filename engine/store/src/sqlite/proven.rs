//! What was proven of owners: a row for each account, unit and owner, with when it was last proven.

use tbengine_engine::discover::recognise::LearnedIn;
use tbengine_engine::owners::Learned;
use tbengine_sdk::Timestamp;

use super::StateDir;
use super::locks::Locks;
use crate::{Host, StoreError};

/// Made when it is needed first: a version that knows nothing of it goes on working with the file.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS proven (
        account TEXT NOT NULL,
        unit TEXT NOT NULL,
        owner TEXT NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY (account, unit, owner)
    ) STRICT, WITHOUT ROWID;
";

/// A row is written again when it is older than this, so that looking around hardly ever writes.
const REFRESHED_AFTER_MS: i64 = 3_600_000;

/// Reads what was proven since a time.
///
/// # Errors
/// [`StoreError`] if the state cannot be read.
pub(super) fn read(
    state: &StateDir,
    host: &Host,
    since: Timestamp,
) -> Result<Vec<LearnedIn>, StoreError> {
    if !state.shared().exists() {
        return Ok(Vec::new());
    }
    let locks = Locks::open(state, host)?;
    let read = || -> rusqlite::Result<Vec<LearnedIn>> {
        if !locks.connection.table_exists(None, "proven")? {
            return Ok(Vec::new());
        }
        let mut select = locks
            .connection
            .prepare("SELECT account, unit, owner FROM proven WHERE last >= ?1")?;
        let rows = select.query_map([since.as_unix_ms()], |row| {
            let (account, unit): (String, String) = (row.get(0)?, row.get(1)?);
            Ok(LearnedIn {
                account: account.into(),
                learned: Learned {
                    unit: Some(unit).filter(|unit| !unit.is_empty()),
                    owner: row.get(2)?,
                },
            })
        })?;
        rows.collect()
    };
    read().map_err(|source| StoreError::database("read", &state.shared(), source))
}

/// Notes what is proven at a time, and forgets what was proven last before another.
///
/// # Errors
/// [`StoreError`] if the state cannot be written.
pub(super) fn note(
    state: &StateDir,
    host: &Host,
    proven: &[LearnedIn],
    at: Timestamp,
    forget_before: Timestamp,
) -> Result<(), StoreError> {
    let mut locks = Locks::open(state, host)?;
    let at = at.as_unix_ms();
    let mut write = || -> rusqlite::Result<()> {
        let transaction = locks.connection.transaction()?;
        transaction.execute_batch(SCHEMA)?;
        {
            let mut put = transaction.prepare(
                "INSERT INTO proven (account, unit, owner, last) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET last = ?4 WHERE last < ?5",
            )?;
            for LearnedIn { account, learned } in proven {
                let unit = learned.unit.as_deref().unwrap_or_default();
                let stale = at - REFRESHED_AFTER_MS;
                put.execute((&**account, unit, &*learned.owner, at, stale))?;
            }
        }
        transaction.execute(
            "DELETE FROM proven WHERE last < ?1",
            [forget_before.as_unix_ms()],
        )?;
        transaction.commit()
    };
    write().map_err(|source| StoreError::database("write", &state.shared(), source))
}
