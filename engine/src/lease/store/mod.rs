//! The leases of a state directory, and who holds them.
//!
//! Each has three files under `leases/`: its record, its baseline, and a lock. A lease that is claimed by
//! its lock is live as long as any process has that lock open: the kernel lets go of it when the last of
//! them is gone, however that happened. Whoever sweeps holds the lock while doing so.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tbengine_sdk::{Kind, Timestamp};

use super::baseline::Baseline;
use super::observations::{self, Observations};
use super::record::{Claim, LEASE_FORMAT, Lease, Terms};
use crate::journal::{Host, JournalError, StateDir, is_run_id, open_options};

/// How long the record of a lease that has ended is kept, to know late resources by.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The part of a lease that says what was seen being created.
const OBSERVED: &str = "observed";

/// Looking at a lock takes it for a moment, so it is tried so often.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

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

/// Whether a lease counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is held, or its time is not over.
    Live,
    /// Nobody holds it, and what was made under it has not been swept.
    Over,
    /// What was made under it was seen to be gone.
    Ended,
}

/// The leases of a state directory.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

/// A lease that this process holds.
#[derive(Debug)]
pub struct Held {
    store: Store,
    lease: Lease,
    lock: File,
}

impl Store {
    /// The leases of a state directory, where they are to be taken.
    ///
    /// # Errors
    /// If the directory for them cannot be made.
    pub fn create(state: &StateDir) -> Result<Self, LeaseError> {
        let directory = state.path().join("leases");
        match DirBuilder::new().mode(0o700).create(&directory) {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                Err(failed("make", &directory, source))
            }
            _ => Ok(Self { directory }),
        }
    }

    /// The leases of a state directory, where they are only looked at.
    pub fn open(state: &StateDir) -> Self {
        let directory = state.path().join("leases");
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
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut ids: Vec<String> = names
            .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
            .filter(|id| is_run_id(id))
            .collect();
        ids.sort();
        Ok(ids)
    }

    /// Every lease that can be read, with its standing. One that cannot is told in the log.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn all(&self, host: &Host) -> Result<Vec<(Lease, Standing)>, LeaseError> {
        let mut all = Vec::new();
        for id in self.ids()? {
            match self.read(&id) {
                Ok(lease) => {
                    let standing = self.standing(&lease, host);
                    all.push((lease, standing));
                }
                Err(error) => tracing::warn!(%error, "a lease cannot be read"),
            }
        }
        Ok(all)
    }

    /// Whether a lease counts.
    pub fn standing(&self, lease: &Lease, host: &Host) -> Standing {
        if lease.ended.is_some() {
            return Standing::Ended;
        }
        let live = match &lease.claim {
            Claim::Time {
                expires_ms, boot, ..
            } => *boot == host.process.boot && host.uptime_ms() < *expires_ms,
            Claim::Lock => self.is_locked(&lease.id),
        };
        if live { Standing::Live } else { Standing::Over }
    }

    fn is_locked(&self, id: &str) -> bool {
        match open_options().open(self.path(id, "lock")) {
            Ok(lock) => flock(lock, FlockOperation::NonBlockingLockShared).is_err(),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// Takes over a lease that is over, to sweep. `None` if it has ended meanwhile.
    ///
    /// # Errors
    /// [`LeaseError::Held`] if it is live, or someone else sweeps it.
    pub fn adopt(&self, id: &str, host: &Host) -> Result<Option<Held>, LeaseError> {
        let held = self.lock(id)?;
        match self.standing_when_locked(&held.lease, host) {
            Standing::Live => Err(LeaseError::Held { id: id.to_owned() }),
            Standing::Over => Ok(Some(held)),
            Standing::Ended => Ok(None),
        }
    }

    /// Ends the time of a lease now, and takes it over to sweep. `None` if it has ended before.
    ///
    /// # Errors
    /// [`LeaseError::Held`] if processes hold it by its lock, or someone sweeps it.
    pub fn release(&self, id: &str) -> Result<Option<Held>, LeaseError> {
        let mut held = self.lock(id)?;
        if held.lease.ended.is_some() {
            return Ok(None);
        }
        if let Claim::Time { expires_ms, .. } = &mut held.lease.claim {
            *expires_ms = 0;
        }
        self.write(id, "json", &held.lease)?;
        Ok(Some(held))
    }

    /// Renews a lease that is claimed by time.
    ///
    /// # Errors
    /// [`LeaseError::Over`] if it is too late, [`LeaseError::Held`] if it is claimed by its lock.
    pub fn renew(&self, id: &str, host: &Host) -> Result<Lease, LeaseError> {
        let mut held = self.lock(id)?;
        if self.standing_when_locked(&held.lease, host) != Standing::Live {
            return Err(LeaseError::Over { id: id.to_owned() });
        }
        if let Claim::Time {
            ttl_ms, expires_ms, ..
        } = &mut held.lease.claim
        {
            *expires_ms = host.uptime_ms().saturating_add(*ttl_ms);
        }
        self.write(id, "json", &held.lease)?;
        Ok(held.lease)
    }

    /// A lease whose lock another process handed to this one.
    ///
    /// # Errors
    /// If its record cannot be read.
    pub fn inherit(&self, id: &str, lock: File) -> Result<Held, LeaseError> {
        Ok(Held {
            store: self.clone(),
            lease: self.read(id)?,
            lock,
        })
    }

    fn standing_when_locked(&self, lease: &Lease, host: &Host) -> Standing {
        match (&lease.ended, &lease.claim) {
            (None, Claim::Lock) => Standing::Over,
            _ => self.standing(lease, host),
        }
    }

    fn lock(&self, id: &str) -> Result<Held, LeaseError> {
        // Reading first tells an unknown lease from one that is locked.
        self.read(id)?;
        let path = self.path(id, "lock");
        let lock = open_options()
            .open(&path)
            .map_err(|source| failed("open", &path, source))?;
        for _ in 0..LOCK_TRIES {
            if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
                return self.inherit(id, lock);
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "another process looks at the lock for a moment; no backend is waited for"
            )]
            thread::sleep(LOCK_PAUSE);
        }
        Err(LeaseError::Held { id: id.to_owned() })
    }

    /// Forgets leases that ended long ago. What cannot be removed stays for the next time.
    fn prune(&self, now: Timestamp) {
        for id in self.ids().unwrap_or_default() {
            let ended = self.read(&id).ok().and_then(|lease| lease.ended);
            if ended
                .and_then(|at| at.age(now))
                .is_some_and(|age| age > KEPT)
            {
                for part in ["json", "baseline", OBSERVED, "log", "lock"] {
                    fs::remove_file(self.path(&id, part)).ok();
                }
            }
        }
    }

    /// Where a part of a lease lies.
    fn path(&self, id: &str, part: &str) -> PathBuf {
        self.directory.join(format!("{id}.{part}"))
    }

    /// Writes a part so that it is there as a whole or not at all, also after a loss of power.
    fn write<T: Serialize>(&self, id: &str, part: &str, value: &T) -> Result<(), LeaseError> {
        let path = self.path(id, part);
        let new = self.path(id, &format!("{part}.new"));
        let write = || -> io::Result<()> {
            let mut file = open_options().create(true).truncate(true).open(&new)?;
            let mut buffered = BufWriter::new(&mut file);
            serde_json::to_writer(&mut buffered, value)?;
            buffered.flush()?;
            drop(buffered);
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.directory)?.sync_all()
        };
        write().map_err(|source| failed("write", &path, source))
    }

    fn read_file<T: DeserializeOwned>(&self, id: &str, part: &str) -> Result<T, LeaseError> {
        let path = self.path(id, part);
        let read = || -> io::Result<T> {
            let file = open_options().open(&path)?;
            Ok(serde_json::from_reader(BufReader::new(file))?)
        };
        read().map_err(|source| failed("read", &path, source))
    }
}

