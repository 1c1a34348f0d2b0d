//! `tbengine reaper`: whoever speaks as Testcontainers' clients do, and a real one, on a private Docker.

mod client;
mod crashes;
mod lines;
mod place;
mod session;
mod sessions;
