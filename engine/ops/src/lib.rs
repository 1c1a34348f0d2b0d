//! What a run, a resume, a sweep, a guard and a lease are.
//!
//! - [`lease`]: what was made under a lease, and removing it

pub mod lease;
