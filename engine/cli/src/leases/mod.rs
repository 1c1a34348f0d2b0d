//! What commands do with leases.
//!
//! - [`taking`]: from arguments to a lease, with the baseline
//! - [`trials`]: the trials of a job directory, and which of them are over
//! - [`processes`]: what still runs under a lease
//! - [`mod@sweep`]: delete what was made under one, once
//! - [`ending`]: sweep until nothing more turns up

pub(crate) mod ending;
pub(crate) mod processes;
pub(crate) mod sweep;
pub(crate) mod taking;
pub(crate) mod trials;

pub(crate) use ending::{Ended, Looks, end, end_those_over};
pub(crate) use sweep::sweep;
pub(crate) use taking::{Wanted, take};
