//! What is made under a lease, and what a sweep makes of it.
//!
//! - `support`: leases, hosts and resources
//! - `world`: an engine over the simulated provider
//! - one module per subject

mod leases;
mod ownership;
mod spawned;
#[expect(dead_code, reason = "shared with the tests of the store")]
#[path = "../../../store/tests/store/support.rs"]
mod support;
#[expect(dead_code, reason = "shared with the tests of the engine")]
#[path = "../../../tests/engine/stages/support.rs"]
mod world;
