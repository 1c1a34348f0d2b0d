//! What is kept: runs with their claims, and leases. What a sweep makes of leases is in `ops`.
//!
//! - `support`: leases, hosts and resources
//! - `world`: an engine over the simulated provider
//! - one module per subject

mod claims;
mod journal;
mod leases;
mod support;
#[expect(dead_code, reason = "shared with the tests of the engine")]
#[path = "../../../tests/stages/support.rs"]
mod world;
