//! The program on a real Docker: the private daemon of the tests, never the host's.

mod changes;
mod damaged;
mod hung;
mod presets;
mod refusals;
mod stories;
mod whole;
