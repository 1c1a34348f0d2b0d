//! Where runs, their claims, leases and the quarantine are kept.
//!
//! - [`journal`]: the durable record of a run, and who works on what
//! - [`lease`]: what is made under a lease is removed when it ends

pub mod journal;
pub mod lease;
