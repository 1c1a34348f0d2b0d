//! The conformance kit for what is not linked in: the interface and its abuse, and the suite of the sdk over
//! the same interface.
//!
//! - `subject`: a plugin under test, and the fixtures over it
//! - `interface`: the cases of the interface itself
//! - `checked`: every answer is held against the schema
//! - `patient`: where a provider asks to wait, it is waited for
//! - `cases`: every case that fits a plugin

mod cases;
mod checked;
mod interface;
mod patient;
mod subject;

pub use cases::cases;
pub use subject::Subject;
