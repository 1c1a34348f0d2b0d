//! Leases: their records, and what belongs to one. What the guards make of that is in `stages`.
//!
//! - `support`: leases, hosts and resources
//! - one module per subject

mod claims;
mod ownership;
mod store;
mod support;
