//! Simulated worlds.
//!
//! - `seeds`: thousands of them, each drawn from a number
//! - `nth_call`: one of them, and a fault at each of its calls

mod information;
mod nth_call;
mod seeds;
