//! The engine, stage by stage and as a whole.
//!
//! - `stages`: over the simulated provider, in simulated time
//! - `cloud`: over the Daytona backend and the fake service
//! - `policy_host`: the WASM host, driven with real components
//! - `owners`: whose a resource is
//! - `embedded`: the built-in policies are what the sources say

mod cloud;
mod embedded;
mod owners;
mod policy_host;
mod stages;
