//! E2B's sandboxes as a plugin of tbengine, written with nothing but the public sdk.
//!
//! ```toml
//! [plugins.e2b]
//! path = "libtbengine_e2b.so"
//! sha256 = "…"
//! env = ["E2B_API_KEY"]
//!
//! [backends.e2b]
//! kind = "e2b"
//! ```
//!
//! E2B has no accepted-then-later deletion: a sandbox that was killed is gone. A paused sandbox keeps its
//! memory in storage and costs no running time, so it counts as stopped; stopping one is pausing it.
//!
//! - `config`: the backend's table, and the key
//! - `client`: what E2B says otherwise than most services, for the client of the sdk
//! - `backend`: the methods
//! - `sandbox`: from E2B's words to ours

mod backend;
mod client;
mod config;
mod sandbox;

pub use backend::E2b;

tbengine_sdk::backend!("e2b", "E2B cloud sandboxes", E2b::open);