impl Held {
    /// The lease.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// What was there before it was taken.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn baseline(&self) -> Result<Baseline, LeaseError> {
        self.store.read_file(&self.lease.id, "baseline")
    }

    /// The lock, to hand it to another process.
    ///
    /// # Errors
    /// If there are no more descriptors.
    pub fn share(&self) -> io::Result<File> {
        self.lock.try_clone()
    }

    /// A file for what a process without a terminal has to say, and where it lies.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn log(&self) -> Result<(File, PathBuf), LeaseError> {
        let path = self.store.path(&self.lease.id, "log");
        match open_options().create(true).append(true).open(&path) {
            Ok(file) => Ok((file, path)),
            Err(source) => Err(failed("make", &path, source)),
        }
    }

    /// A book of what its holder saw being created under the lease, and that carries no label.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn observations(&self) -> Result<Observations, LeaseError> {
        let path = self.store.path(&self.lease.id, OBSERVED);
        Observations::open(&path).map_err(|source| failed("make", &path, source))
    }

    /// What was seen being created under the lease.
    ///
    /// # Errors
    /// If the file cannot be read. A line that was cut short by a crash counts for nothing.
    pub fn observed(&self) -> Result<HashSet<(Kind, String)>, LeaseError> {
        let path = self.store.path(&self.lease.id, OBSERVED);
        observations::read(&path).map_err(|source| failed("read", &path, source))
    }

    /// Where a socket may lie that belongs to the lease. It is removed when the lease ends.
    pub fn socket(&self) -> PathBuf {
        self.store.path(&self.lease.id, "sock")
    }

    /// Changes what counts as made under the lease. From here on it survives a crash.
    ///
    /// # Errors
    /// If that cannot be written; then nothing is changed.
    pub fn change(&mut self, terms: Terms) -> Result<(), LeaseError> {
        let lease = Lease {
            terms,
            ..self.lease.clone()
        };
        self.store.write(&lease.id, "json", &lease)?;
        self.lease = lease;
        Ok(())
    }

    /// Notes that everything made under the lease was seen to be gone.
    ///
    /// # Errors
    /// If that cannot be written; then the next sweep looks again.
    pub fn end(&mut self, at: Timestamp) -> Result<(), LeaseError> {
        self.lease.ended = Some(at);
        fs::remove_file(self.socket()).ok();
        self.store.write(&self.lease.id, "json", &self.lease)
    }
}

fn failed(what: &'static str, path: &Path, source: io::Error) -> LeaseError {
    LeaseError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}
