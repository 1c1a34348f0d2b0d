//! Where runs, their claims, leases and the quarantine are kept.
//!
//! [`Store`] is all that the floors above see: [`Runs`], [`Leases`], [`Parked`], [`ProvenOwners`],
//! [`Returns`] and [`Sightings`]. A store is opened by one process, and acts for it.
//!
//! - `runs`: what is recorded of runs, and who works on what
//! - `entry`, `record`: what a record says, row by row and as a whole
//! - `host`, `holder`: this process, and others that are at something
//! - `leases`: what is made under a lease is removed when it ends
//! - `lease`, `baseline`: a lease as it is written down, and what was there before it
//! - `observed`: what was seen being created under it
//! - `handover`, `scratch`: what a lease has of this host, whatever it is kept in
//! - `facts`: what the safeguards know of leases
//! - `parked`: what failed in run after run
//! - `proven`: what was proven of owners
//! - `returns`: what was deleted before under the same name
//! - `sightings`: when things were first seen
//! - `error`: why something could not be had
//! - [`sqlite`]: the store in a directory of this user

mod baseline;
mod entry;
mod error;
mod facts;
mod handover;
mod holder;
mod host;
mod lease;
mod leases;
mod observed;
mod parked;
mod proven;
mod record;
mod returns;
mod runs;
mod scratch;
mod sightings;
pub mod sqlite;
mod store;

pub use baseline::Baseline;
pub use entry::{Entry, JOURNAL_FORMAT, Row};
pub use error::{DirError, Result, StoreError};
pub use facts::facts;
pub use handover::Handover;
pub use holder::{Holder, LockConflict};
pub use host::{Host, LEASE_TTL, Process};
pub use lease::{Claim, LEASE_FORMAT, Lease};
pub use leases::{HeldLease, LeaseEntry, LeaseStatus, Leases, NewLease, Observations, Unreadable};
pub use observed::Observed;
pub use parked::Parked;
pub use proven::ProvenOwners;
pub use record::{Record, RunState, StepRecord};
pub use returns::Returns;
pub use runs::{ClaimedRun, Damage, RunLog, Runs};
pub use scratch::Scratch;
pub use sightings::Sightings;
pub use sqlite::SqliteStore;
pub use store::Store;
