//! The leases of a state directory, and who holds them.
//!
//! Each has three files under `leases/`: its record, its baseline, and a lock. A lease that is claimed by
//! its lock is live as long as any process has that lock open: the kernel lets go of it when the last of
//! them is gone, however that happened. The process that sweeps holds the lock while doing so.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use rustix::fs::{FlockOperation, flock};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tbengine_engine::terms::{Later, Terms};
use tbengine_sdk::Timestamp;

use super::StateDir;
use super::observations::{self, ObservationsFile};
use super::state_dir::is_run_id;
use crate::scratch::private;
use crate::{
    Baseline, Claim, Handover, HeldLease, Host, LEASE_FORMAT, Lease, LeaseEntry, LeaseStatus,
    NewLease, Observations, Observed, Scratch, StoreError, Unreadable,
};

/// Looking at a lock takes it for a moment, so it is tried so often.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// How long the record of a lease that has ended is kept, to know late resources by.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);

/// The part of a lease that says what was seen being created.
const OBSERVED: &str = "observed";

/// The leases of a state directory, as one process sees them.
#[derive(Clone, Debug)]
pub(super) struct LeaseFiles {
    /// The directory of the state, in which that of the leases lies.
    state: PathBuf,
    directory: PathBuf,
    host: Host,
}

impl LeaseFiles {
    /// The leases of a state directory.
    pub(super) fn new(state: &StateDir, host: &Host) -> Self {
        Self {
            state: state.path().to_owned(),
            directory: state.leases(),
            host: host.clone(),
        }
    }

