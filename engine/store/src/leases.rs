//! Leases: what is made under one is removed when it ends, whatever becomes of its holder.
//!
//! A lease has an id, its *terms* (what counts as made under it) and a *baseline* (what was there
//! before). While it is live nobody else touches what is proven to be made under it. It ends when its
//! holder says so, when its time runs out, or when every process that holds it is gone; then the process that
//! comes first sweeps: deletes what was made under it, and nothing else.

use std::collections::HashSet;
use std::fmt::Debug;
use std::io;
use std::time::Duration;

use async_trait::async_trait;
use tbengine_engine::terms::Terms;
use tbengine_sdk::Timestamp;

use crate::{Baseline, Handover, Lease, Observed, Result, Scratch, StoreError};

/// The leases that were taken, and who holds them.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes a lease for this process: from here on it is live, and its record survives a crash.
    ///
    /// # Errors
    /// [`StoreError::LeaseId`] if its id is not fit, [`StoreError::LeaseExists`] if it was taken before, or why
    /// it cannot be written.
    async fn take(&self, lease: NewLease, baseline: &Baseline) -> Result<Box<dyn HeldLease>>;

    /// Every lease, oldest first where the ids begin with the time, or why one cannot be read: nobody knows
    /// what such a lease protects.
    ///
    /// # Errors
    /// If they cannot be listed. Where none was ever taken, there are none.
    async fn all(&self) -> Result<Vec<Result<LeaseEntry, Unreadable>>>;

    /// A lease by its id.
    ///
    /// # Errors
    /// [`StoreError::NoLease`] if there is none, or why it cannot be read.
    async fn lease(&self, id: &str) -> Result<LeaseEntry>;

    /// Lets a lease hold for its full time again.
    ///
    /// # Errors
    /// [`StoreError::Expired`] if it is too late, [`StoreError::Held`] if it holds as long as processes do.
    async fn renew(&self, id: &str) -> Result<LeaseEntry>;

    /// Takes over an expired lease, to sweep. `None` if it has ended meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Held`] if it is live, or someone else sweeps it; [`StoreError::Later`] if a later
    /// version has to sweep it.
    async fn adopt(&self, id: &str) -> Result<Option<Box<dyn HeldLease>>>;

    /// An expired lease, to see what its sweep would do. It is not taken over, and others still can.
    /// `None` if it has ended, or counts again.
    ///
    /// # Errors
    /// Why it cannot be read.
    async fn look_at(&self, id: &str) -> Result<Option<Box<dyn HeldLease>>>;

    /// Ends the time of a lease now, and takes it over to sweep. `None` if it has ended before.
    ///
    /// # Errors
    /// [`StoreError::Held`] if processes hold it, or someone sweeps it; [`StoreError::Later`] if a later
    /// version has to sweep it.
    async fn release(&self, id: &str) -> Result<Option<Box<dyn HeldLease>>>;

    /// Holds a lease that another process of this host holds and handed over.
    ///
    /// # Errors
    /// If its record cannot be read.
    async fn inherit(&self, handover: Handover) -> Result<Box<dyn HeldLease>>;

    /// Sets the record of a lease aside that cannot be read, so that it refuses no plan any more. Nothing is
    /// deleted: what was made under it is not known. Returns where the record is now.
    ///
    /// # Errors
    /// [`StoreError::Held`] if processes hold it, [`StoreError::NoLease`] if there is none.
    async fn set_aside(&self, id: &str) -> Result<String>;
}

/// A lease that this process holds. Dropping it lets go; a lease by time stays live until that has passed.
#[async_trait]
pub trait HeldLease: Send + Sync + Debug {
    /// The lease.
    fn lease(&self) -> &Lease;

    /// What was there before it was taken.
    ///
    /// # Errors
    /// If that cannot be read.
    async fn baseline(&self) -> Result<Baseline>;

    /// What was seen being created under the lease.
    ///
    /// # Errors
    /// If that cannot be read. What was noted in part when a process died counts for nothing.
    async fn observed(&self) -> Result<HashSet<Observed>>;

    /// Changes what counts as made under the lease. From here on it survives a crash.
    ///
    /// # Errors
    /// If that cannot be written; then nothing is changed.
    async fn change(&mut self, terms: Terms) -> Result<()>;

    /// Notes that everything made under the lease was seen to be gone.
    ///
    /// # Errors
    /// If that cannot be written; then the next sweep looks again.
    async fn end(&mut self, at: Timestamp) -> Result<()>;

    /// A book of what its holder sees being created under the lease, and that carries no label. It may outlive
    /// this.
    ///
    /// # Errors
    /// If it cannot be made.
    fn observations(&self) -> Result<Box<dyn Observations>>;

    /// What another process of this host needs to hold the lease as well.
    ///
    /// # Errors
    /// If the host has none left to give, like descriptors.
    fn share(&self) -> io::Result<Handover>;

    /// Where what belongs to the lease may lie on this host. Everything in it is removed with the lease.
    fn scratch(&self) -> Scratch;
}

/// A book of what was seen being created under a lease.
pub trait Observations: Send + Sync + Debug {
    /// Notes one. Once this returns it outlives this process. It is called while a request is passed on, so it
    /// waits for nobody.
    ///
    /// # Errors
    /// If that cannot be noted; then nothing proves that it belongs to the lease.
    fn note(&self, observed: &Observed) -> io::Result<()>;

    /// Notes that what runs under the lease relies on an image, no matter who made it.
    ///
    /// # Errors
    /// If that cannot be noted; then nothing keeps others from deleting it.
    fn rely_on(&self, image: &str) -> io::Result<()>;
}

/// A lease that is to be taken.
#[derive(Clone, Debug)]
pub struct NewLease {
    /// Its id: 1 to 64 letters, digits and hyphens.
    pub id: String,
    /// Since when.
    pub since: Timestamp,
    /// What counts as made under it.
    pub terms: Terms,
    /// How long it holds from each renewal; without, as long as processes hold it.
    pub ttl: Option<Duration>,
}

/// A lease, and whether it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseEntry {
    /// The lease.
    pub lease: Lease,
    /// Whether it counts.
    pub status: LeaseStatus,
    /// How long it still holds without being renewed, if it is live and holds by time.
    pub left: Option<Duration>,
    /// Native ids of images that its holder relies on, if it is live.
    pub images: HashSet<String>,
}

/// Whether a lease counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseStatus {
    /// It is held, or its time is not over.
    Live,
    /// Nobody holds it, and what was made under it has not been swept.
    Over,
    /// What was made under it was seen to be gone.
    Ended,
}

/// A lease whose record cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("lease {id} cannot be read: {why}")]
pub struct Unreadable {
    /// Its id.
    pub id: String,
    /// Why.
    pub why: StoreError,
}
