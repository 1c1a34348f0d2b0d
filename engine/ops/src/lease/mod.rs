//! Leases at work: what was made under one, and the sweep that removes it.
//!
//! - [`ownership`]: what was made under a lease, and what proves it
//! - [`policy`]: the policy of a sweep
//! - [`holding`]: a lease in the hands of a Rust program

pub mod holding;
pub mod ownership;
pub mod policy;

pub use holding::{HoldError, Holding, Released};
pub use ownership::{Belonging, Other, Ownership, Proof};
pub use policy::{LeasePolicy, Target};
