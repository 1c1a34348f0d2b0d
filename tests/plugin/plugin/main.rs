//! Plugins: what they are put through, and what they put the host through.
//!
//! - `support`: loading and opening, and plugins in C that a test writes
//! - `library`: the library in Rust through the C interface
//! - `hostile`: libraries in C that break the rules
//! - `program`: programs that do
//! - `loading`: what is refused before it runs

mod hostile;
mod library;
mod loading;
mod program;
mod support;

// Linked in, the simulated provider is registered here as well.
use tbengine_plugin_tests as _;
