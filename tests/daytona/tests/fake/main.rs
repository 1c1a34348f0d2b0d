//! The fake is only worth something if it is as awkward as the real service: one test for each row of
//! what was measured there, without HTTP where HTTP does not matter, and the official client.

mod consistency;
mod delete;
mod faults;
mod gate;
mod lifecycle;
mod listing;
mod official;
mod program;
mod support;
mod wire;
