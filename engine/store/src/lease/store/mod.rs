//! The leases of a state directory, and who holds them.
//!
//! Each has three files under `leases/`: its record, its baseline, and a lock. A lease that is claimed by
//! its lock is live as long as any process has that lock open: the kernel lets go of it when the last of
//! them is gone, however that happened. Whoever sweeps holds the lock while doing so.
//!
//! - `claims`: who holds a lease, and taking it over
//! - `held`: one that this process holds
//! - `files`: how they are written
//! - `error`: why one could not be had

mod claims;
mod error;
mod files;
mod held;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use rustix::fs::{FlockOperation, flock};

use super::baseline::Baseline;
use super::record::{Claim, LEASE_FORMAT, Lease};
use crate::journal::{Host, JournalError, StateDir, is_run_id, open_options};

pub use claims::Standing;
pub use error::LeaseError;
use error::failed;
pub use held::Held;

/// The leases of a state directory.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// The leases of a state directory, where they are to be taken.
    ///
    /// # Errors
    /// If the directory for them cannot be made.
    pub fn create(state: &StateDir) -> Result<Self, LeaseError> {
        let directory = state.lease_directory();
        match DirBuilder::new().mode(0o700).create(&directory) {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                Err(failed("make", &directory, source))
            }
            _ => Ok(Self { directory }),
        }
    }

    /// The leases of a state directory, where they are only looked at.
    pub fn open(state: &StateDir) -> Self {
        let directory = state.lease_directory();
        Self { directory }
    }

    /// Takes a lease: from here on it is live, and its record survives a crash.
    ///
    /// # Errors
    /// [`LeaseError`] if its id is not fit, is taken, or its files cannot be written.
    pub fn take(&self, lease: Lease, baseline: &Baseline) -> Result<Held, LeaseError> {
        let id = &lease.id;
        if !is_run_id(id) {
            return Err(LeaseError::Id { id: id.clone() });
        }
        let path = self.path(id, "lock");
        let lock = open_options()
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| failed("make", &path, source))?;
        // A lock without a record is left of someone who died before there was a lease.
        let is_free = flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()
            && !self.has_record(id)?;
        if !is_free {
            return Err(LeaseError::Exists { id: id.clone() });
        }
        self.write(id, "baseline", baseline)?;
        self.write(id, "json", &lease)?;
        self.prune(lease.since);
        Ok(Held {
            store: self.clone(),
            lease,
            lock,
        })
    }

    fn has_record(&self, id: &str) -> Result<bool, LeaseError> {
        let path = self.path(id, "json");
        path.try_exists()
            .map_err(|source| failed("look at", &path, source))
    }

    /// A lease by its id.
    ///
    /// # Errors
    /// [`LeaseError::Unknown`] if there is none, or why it cannot be read.
    pub fn read(&self, id: &str) -> Result<Lease, LeaseError> {
        if !is_run_id(id) {
            return Err(LeaseError::Id { id: id.to_owned() });
        }
        let lease: Lease = match self.read_file(id, "json") {
            Err(LeaseError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(LeaseError::Unknown { id: id.to_owned() });
            }
            read => read?,
        };
        if lease.format != LEASE_FORMAT {
            return Err(LeaseError::Directory(JournalError::Format {
                path: self.path(id, "json"),
                found: lease.format,
            }));
        }
        Ok(lease)
    }

    /// The ids of all leases, oldest first where the ids begin with the time.
    ///
    /// # Errors
    /// If the directory cannot be read. Where there is none, there are no leases.
    pub fn ids(&self) -> Result<Vec<String>, LeaseError> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|source| failed("read", &self.directory, source))?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| failed("read", &self.directory, source))?;
            let name = entry.file_name().into_string().ok();
            let id = name.and_then(|name| name.strip_suffix(".json").map(str::to_owned));
            ids.extend(id.filter(|id| is_run_id(id)));
        }
        ids.sort();
        Ok(ids)
    }

    /// Every lease with its standing, or why its record cannot be read: nobody knows what such a lease
    /// protects.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn all(
        &self,
        host: &Host,
    ) -> Result<Vec<Result<(Lease, Standing), Unreadable>>, LeaseError> {
        let mut all = Vec::new();
        for id in self.ids()? {
            match self.read_with_lock(&id) {
                Ok(lease) => {
                    let standing = self.standing(&lease, host);
                    all.push(Ok((lease, standing)));
                }
                // It ended long ago, and was forgotten since its id was listed.
                Err(LeaseError::Unknown { .. }) => {}
                Err(why) => all.push(Err(Unreadable { id, why })),
            }
        }
        Ok(all)
    }

    /// A lease, provided that what says whether it is held is there as well.
    fn read_with_lock(&self, id: &str) -> Result<Lease, LeaseError> {
        let lease = self.read(id)?;
        if lease.ended.is_none() && lease.claim == Claim::Lock {
            let path = self.path(id, "lock");
            fs::symlink_metadata(&path).map_err(|source| failed("look at", &path, source))?;
        }
        Ok(lease)
    }

    /// Sets the record of a lease aside that cannot be read, so that it refuses no plan any more. Nothing is
    /// deleted: what was made under it is not known. Returns where the record lies now.
    ///
    /// # Errors
    /// [`LeaseError::Held`] if processes hold it, [`LeaseError::Unknown`] if there is none.
    pub fn set_aside(&self, id: &str) -> Result<PathBuf, LeaseError> {
        if !is_run_id(id) {
            return Err(LeaseError::Id { id: id.to_owned() });
        }
        if self.is_locked(id) {
            return Err(LeaseError::Held { id: id.to_owned() });
        }
        let (record, aside) = (self.path(id, "json"), self.path(id, "unreadable"));
        match fs::rename(&record, &aside) {
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                Err(LeaseError::Unknown { id: id.to_owned() })
            }
            moved => {
                moved.map_err(|source| failed("move", &record, source))?;
                Ok(aside)
            }
        }
    }
}

/// A lease whose record cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("lease {id} cannot be read: {why}")]
pub struct Unreadable {
    /// Its id.
    pub id: String,
    /// Why.
    pub why: LeaseError,
}
