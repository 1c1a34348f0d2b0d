//! Simulated worlds, and hostile input.
//!
//! - `seeds`: thousands of them, each drawn from a number
//! - `nth_call`: one of them, and a fault at each of its calls
//! - `information`, `laws`: two worlds that differ in one thing
//! - `fuzz`: what tbengine reads, damaged

mod fuzz;
mod information;
mod laws;
mod nth_call;
mod seeds;
