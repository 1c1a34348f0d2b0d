//! Adds rows to the record of a run.
//!
//! What must survive a loss of power is synchronised here and not by SQLite, because it would do so
//! more often than is needed: after the plan was approved (the file, its name) and at the end (the
//! log, the file). In between a commit reaches the operating system, which outlives any crash of this
//! process; after a loss of power the record ends earlier, and resuming reads every resource again.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tbengine_sdk::Timestamp;

use super::link::{Link, link, origin};
use super::{StateDir, database};
use crate::{Entry, StoreError};

const SCHEMA: &str = "
    CREATE TABLE row (
        number INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        body TEXT NOT NULL,
        link BLOB NOT NULL CHECK (length(link) = 32)
    ) STRICT;
    CREATE TRIGGER row_stays BEFORE UPDATE ON row BEGIN SELECT RAISE(ABORT, 'rows stay as they are'); END;
    CREATE TRIGGER row_remains BEFORE DELETE ON row BEGIN SELECT RAISE(ABORT, 'rows stay as they are'); END;
";

/// So many rows go into the log before they are put into the file, because a log never shrinks.
const ROWS_PER_CHECKPOINT: u32 = 10_000;

/// The record of a run, held by the one process that may add to it.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    /// The same file, to lock and synchronise it; closed after the connection.
    file: File,
    path: PathBuf,
    /// The last row.
    pub(super) number: u64,
    pub(super) link: Link,
    rows_in_log: u32,
}

impl Writer {
    /// Begins the record of a run with its first rows, and makes them durable. `file` is the empty file
    /// beside the record's place; it takes that place once it is complete, so that no crash leaves half
    /// a record behind.
    pub(super) fn begin(
        state: &StateDir,
        run: &str,
        file: File,
        at: Timestamp,
        first: impl IntoIterator<Item = Entry>,
    ) -> Result<Self, StoreError> {
        let (unfinished, path) = (state.unfinished(run), state.run(run));
        let connection = database::connect(&unfinished)?;
        let failed = |source| StoreError::database("begin", &path, source);
        connection
            .execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;")
            .and_then(|()| connection.execute_batch(SCHEMA))
            .map_err(failed)?;
        let mut writer = Self {
            connection,
            file,
            path: path.clone(),
            number: 0,
            link: origin(run),
            rows_in_log: 0,
        };
        writer.add(at, first, |_| Ok(None::<()>))?;
        let Self {
            connection,
            file,
            number,
            link,
            ..
        } = writer;
        connection.close().map_err(|(_, source)| failed(source))?;
        let failed = |source| StoreError::io("begin", &path, source);
        file.sync_all()
            .and_then(|()| std::fs::rename(&unfinished, &path))
            .map_err(failed)?;
        let begun = state.sync_runs().map_err(failed);
        begun
            .and_then(|()| Self::go_on(path.clone(), file, number, link))
            .inspect_err(|_| Self::discard(state, run))
    }

    /// Removes the record of a run that could not begin: its caller gets an error, and `resume` must not find it.
    pub(super) fn discard(state: &StateDir, run: &str) {
        for part in ["db", "db-wal", "db-shm", "db-journal"] {
            std::fs::remove_file(state.runs().join(format!("{run}.{part}"))).ok();
        }
    }

    /// Continues a record whose last row is known.
    pub(super) fn go_on(
        path: PathBuf,
        file: File,
        number: u64,
        link: Link,
    ) -> Result<Self, StoreError> {
        let connection = database::connect(&path)?;
        let writer = Self {
            connection,
            file,
            path,
            number,
            link,
            rows_in_log: 0,
        };
        writer
            .connection
            .pragma_update(None, "synchronous", "OFF")
            .and_then(|()| writer.write_ahead())
            .map_err(|source| StoreError::database("open", &writer.path, source))?;
        Ok(writer)
    }

    fn write_ahead(&self) -> rusqlite::Result<()> {
        let mode: String =
            self.connection
                .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        debug_assert_eq!(mode, "wal");
        // Never by itself: the file may only change once the log is durable.
        self.connection.pragma_update(None, "wal_autocheckpoint", 0)
    }

    /// Lets rows be checked against what the shared file says, in one transaction with adding them.
    pub(super) fn attach(&self, leases: &Path) -> Result<(), StoreError> {
        let name = leases.to_string_lossy();
        self.connection
            .execute("ATTACH DATABASE ?1 AS shared", [&*name])
            .map(drop)
            .map_err(|source| StoreError::database("attach", leases, source))
    }

    /// Adds rows in one transaction, unless `check` finds a reason not to. The check sees the shared
    /// file as it is after this record was locked.
    pub(super) fn add<T>(
        &mut self,
        at: Timestamp,
        entries: impl IntoIterator<Item = Entry>,
        check: impl FnOnce(&Connection) -> rusqlite::Result<Option<T>>,
    ) -> Result<Option<T>, StoreError> {
        let (mut number, mut last) = (self.number, self.link);
        let refused = self.in_transaction(|transaction| {
            for entry in entries {
                let body = serde_json::to_string(&entry)
                    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
                number += 1;
                last = link(&last, number, at, &body);
                insert(transaction, number, at, &body, &last)?;
            }
            check(transaction)
        });
        let refused =
            refused.map_err(|source| StoreError::database("write", &self.path, source))?;
        if refused.is_none() {
            self.rows_in_log += u32::try_from(number - self.number).unwrap_or(u32::MAX);
            (self.number, self.link) = (number, last);
            if self.rows_in_log >= ROWS_PER_CHECKPOINT {
                self.settle()?;
            }
        }
        Ok(refused)
    }

    /// Makes everything durable.
    pub(super) fn settle(&mut self) -> Result<(), StoreError> {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        let durable = |result: io::Result<()>| {
            result.map_err(|source| StoreError::io("synchronise", &self.path, source))
        };
        // SQLite takes no lock on the log, so a second handle of it may be closed at any time.
        durable(database::open_file(Path::new(&log)).and_then(|log| log.sync_data()))?;
        self.connection
            .query_row("PRAGMA main.wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            .map_err(|source| StoreError::database("write", &self.path, source))?;
        durable(self.file.sync_data())?;
        self.rows_in_log = 0;
        Ok(())
    }

    /// Runs a transaction that begins with a write to this record, so that it locks this file alone.
    /// What the work answers with `Some` undoes it.
    fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Option<T>>,
    ) -> rusqlite::Result<Option<T>> {
        let transaction = Transaction::new(&mut self.connection, TransactionBehavior::Deferred)?;
        let refused = work(&transaction)?;
        match refused {
            None => transaction.commit()?,
            Some(_) => transaction.rollback()?,
        }
        Ok(refused)
    }
}

fn insert(
    connection: &Connection,
    number: u64,
    at: Timestamp,
    body: &str,
    link: &Link,
) -> rusqlite::Result<()> {
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    connection
        .prepare_cached("INSERT INTO main.row (number, at, body, link) VALUES (?1, ?2, ?3, ?4)")?
        .execute((number, at.as_unix_ms(), body, &link[..]))?;
    Ok(())
}
