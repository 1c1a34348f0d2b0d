//! `tbengine reaper`: clients that use the protocol of Testcontainers, and a real one, on a private Docker.

mod client;
mod crashes;
mod lines;
mod place;
mod session;
mod sessions;
