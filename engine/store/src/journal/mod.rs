//! The journal: a run that was approved is carried out to its end, whatever happens to its process.
//!
//! One file per run holds its record: the approved plan, durable before anything is done; an intent
//! before each request that may have an effect; an outcome after it. Rows are only ever added, and
//! each is bound to all before it, so that a record that was changed or cut shows. After a crash, a
//! step with an intent and no outcome is *unknown*, and resuming reads the resource before anything
//! else. One small file is shared by all runs of a state directory: who works on what.
//!
//! - [`directory`]: where the files lie, and what makes a directory unfit
//! - [`host`]: this process and its clock, as the caller looked them up
//! - `database`: opening SQLite files
//! - [`entry`]: what a record's rows say
//! - `writer`: adding rows
//! - [`leases`], [`holders`]: who works on what; fences
//! - [`handle`], `shared`, `heartbeat`: the journal of a run under way
//! - `recorded`: applying a plan with a journal
//! - `reader`, [`record`], [`locked`]: reading the record of a run, and having it to oneself
//! - [`quarantine`]: what failed too often
//! - [`mod@prune`]: forgetting runs that are long over
//!
//! No row holds a secret, an environment or labels: of a resource only what the plan has of it.

mod database;
pub mod directory;
pub mod entry;
pub mod handle;
mod heartbeat;
pub mod holders;
pub mod host;
pub mod leases;
pub mod locked;
pub mod prune;
pub mod quarantine;
mod reader;
pub mod record;
mod recorded;
mod shared;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use database::open_options;
pub(crate) use directory::is_run_id;
pub use directory::{StateDir, Unfit};
pub use entry::{Entry, Row};
pub use handle::Journal;
pub use holders::{Contest, Holder};
pub use host::{Host, Process};
pub use locked::Locked;
pub use prune::prune;
pub use record::{Record, RunState, StepRecord};

/// Why there is no journal, or no record.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The directory must not be used.
    #[error("the state directory {} cannot be used: {why}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        why: Unfit,
    },
    /// The SQLite that is linked in could corrupt files.
    #[error("SQLite {found} is linked in, and its write-ahead log is only sound from 3.51.3 on")]
    Version {
        /// Its version number.
        found: i32,
    },
    /// A file could not be used as a database.
    #[error("failed to {what} {}: {source}", path.display())]
    Database {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: rusqlite::Error,
    },
    /// A file could not be used.
    #[error("failed to {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
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
    #[error("{} works on {} of these resources", told(&.0.holder), .0.resources)]
    Busy(Box<Contest>),
    /// The run is being carried out.
    #[error("run {run} is under way{}", .holder.as_ref().map_or_else(String::new, |found| format!(": {}", told(found))))]
    Running {
        /// The run.
        run: Arc<str>,
        /// Who is at it.
        holder: Option<Box<Holder>>,
    },
    /// There is a record of this run already.
    #[error("there is a record of run {run} already")]
    Exists {
        /// The run.
        run: Arc<str>,
    },
    /// No run has such an id.
    #[error("there is no run {run}")]
    NoRun {
        /// What was asked for.
        run: String,
    },
    /// Several runs may be meant.
    #[error("{number} runs begin with {run}")]
    Ambiguous {
        /// What was asked for.
        run: String,
        /// How many.
        number: usize,
    },
    /// A record is not as it was written.
    #[error("the record {} is damaged: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A file was written by another version of tbengine.
    #[error("{} has the format {found}, which this tbengine does not know", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: String,
    },
}

impl JournalError {
    fn database(what: &'static str, path: &Path, source: rusqlite::Error) -> Self {
        Self::Database {
            what,
            path: path.to_owned(),
            source,
        }
    }

    fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            what,
            path: path.to_owned(),
            source,
        }
    }
}

fn told(holder: &Holder) -> String {
    format!(
        "{} {} (process {}, since {})",
        holder.kind, holder.id, holder.process.pid, holder.since
    )
}
