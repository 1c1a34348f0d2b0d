//! All that tbengine remembers, behind one face.

use crate::{Leases, Parked, ProvenOwners, Runs};

/// Where tbengine remembers: runs, leases, the quarantine and what was proven of owners, opened by one process.
pub trait Store: Runs + Leases + Parked + ProvenOwners {}

impl<T: Runs + Leases + Parked + ProvenOwners + ?Sized> Store for T {}
