//! The backend, by its outcomes.
//!
//! - `fake`: on the fake service, whose record knows what really happened
//! - `scripted`: those that a healthy service does not show
//! - `tls`: certificates

mod fake;
mod scripted;
mod tls;
