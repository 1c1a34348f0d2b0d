//! Why a lease could not be had.

use std::io;
use std::path::{Path, PathBuf};

use crate::journal::JournalError;

/// Why a lease could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The state directory cannot be used.
    #[error(transparent)]
    Directory(#[from] JournalError),
    /// There is no such lease.
    #[error("there is no lease {id}")]
    Unknown {
        /// Its id.
        id: String,
    },
    /// An id that no lease can have.
    #[error("`{id}` cannot be the id of a lease: write 1 to 64 letters, digits and hyphens")]
    Id {
        /// What was given.
        id: String,
    },
    /// There is a lease of this id already.
    #[error("there is a lease {id} already")]
    Exists {
        /// Its id.
        id: String,
    },
    /// It is held, or being swept.
    #[error("lease {id} is held by another process")]
    Held {
        /// Its id.
        id: String,
    },
    /// It ran out, or has ended.
    #[error("lease {id} is over")]
    Over {
        /// Its id.
        id: String,
    },
    /// A later version of tbengine wrote it, with fields that this one does not know.
    #[error(
        "lease {id} was written by a later tbengine, and this one does not know all that it names"
    )]
    Later {
        /// Its id.
        id: String,
    },
    /// A file of it could not be used.
    #[error("failed to {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

pub(super) fn failed(what: &'static str, path: &Path, source: io::Error) -> LeaseError {
    LeaseError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}
