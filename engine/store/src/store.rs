//! All that tbengine remembers, behind one face.

use crate::{Leases, Parked, Runs};

/// Where tbengine remembers: runs, leases and the quarantine, opened by one process.
pub trait Store: Runs + Leases + Parked {}

impl<T: Runs + Leases + Parked + ?Sized> Store for T {}
