//! What is kept: runs with their claims, leases, and the quarantine. What a sweep makes of leases is in `ops`.
//!
//! - `suite`: what every store does
//! - `sqlite`: the suite over the store in a directory, and what is only true of that
//! - `support`: leases, hosts and resources
//! - `world`: an engine over the simulated provider

#[macro_use]
mod suite;
mod sqlite;
mod support;
#[expect(dead_code, reason = "shared with the tests of the engine")]
#[path = "../../../tests/engine/stages/support.rs"]
mod world;
