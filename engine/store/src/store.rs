//! All that tbengine remembers, behind one face.

use crate::{Leases, Parked, ProvenOwners, Returns, Runs, Sightings};

/// Where tbengine remembers: runs, leases, the quarantine, what was proven of owners and when things were first seen,
/// opened by one process.
pub trait Store: Runs + Leases + Parked + ProvenOwners + Returns + Sightings {}

impl<T: Runs + Leases + Parked + ProvenOwners + Returns + Sightings + ?Sized> Store for T {}
