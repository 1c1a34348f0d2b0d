//! The backend, by its outcomes.
//!
//! - `real`: those that a real daemon can show
//! - `scripted`: those that only a scripted server shows

mod real;
mod scripted;
