//! Leases: what is made under one is removed when it ends, whatever becomes of its holder.
//!
//! A lease has an id, its *terms* (what counts as made under it) and a *baseline* (what was there
//! before). While it is live nobody else touches what is proven to be made under it. It ends when its
//! holder says so, when its time runs out, or when every process that holds it is gone; then whoever
//! comes first sweeps: deletes what was made under it, and nothing else.
//!
//! The modules, in the order data flows:
//!
//! - [`record`]: a lease as it is written down
//! - [`baseline`]: what was there before
//! - [`observations`]: what its holder saw being created
//! - [`store`]: the leases of a state directory, and who holds them
//! - `facts`: what the guards are told of leases
//! - [`ownership`]: what was made under a lease, and what proves it
//! - [`policy`]: the policy of a sweep
//! - [`holder`]: a lease in the hands of a Rust program

pub mod baseline;
mod facts;
pub mod holder;
pub mod observations;
pub mod ownership;
pub mod policy;
pub mod record;
pub mod store;

pub use baseline::Baseline;
pub use holder::{HoldError, Holding, Released};
pub use observations::Observations;
pub use ownership::{Belonging, Other, Ownership, Proof};
pub use policy::{LeasePolicy, Target};
pub use record::{Claim, Lease};
pub use store::{Held, LeaseError, Standing, Store, Unreadable};
