//! The program end to end, with its backends real or simulated.
//!
//! - `cli`: over the simulated provider
//! - `docker`: on a real Docker, the private daemon of the tests
//! - `both`: over Docker and Daytona in one run
//! - `cloud`: over Daytona alone
//! - `guard`: `tbengine guard`, and leases in the hands of others
//! - `reaper`: `tbengine reaper`, for clients that use the protocol of Testcontainers
//! - `crashes`: killed at random points, and the daemon under it as well

mod both;
mod cli;
mod cloud;
mod crashes;
mod docker;
mod guard;
mod reaper;

use tbengine_dockerd::Dockerd;
use tbengine_harness::Home;

/// An empty home of the program under test.
fn home() -> Home {
    tbengine_harness::home!()
}

/// A daemon of a test's own, because it counts everything that is there, and a home where that is the one in use.
fn on_docker() -> (Dockerd, Home) {
    let daemon = Dockerd::start().unwrap_or_else(|error| panic!("{error}"));
    let home = home().docker(&daemon.host());
    (daemon, home)
}
