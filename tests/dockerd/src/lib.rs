//! A private Docker daemon for tests, which leaves nothing behind.
//!
//! [`Dockerd::start`] runs dockerd and a containerd of its own in new mount, process and network
//! namespaces, with everything in one temporary directory. A supervisor outside of the test process
//! ends it all as soon as the test process is gone, however that ended, so that a daemon kept in a
//! `static` (see [`shared`]) is cleaned up as well. What several test processes share ends with the last of
//! them and the run that they belong to.
//!
//! - [`error`]: why that failed
//! - [`daemon`]: start, crash and end the daemon, and talk to it
//! - `supervisor`: the process that does so
//! - `lease`: a daemon that several test processes share
//! - [`fixtures`]: make containers, networks, volumes and images in it

pub mod daemon;
pub mod error;
pub mod fixtures;
mod lease;
mod supervisor;

pub use daemon::{Dockerd, Network, shared};
pub use error::StartError;
