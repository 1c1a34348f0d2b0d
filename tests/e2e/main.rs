//! The program end to end, with its backends real or simulated.
//!
//! - `cli`: over the simulated provider
//! - `docker`: on a real Docker, the private daemon of the tests
//! - `both`: over Docker and Daytona in one run
//! - `guard`: `tbengine guard`, and leases in the hands of others
//! - `reaper`: `tbengine reaper`, for whoever speaks as Testcontainers' clients do
//! - `crashes`: killed at random points, and the daemon under it as well

mod both;
mod cli;
mod crashes;
mod docker;
mod guard;
mod reaper;
