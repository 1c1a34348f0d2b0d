//! Plugins: what they are put through, and what they put the host through.
//!
//! - `c`: libraries in C
//! - `support`: loading and opening, and plugins in C that a test writes
//! - `listening`: what they log
//! - `library`: the library in Rust through the C interface
//! - `hostile`: libraries in C that break the rules
//! - `program`: programs that do
//! - `loading`: what is refused before it runs
//! - `e2b`: a library that is of use

mod c;
#[cfg(not(miri))]
mod e2b;
mod hostile;
mod library;
mod listening;
mod loading;
mod program;
mod support;

// Linked in, the simulated provider is registered here as well.
use tbengine_plugin_tests as _;
