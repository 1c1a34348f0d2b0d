//! Why something could not be recorded, read or held.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{Holder, LockConflict};

/// What a store answers with.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why a store did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory must not be used.
    #[error("the state directory {} cannot be used: {why}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        why: DirError,
    },
    /// The SQLite that is linked in could corrupt files.
    #[error("SQLite {found} is linked in; at least 3.51.3 is needed for a sound write-ahead log")]
    Version {
        /// Its version number.
        found: i32,
    },
    /// A database did not do what it was asked for.
    #[error("failed to {what} {place}: {source}")]
    Database {
        /// What was tried.
        what: &'static str,
        /// The file, or where else the database is.
        place: String,
        /// Why it failed.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A file of a run could not be used.
    #[error("failed to {what} {place}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        place: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The heartbeat could not be started.
    #[error("failed to start a thread: {source}")]
    Thread {
        /// Why.
        source: io::Error,
    },
    /// Another run works on some of the same resources.
    #[error("{} is working on {} of these resources", described(&.0.holder), .0.resources)]
    Busy(Box<LockConflict>),
    /// The run is in progress.
    #[error("run {run} is in progress{}", .holder.as_ref().map_or_else(String::new, |found| format!(": {}", described(found))))]
    Running {
        /// The run.
        run: Arc<str>,
        /// Who is at it.
        holder: Option<Box<Holder>>,
    },
    /// There is a record of this run already.
    #[error("run {run} already has a record")]
    RunExists {
        /// The run.
        run: Arc<str>,
    },
    /// No run has such an id.
    #[error("no run {run}")]
    NoRun {
        /// What was asked for.
        run: String,
    },
    /// Several runs may be meant.
    #[error("`{run}` is ambiguous: {number} runs")]
    Ambiguous {
        /// What was asked for.
        run: String,
        /// How many.
        number: usize,
    },
    /// A record of a run is not as it was written.
    #[error("the record {place} is damaged: {why}")]
    Damaged {
        /// The file, or where else the record is.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// Something was written by another version of tbengine.
    #[error("{place} has the unknown format {found}")]
    Format {
        /// The file, or where else it is.
        place: String,
        /// Its format.
        found: String,
    },
    /// There is no such lease.
    #[error("no lease {id}")]
    NoLease {
        /// Its id.
        id: String,
    },
    /// An id that no lease can have.
    #[error("invalid lease id `{id}`: use 1 to 64 letters, digits and hyphens")]
    LeaseId {
        /// What was given.
        id: String,
    },
    /// There is a lease of this id already.
    #[error("lease {id} already exists")]
    LeaseExists {
        /// Its id.
        id: String,
    },
    /// A lease is held, or being swept.
    #[error("lease {id} is held by another process")]
    Held {
        /// Its id.
        id: String,
    },
    /// A lease ran out, or has ended.
    #[error("lease {id} has expired")]
    Expired {
        /// Its id.
        id: String,
    },
    /// A later version of tbengine wrote a lease, with fields that this one does not know.
    #[error("lease {id} was written by a newer tbengine and has unknown fields")]
    Later {
        /// Its id.
        id: String,
    },
    /// What is kept of a lease could not be used.
    #[error("failed to {what} {place}: {source}")]
    LeaseIo {
        /// What was tried.
        what: &'static str,
        /// The file, or where else it is.
        place: String,
        /// Why it failed.
        source: io::Error,
    },
}

/// Why a directory cannot hold the state.
#[derive(Debug, thiserror::Error)]
pub enum DirError {
    /// It cannot be made or looked at.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is a symbolic link, so someone else may decide where it leads.
    #[error("it is a symbolic link")]
    Symlink,
    /// It is something else than a directory.
    #[error("it is not a directory")]
    NotADirectory,
    /// It belongs to another user.
    #[error("it belongs to another user (uid {0})")]
    Owner(u32),
    /// Others can read or write it.
    #[error("others have access to it (mode {0:o})")]
    Mode(u32),
    /// It lies on a file system where locks of another host do not count.
    #[error(
        "it is on a network file system ({0}), where locks and write-ahead logs are unreliable"
    )]
    Network(&'static str),
}

impl StoreError {
    pub(crate) fn database(
        what: &'static str,
        path: &Path,
        source: impl Error + Send + Sync + 'static,
    ) -> Self {
        Self::Database {
            what,
            place: path.display().to_string(),
            source: source.into(),
        }
    }

    pub(crate) fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            what,
            place: path.display().to_string(),
            source,
        }
    }

    pub(crate) fn lease_io(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::LeaseIo {
            what,
            place: path.display().to_string(),
            source,
        }
    }

    pub(crate) fn damaged(path: &Path, why: String) -> Self {
        Self::Damaged {
            place: path.display().to_string(),
            why,
        }
    }

    pub(crate) fn format(path: &Path, found: String) -> Self {
        Self::Format {
            place: path.display().to_string(),
            found,
        }
    }
}

fn described(holder: &Holder) -> String {
    format!(
        "{} {} (process {}, since {})",
        holder.kind, holder.id, holder.process.pid, holder.since
    )
}
