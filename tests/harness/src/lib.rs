//! What the end-to-end tests have in common.
//!
//! - [`surroundings`]: what a process inherits, the same whoever started the tests
//! - [`leave_out`]: tells that a trial cannot be tried on this machine

pub mod surroundings;

pub use tbengine_sdk::testkit::left_out::leave_out;