    /// Takes a lease: from here on it is live, and its record survives a crash.
    pub(super) fn take(
        &self,
        lease: NewLease,
        baseline: &Baseline,
    ) -> Result<SqliteHeldLease, StoreError> {
        let NewLease {
            id,
            since,
            terms,
            ttl,
        } = lease;
        if !is_run_id(&id) {
            return Err(StoreError::LeaseId { id });
        }
        self.make_directory()?;
        let path = self.path(&id, "lock");
        let lock = private()
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| StoreError::lease_io("make", &path, source))?;
        // A lock without a record is left of someone who died before there was a lease.
        let is_free = flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()
            && !self.has_record(&id)?;
        if !is_free {
            return Err(StoreError::LeaseExists { id });
        }
        let claim = match ttl {
            None => Claim::Lock,
            Some(ttl) => Claim::for_time(ttl, &self.host),
        };
        let lease = Lease {
            format: LEASE_FORMAT.into(),
            id,
            since,
            holder: self.host.process.clone(),
            claim,
            terms,
            ended: None,
            later: Later::default(),
        };
        let written = self.write(&lease.id, "baseline", baseline);
        let written = written.and_then(|()| self.write(&lease.id, "json", &lease));
        if let Err(error) = written {
            // The caller gets no id, so it could not release the lease. The lock file stays for other processes that
            // have opened it.
            for part in ["json", "baseline"] {
                fs::remove_file(self.path(&lease.id, part)).ok();
            }
            return Err(error);
        }
        self.prune(since);
        Ok(SqliteHeldLease {
            files: self.clone(),
            lease,
            lock,
        })
    }

    fn make_directory(&self) -> Result<(), StoreError> {
        match DirBuilder::new().mode(0o700).create(&self.directory) {
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made
                .and_then(|()| File::open(&self.state)?.sync_all())
                .map_err(|source| StoreError::lease_io("make", &self.directory, source)),
        }
    }

    fn has_record(&self, id: &str) -> Result<bool, StoreError> {
        let path = self.path(id, "json");
        path.try_exists()
            .map_err(|source| StoreError::lease_io("look at", &path, source))
    }

    /// A lease by its id.
    pub(super) fn read(&self, id: &str) -> Result<Lease, StoreError> {
        if !is_run_id(id) {
            return Err(StoreError::LeaseId { id: id.to_owned() });
        }
        let lease: Lease = match self.read_file(id, "json") {
            Err(StoreError::LeaseIo { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::NoLease { id: id.to_owned() });
            }
            read => read?,
        };
        if lease.format != LEASE_FORMAT {
            return Err(StoreError::format(&self.path(id, "json"), lease.format));
        }
        if lease.id != id {
            // What carries the id of either of them would be left unprotected.
            let why = io::Error::new(
                io::ErrorKind::InvalidData,
                "it is the record of another lease",
            );
            return Err(StoreError::lease_io("read", &self.path(id, "json"), why));
        }
        Ok(lease)
    }

    /// The ids of all leases, oldest first where the ids begin with the time.
    fn ids(&self) -> Result<Vec<String>, StoreError> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => {
                entries.map_err(|source| StoreError::lease_io("read", &self.directory, source))?
            }
        };
        let mut ids = Vec::new();
        for entry in entries {
            let entry =
                entry.map_err(|source| StoreError::lease_io("read", &self.directory, source))?;
            let name = entry.file_name().into_string().ok();
            let id = name.and_then(|name| name.strip_suffix(".json").map(str::to_owned));
            ids.extend(id.filter(|id| is_run_id(id)));
        }
        ids.sort();
        Ok(ids)
    }

    /// Every lease with its status, or why its record cannot be read: nobody knows what such a lease
    /// protects.
    pub(super) fn all(&self) -> Result<Vec<Result<LeaseEntry, Unreadable>>, StoreError> {
        let mut all = Vec::new();
        for id in self.ids()? {
            match self.read_with_lock(&id).and_then(|lease| self.entry(lease)) {
                Ok(entry) => all.push(Ok(entry)),
                // It ended long ago, and was forgotten since its id was listed.
                Err(StoreError::NoLease { .. }) => {}
                Err(why) => all.push(Err(Unreadable { id, why })),
            }
        }
        Ok(all)
    }

    /// A lease, provided that what says whether it is held is there as well.
    pub(super) fn read_with_lock(&self, id: &str) -> Result<Lease, StoreError> {
        let lease = self.read(id)?;
        if lease.ended.is_none() && lease.claim == Claim::Lock {
            let path = self.path(id, "lock");
            fs::symlink_metadata(&path)
                .map_err(|source| StoreError::lease_io("look at", &path, source))?;
        }
        Ok(lease)
    }

    /// Sets the record of a lease aside that cannot be read, so that it refuses no plan any more. Nothing is
    /// deleted: what was made under it is not known. Returns where the record lies now.
    pub(super) fn set_aside(&self, id: &str) -> Result<PathBuf, StoreError> {
        if !is_run_id(id) {
            return Err(StoreError::LeaseId { id: id.to_owned() });
        }
        if self.is_locked(id) {
            return Err(StoreError::Held { id: id.to_owned() });
        }
        let (record, aside) = (self.path(id, "json"), self.path(id, "unreadable"));
        match fs::rename(&record, &aside) {
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                Err(StoreError::NoLease { id: id.to_owned() })
            }
            moved => {
                moved.map_err(|source| StoreError::lease_io("move", &record, source))?;
                Ok(aside)
            }
        }
    }

    /// A lease with what it is worth now.
    pub(super) fn entry(&self, lease: Lease) -> Result<LeaseEntry, StoreError> {
        let status = self.status(&lease);
        let left = match (&lease.claim, status) {
            (Claim::Time { expires_ms, .. }, LeaseStatus::Live) => Some(Duration::from_millis(
                expires_ms.saturating_sub(self.host.uptime_ms()),
            )),
            _ => None,
        };
        let images = match status {
            LeaseStatus::Live => {
                let path = self.path(&lease.id, OBSERVED);
                let relied = observations::relied_on(&path);
                relied.map_err(|source| StoreError::lease_io("read", &path, source))?
            }
            LeaseStatus::Over | LeaseStatus::Ended => HashSet::new(),
        };
        Ok(LeaseEntry {
            lease,
            status,
            left,
            images,
        })
    }

    /// Whether a lease counts.
    fn status(&self, lease: &Lease) -> LeaseStatus {
        if lease.ended.is_some() {
            return LeaseStatus::Ended;
        }
        let live = match &lease.claim {
            Claim::Time {
                expires_ms, boot, ..
            } => *boot == self.host.process.boot && self.host.uptime_ms() < *expires_ms,
            Claim::Lock => self.is_locked(&lease.id),
        };
        if live {
            LeaseStatus::Live
        } else {
            LeaseStatus::Over
        }
    }

    fn is_locked(&self, id: &str) -> bool {
        match private().open(self.path(id, "lock")) {
            Ok(lock) => flock(lock, FlockOperation::NonBlockingLockShared).is_err(),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// Takes over an expired lease, to sweep. `None` if it has ended meanwhile.
    pub(super) fn adopt(&self, id: &str) -> Result<Option<SqliteHeldLease>, StoreError> {
        let held = self.lock(id)?;
        match self.standing_when_locked(&held.lease) {
            LeaseStatus::Live => Err(StoreError::Held { id: id.to_owned() }),
            LeaseStatus::Over if !held.lease.is_understood() => {
                Err(StoreError::Later { id: id.to_owned() })
            }
            LeaseStatus::Over => Ok(Some(held)),
            LeaseStatus::Ended => Ok(None),
        }
    }

    /// An expired lease, without its lock.
    pub(super) fn look_at(&self, id: &str) -> Result<Option<SqliteHeldLease>, StoreError> {
        let lease = self.read_with_lock(id)?;
        if self.status(&lease) != LeaseStatus::Over {
            return Ok(None);
        }
        let path = self.path(id, "lock");
        let lock = private()
            .open(&path)
            .map_err(|source| StoreError::lease_io("open", &path, source))?;
        let files = self.clone();
        Ok(Some(SqliteHeldLease { files, lease, lock }))
    }

    /// Ends the time of a lease now, and takes it over to sweep. `None` if it has ended before.
    pub(super) fn release(&self, id: &str) -> Result<Option<SqliteHeldLease>, StoreError> {
        let mut held = self.lock(id)?;
        if held.lease.ended.is_some() {
            return Ok(None);
        }
        if !held.lease.is_understood() {
            return Err(StoreError::Later { id: id.to_owned() });
        }
        if let Claim::Time { expires_ms, .. } = &mut held.lease.claim {
            *expires_ms = 0;
        }
        self.write(id, "json", &held.lease)?;
        Ok(Some(held))
    }

    /// Renews a lease that is claimed by time.
    pub(super) fn renew(&self, id: &str) -> Result<Lease, StoreError> {
        let mut held = self.lock(id)?;
        if self.standing_when_locked(&held.lease) != LeaseStatus::Live {
            return Err(StoreError::Expired { id: id.to_owned() });
        }
        if let Claim::Time {
            ttl_ms, expires_ms, ..
        } = &mut held.lease.claim
        {
            *expires_ms = self.host.uptime_ms().saturating_add(*ttl_ms);
        }
        self.write(id, "json", &held.lease)?;
        Ok(held.lease)
    }

    /// A lease whose lock another process handed to this one.
    pub(super) fn inherit(&self, id: &str, lock: File) -> Result<SqliteHeldLease, StoreError> {
        Ok(SqliteHeldLease {
            files: self.clone(),
            lease: self.read(id)?,
            lock,
        })
    }

    fn standing_when_locked(&self, lease: &Lease) -> LeaseStatus {
        match (&lease.ended, &lease.claim) {
            (None, Claim::Lock) => LeaseStatus::Over,
            _ => self.status(lease),
        }
    }

    fn lock(&self, id: &str) -> Result<SqliteHeldLease, StoreError> {
        // Reading first tells an unknown lease from one that is locked.
        self.read(id)?;
        let path = self.path(id, "lock");
        let lock = private()
            .open(&path)
            .map_err(|source| StoreError::lease_io("open", &path, source))?;
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
        Err(StoreError::Held { id: id.to_owned() })
    }

    /// Forgets leases that ended long ago. What cannot be removed stays for the next time.
    fn prune(&self, now: Timestamp) {
        for id in self.ids().unwrap_or_default() {
            let ended = self.read(&id).ok().and_then(|lease| lease.ended);
            if ended
                .and_then(|at| at.age(now))
                .is_some_and(|age| age > RETENTION)
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
    fn write<T: Serialize>(&self, id: &str, part: &str, value: &T) -> Result<(), StoreError> {
        let path = self.path(id, part);
        let new = self.path(id, &format!("{part}.new"));
        let write = || -> io::Result<()> {
            let mut file = private().create(true).truncate(true).open(&new)?;
            let mut buffered = BufWriter::new(&mut file);
            serde_json::to_writer(&mut buffered, value)?;
            buffered.flush()?;
            drop(buffered);
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.directory)?.sync_all()
        };
        write().map_err(|source| {
            fs::remove_file(&new).ok();
            StoreError::lease_io("write", &path, source)
        })
    }

    fn read_file<T: DeserializeOwned>(&self, id: &str, part: &str) -> Result<T, StoreError> {
        let path = self.path(id, part);
        let read = || -> io::Result<T> {
            let file = private().open(&path)?;
            Ok(serde_json::from_reader(BufReader::new(file))?)
        };
        read().map_err(|source| StoreError::lease_io("read", &path, source))
    }
}

/// A lease that this process holds: the process that has the lock open does.
#[derive(Debug)]
pub(super) struct SqliteHeldLease {
    files: LeaseFiles,
    lease: Lease,
    lock: File,
}

#[async_trait]
impl HeldLease for SqliteHeldLease {
    fn lease(&self) -> &Lease {
        &self.lease
    }

    async fn baseline(&self) -> Result<Baseline, StoreError> {
        self.files.read_file(&self.lease.id, "baseline")
    }

    async fn observed(&self) -> Result<HashSet<Observed>, StoreError> {
        let path = self.files.path(&self.lease.id, OBSERVED);
        observations::read(&path).map_err(|source| StoreError::lease_io("read", &path, source))
    }

    async fn change(&mut self, terms: Terms) -> Result<(), StoreError> {
        let lease = Lease {
            terms,
            ..self.lease.clone()
        };
        self.files.write(&lease.id, "json", &lease)?;
        self.lease = lease;
        Ok(())
    }

    async fn end(&mut self, at: Timestamp) -> Result<(), StoreError> {
        self.lease.ended = Some(at);
        self.scratch().remove_socket();
        self.files.write(&self.lease.id, "json", &self.lease)
    }

    fn observations(&self) -> Result<Box<dyn Observations>, StoreError> {
        let path = self.files.path(&self.lease.id, OBSERVED);
        match ObservationsFile::open(&path) {
            Ok(file) => Ok(Box::new(file)),
            Err(source) => Err(StoreError::lease_io("make", &path, source)),
        }
    }

    fn share(&self) -> io::Result<Handover> {
        let lock = self.lock.try_clone()?;
        Ok(Handover::received(&self.lease.id, lock.into()))
    }

    fn scratch(&self) -> Scratch {
        Scratch::new(self.files.directory.clone(), &self.lease.id)
    }
}
