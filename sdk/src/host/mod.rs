//! What a program needs that uses backends: one that is open, and calling it so that neither a hang nor a
//! panic gets out. Authors of backends need none of it.

mod call;
mod closest;
mod open_backend;

pub use call::{call, call_while};
pub use closest::closest;
pub use open_backend::OpenBackend;
