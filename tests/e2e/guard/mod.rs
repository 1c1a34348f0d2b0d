//! `tbengine guard` on a real Docker: whatever becomes of the command, the guard or the reaper, what the
//! command made goes, and nothing else does.
//!
//! - `host`: a daemon, a home, and a guard that is under way
//! - `ends`: how the command may end, and what the guard answers
//! - `killed`: `kill -9` of the guard, the reaper and both
//! - `held`: leases that scripts and Rust programs take
//! - `owned`: whose resources are whose
//! - `told`: signals, the terminal, process groups, orphans
//! - `tidied`: units that are over while the command runs

mod ends;
mod held;
mod host;
mod killed;
mod owned;
mod tidied;
mod told;
