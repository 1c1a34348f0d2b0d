//! The store in a directory of this user: SQLite for runs, claims and the quarantine, files for leases.
//!
//! One file per run holds its record. Rows are only ever added, and each is bound to all before it, so that a
//! record that was changed or cut shows. One small file is shared by all runs of a state directory: who works
//! on what. Leases are files, because the kernel lets go of the lock of a file when its last holder is gone.
//!
//! - `state_dir`: where the files lie, and what makes a directory unfit
//! - `database`: opening SQLite files
//! - `link`: what binds a row to all before it
//! - `writer`: adding rows
//! - `reader`: reading records, and checking them
//! - `locks`: who works on what; fences
//! - `run`, `claimed`: a run under way, and one that is to be continued
//! - `quarantine`: what failed too often
//! - `proven`: what was proven of owners
//! - `returns`: what was deleted before under the same name
//! - `sightings`: when things were first seen
//! - `prune`: forgetting runs that are long over
//! - `leases`, `observations`: the files of leases

mod claimed;
mod database;
mod leases;
mod link;
mod locks;
mod observations;
mod proven;
mod prune;
mod quarantine;
mod reader;
mod returns;
mod run;
mod sightings;
mod state_dir;
mod writer;

use std::collections::HashMap;
use std::path::Path;

use async_trait::async_trait;
use tbengine_engine::clock::RunClock;
use tbengine_engine::discover::recognise::LearnedIn;
use tbengine_engine::facts::{IdentityKey, QuarantineEntry};
use tbengine_engine::plan::Plan;
use tbengine_sdk::Timestamp;

use crate::{
    Baseline, ClaimedRun, Damage, Handover, HeldLease, Host, LeaseEntry, Leases, NewLease, Parked,
    ProvenOwners, Record, Result, Returns, RunLog, Runs, Sightings, Unreadable,
};

use claimed::SqliteClaimedRun;
use leases::LeaseFiles;
use run::SqliteRun;
use state_dir::StateDir;

/// The store in a directory of this user, as one process of this host uses it. Every call opens the files that
/// it needs, and waits for nothing but the short transactions of other processes.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    state: StateDir,
    host: Host,
}

impl SqliteStore {
    /// The store in a directory that may not exist yet. `None` if it does not.
    ///
    /// # Errors
    /// [`StoreError::Directory`](crate::StoreError::Directory) with what is wrong with the directory.
    pub fn open(directory: &Path, host: &Host) -> Result<Option<Self>> {
        let state = StateDir::open(directory)?;
        Ok(state.map(|state| Self::of(state, host)))
    }

    /// The store in a directory, which is made where it does not exist.
    ///
    /// # Errors
    /// [`StoreError::Directory`](crate::StoreError::Directory) with what is wrong with the directory.
    pub fn create(directory: &Path, host: &Host) -> Result<Self> {
        Ok(Self::of(StateDir::create(directory)?, host))
    }

    /// Whether a directory, be it fit or not, was seen to hold neither leases nor what runs share: nothing is
    /// lost by not reading it.
    pub fn knows_nothing(directory: &Path) -> bool {
        StateDir::knows_nothing(directory)
    }

    /// The directory, without links.
    pub fn directory(&self) -> &Path {
        self.state.path()
    }

    fn of(state: StateDir, host: &Host) -> Self {
        Self {
            state,
            host: host.clone(),
        }
    }

    fn leases(&self) -> LeaseFiles {
        LeaseFiles::new(&self.state, &self.host)
    }
}

#[async_trait]
impl Runs for SqliteStore {
    async fn begin(&self, plan: &Plan, clock: RunClock) -> Result<Box<dyn RunLog>> {
        let run = SqliteRun::begin(&self.state, &self.host, plan, clock, None)?;
        Ok(Box::new(run))
    }

    async fn reopen(&self, run: &str) -> Result<Box<dyn ClaimedRun>> {
        let claimed = SqliteClaimedRun::lock(&self.state, &self.host, run)?;
        Ok(Box::new(claimed))
    }

