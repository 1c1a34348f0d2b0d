//! What was deleted before under the same name: a row for each, with in how many runs.

use rusqlite::OptionalExtension as _;
use tbengine_sdk::Timestamp;

use super::StateDir;
use super::locks::Locks;
use crate::{Host, StoreError};

/// Made when it is needed first: a version that knows nothing of it still works with the file.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS deleted (
        what TEXT NOT NULL PRIMARY KEY,
        runs INTEGER NOT NULL,
        last INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// Notes what a run deleted, forgets what was deleted last before a time, and answers in how many earlier runs each was.
///
/// # Errors
/// [`StoreError`] if the state cannot be written.
pub(super) fn note(
    state: &StateDir,
    host: &Host,
    keys: &[String],
    at: Timestamp,
    forget_before: Timestamp,
) -> Result<Vec<u32>, StoreError> {
    let mut locks = Locks::open(state, host)?;
    let mut write = || -> rusqlite::Result<Vec<u32>> {
        let transaction = locks.connection.transaction()?;
        transaction.execute_batch(SCHEMA)?;
        transaction.execute(
            "DELETE FROM deleted WHERE last < ?1",
            [forget_before.as_unix_ms()],
        )?;
        let mut before = Vec::with_capacity(keys.len());
        {
            let mut find = transaction.prepare("SELECT runs FROM deleted WHERE what = ?1")?;
            let mut put = transaction.prepare(
                "INSERT INTO deleted (what, runs, last) VALUES (?1, 1, ?2)
                 ON CONFLICT DO UPDATE SET runs = runs + 1, last = ?2",
            )?;
            for key in keys {
                let runs: Option<u32> = find.query_row([key], |row| row.get(0)).optional()?;
                before.push(runs.unwrap_or_default());
                put.execute((key, at.as_unix_ms()))?;
            }
        }
        transaction.commit()?;
        Ok(before)
    };
    write().map_err(|source| StoreError::database("write", &state.shared(), source))
}
