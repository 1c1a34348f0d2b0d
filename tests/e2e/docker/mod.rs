//! The program end to end on a real Docker: the private daemon of the tests, never the host's.

mod host;
mod presets;
mod refusals;
mod whole;