    async fn record(&self, run: &str) -> Result<Record> {
        Ok(reader::record(&self.state, &self.host, run)?.record)
    }

    async fn newest(&self, most: usize) -> Result<Vec<Result<Record, Damage>>> {
        reader::newest(&self.state, &self.host, most)
    }

    async fn find(&self, beginning: &str) -> Result<String> {
        reader::find(&self.state, beginning)
    }

    async fn prune(&self, before: Timestamp) -> Result<usize> {
        prune::prune(&self.state, &self.host, before)
    }
}

#[async_trait]
impl Leases for SqliteStore {
    async fn take(&self, lease: NewLease, baseline: &Baseline) -> Result<Box<dyn HeldLease>> {
        Ok(Box::new(self.leases().take(lease, baseline)?))
    }

    async fn all(&self) -> Result<Vec<Result<LeaseEntry, Unreadable>>> {
        self.leases().all()
    }

    async fn lease(&self, id: &str) -> Result<LeaseEntry> {
        let leases = self.leases();
        leases.entry(leases.read_with_lock(id)?)
    }

    async fn renew(&self, id: &str) -> Result<LeaseEntry> {
        let leases = self.leases();
        leases.entry(leases.renew(id)?)
    }

    async fn adopt(&self, id: &str) -> Result<Option<Box<dyn HeldLease>>> {
        let held = self.leases().adopt(id)?;
        Ok(held.map(|held| Box::new(held) as Box<dyn HeldLease>))
    }

    async fn look_at(&self, id: &str) -> Result<Option<Box<dyn HeldLease>>> {
        let held = self.leases().look_at(id)?;
        Ok(held.map(|held| Box::new(held) as Box<dyn HeldLease>))
    }

    async fn release(&self, id: &str) -> Result<Option<Box<dyn HeldLease>>> {
        let held = self.leases().release(id)?;
        Ok(held.map(|held| Box::new(held) as Box<dyn HeldLease>))
    }

    async fn inherit(&self, handover: Handover) -> Result<Box<dyn HeldLease>> {
        let Handover { lease, descriptor } = handover;
        let held = self.leases().inherit(&lease, descriptor.into())?;
        Ok(Box::new(held))
    }

    async fn set_aside(&self, id: &str) -> Result<String> {
        let aside = self.leases().set_aside(id)?;
        Ok(aside.display().to_string())
    }
}

#[async_trait]
impl Parked for SqliteStore {
    async fn parked(&self, after: u32) -> Result<HashMap<IdentityKey, QuarantineEntry>> {
        quarantine::read(&self.state, &self.host, after)
    }

    async fn forget(&self, resources: &[IdentityKey]) -> Result<()> {
        quarantine::forget(&self.state, &self.host, resources)
    }
}

#[async_trait]
impl ProvenOwners for SqliteStore {
    async fn proven(&self, since: Timestamp) -> Result<Vec<LearnedIn>> {
        proven::read(&self.state, &self.host, since)
    }

    async fn note_proven(
        &self,
        proven: &[LearnedIn],
        at: Timestamp,
        forget_before: Timestamp,
    ) -> Result<()> {
        proven::note(&self.state, &self.host, proven, at, forget_before)
    }
}

#[async_trait]
impl Returns for SqliteStore {
    async fn note_deleted(
        &self,
        keys: &[String],
        at: Timestamp,
        forget_before: Timestamp,
    ) -> Result<Vec<u32>> {
        returns::note(&self.state, &self.host, keys, at, forget_before)
    }
}

#[async_trait]
impl Sightings for SqliteStore {
    async fn first_seen(&self, since: Timestamp) -> Result<Vec<(IdentityKey, Timestamp)>> {
        sightings::read(&self.state, &self.host, since)
    }

    async fn note_seen(
        &self,
        seen: &[IdentityKey],
        at: Timestamp,
        forget_before: Timestamp,
    ) -> Result<()> {
        sightings::note(&self.state, &self.host, seen, at, forget_before)
    }
}
