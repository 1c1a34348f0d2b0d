//! Leases at work: taking one, what was made under it, and the sweep that removes it.
//!
//! The modules, in the order in which a lease lives:
//!
//! - [`mod@take`]: lists what exists, and takes a lease
//! - [`trials`]: the trials of a job directory, and which of them are finished
//! - [`ownership`]: what was made under a lease, and what proves it
//! - [`policy`]: the policy of a sweep
//! - [`processes`]: what still runs under a lease
//! - [`mod@sweep`]: deletes what was made under a lease, once
//! - [`mod@foresee`]: what the sweeps would do of expired leases
//! - [`mod@end`]: sweeps until nothing more turns up
//! - [`mod@release`]: ends an expired lease for its holder

pub mod end;
pub mod foresee;
pub mod ownership;
pub mod policy;
pub mod processes;
pub mod release;
pub mod sweep;
pub mod take;
pub mod trials;

pub use end::{LeftOver, Passes, end, sweep_expired_leases};
pub use foresee::{PlannedSweep, foresee};
pub use ownership::{Other, OwnedBy, Ownership, Proof};
pub use policy::{LeasePolicy, Target};
pub use release::{Release, abandon, release};
pub use sweep::{Sweep, sweep};
pub use take::{Wanted, check_listing, leases, take};

pub use crate::sweep_end::SweepEnd;
