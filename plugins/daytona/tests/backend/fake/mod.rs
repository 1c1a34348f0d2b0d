//! The backend on the fake service, whose record knows what really happened.
//!
//! - `world`: the service and the backend
//! - one module per subject

mod deleting;
mod faults;
mod keys;
mod leaving;
mod limits;
mod listing;
mod others;
mod world;
