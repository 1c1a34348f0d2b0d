//! The engine over the simulated provider, in simulated time. The provider's oracle knows the truth.

mod apply;
mod archive;
mod backends;
mod clocks;
mod context;
mod decide;
mod in_progress;
mod interrupt;
mod last_look;
mod limits;
mod patience;
mod recognise;
mod refused;
mod safeguards;
mod saved;
mod support;
mod vetoes;
