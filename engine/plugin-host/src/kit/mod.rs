//! The conformance kit for what is not linked in: the interface and its abuse, and the suite of the sdk over
//! the same interface.
//!
//! - `subject`: a plugin under test, and every case that fits it
//! - `interface`: the cases of the interface itself
//! - `fixtures`: what the suite of the sdk runs on

mod fixtures;
mod interface;
mod subject;

pub use subject::Subject;
