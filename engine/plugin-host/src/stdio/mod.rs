//! Plugins that are programs: the same documents as lines on standard input and output.
//!
//! Each backend has a process of its own, in a process group of its own, with nothing of the environment
//! but what the configuration passes. Whatever it does, it is an error of this backend: it may hang, die,
//! write too much or nonsense, or read nothing. It is killed with its group when the backend goes.
//!
//! - `program`: starting a process, and greeting it
//! - `greeted`: a process that waits for its first backend
//! - `group`: process groups, and their end with the host
//! - `process`: requests to a process, its answers and its death
//! - `pipes`: the threads that read and write for it
//! - `channel`: an open backend, whose process is started again when it died

mod channel;
mod greeted;
mod group;
mod pipes;
mod process;
mod program;

pub(crate) use channel::ProgramChannel;
pub(crate) use greeted::Greeted;
pub use group::end_all;
pub(crate) use process::GONE;
pub(crate) use program::Program;
