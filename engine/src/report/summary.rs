//! The report of a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::outcome::{Outcome, StepResult};

/// What became of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// The run.
    pub run: Arc<str>,
    /// The runs before it in the same command, whose outcomes come first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Arc<str>>,
    /// One outcome for each step of the plan, in the plan's order.
    pub outcomes: Vec<Outcome>,
    /// Whether the run was asked to stop.
    pub interrupted: bool,
    /// What looks wrong although no step failed, e.g. a whole backend that was already empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// How often a retry had to wait at the end of the queue, because too many others had not paid off yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub parked_retries: usize,
    /// How long applying took.
    pub took_ms: u64,
}

impl Report {
    /// How many steps ended in each way; only the ways that occurred.
    pub fn counts(&self) -> BTreeMap<StepResult, usize> {
        let mut counts = BTreeMap::new();
        for outcome in &self.outcomes {
            *counts.entry(outcome.result).or_default() += 1;
        }
        counts
    }

    /// The report with that of a run which followed in the same command.
    #[must_use]
    pub fn followed_by(mut self, later: &Self) -> Self {
        self.earlier.push(self.run);
        self.run = later.run.clone();
        self.outcomes.extend(later.outcomes.iter().cloned());
        self.interrupted |= later.interrupted;
        self.warnings.extend(later.warnings.iter().cloned());
        self.parked_retries += later.parked_retries;
        // Both count from the start of the command.
        self.took_ms = self.took_ms.max(later.took_ms);
        self
    }

    /// Whether any step did not end well.
    pub fn has_failures(&self) -> bool {
        self.outcomes
            .iter()
            .any(|outcome| outcome.result.is_failure())
    }

    /// Whether any step can be done later.
    pub fn has_deferred(&self) -> bool {
        self.outcomes
            .iter()
            .any(|outcome| outcome.result == StepResult::Deferred)
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}
