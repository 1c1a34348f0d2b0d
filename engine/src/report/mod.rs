//! Stage five: what happened, as it happens and summed up.
//!
//! - [`effect`]: what the requests of a step came to
//! - [`event`]: facts in past tense, for reporters
//! - [`outcome`]: how a step ended
//! - [`summary`]: the report of a run
//! - [`log`]: a reporter that writes events as `tracing` records

pub mod effect;
pub mod event;
pub mod log;
pub mod outcome;
pub mod summary;

pub use effect::Effect;
pub use event::{Event, EventKind};
pub use outcome::{Attempt, Outcome, StepResult};
pub use summary::Report;

/// Takes events as they happen. Called synchronously, so a slow reporter slows the run down rather
/// than losing anything. It can be sent to another thread, so that a run can be spawned.
pub type Reporter<'a> = dyn FnMut(&Event) + Send + 'a;
