//! Opening SQLite files so that they are safe, and private.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::StoreError;
use crate::scratch::private;

/// Before this version, a write-ahead log with two connections could corrupt its file.
const MIN_SQLITE_VERSION: i32 = 3_051_003;

/// How long another process' short transaction is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes an empty file that nobody else can read.
pub(super) fn create_file(path: &Path) -> io::Result<File> {
    private().create_new(true).open(path)
}

/// Opens a file, following no link. A process that holds it must close every connection to it first: closing
/// any handle of a file drops the locks that SQLite has on it in this process.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    private().open(path)
}

/// Connects to a file that exists.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let found = rusqlite::version_number();
    if found < MIN_SQLITE_VERSION {
        return Err(StoreError::Version { found });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // A record may have been written by anyone who could write into this directory.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(connection)
    };
    open().map_err(|source| StoreError::database("open", path, source))
}
