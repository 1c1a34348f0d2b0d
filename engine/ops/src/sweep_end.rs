//! How sweeping a lease ended, for the front.

use std::collections::BTreeMap;

use serde::Serialize;
use tbengine_engine::report::{Outcome, StepResult};

/// What became of what was made under a lease.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SweepEnd {
    /// The lease.
    pub lease: String,
    /// Whether everything was seen to be gone.
    pub ended: bool,
    /// How many were deleted.
    pub deleted: usize,
    /// How many could not be.
    pub failed: usize,
    /// How many were created meanwhile, and nothing says by whom.
    pub unproven: usize,
    /// How many steps ended in which way.
    pub results: BTreeMap<StepResult, usize>,
    /// What is in the way, in words.
    pub problems: Vec<String>,
    /// What was created meanwhile, and nothing says by whom, in words.
    pub unproven_names: Vec<String>,
    /// What became of each resource, in the order in which it was found.
    pub outcomes: Vec<Outcome>,
    /// Whether something could not be looked at, or was put off, so that it is unknown what is left.
    pub incomplete: bool,
    /// Whether a backend could not be reached.
    #[serde(skip)]
    pub is_unreachable: bool,
    /// Whether some of it is only seen with other settings.
    #[serde(skip)]
    pub is_elsewhere: bool,
}
