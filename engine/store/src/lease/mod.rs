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
//! - [`facts`]: what the guards are told of leases

pub mod baseline;
pub mod facts;
pub mod observations;
pub mod record;
pub mod store;

pub use baseline::Baseline;
pub use observations::Observations;
pub use record::{Claim, Lease};
pub use store::{Held, LeaseError, Standing, Store, Unreadable};
