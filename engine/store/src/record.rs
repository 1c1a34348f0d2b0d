//! The record of a run: what it says, and what is left to do.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tbengine_sdk::Timestamp;

use crate::{Entry, Row};
use tbengine_engine::plan::Plan;
use tbengine_engine::report::{Outcome, StepResult};

/// The record of a run.
#[derive(Clone, Debug)]
pub struct Record {
    /// The run.
    pub run: Arc<str>,
    /// The approved plan.
    pub plan: Plan,
    /// Each step, in the order of the plan.
    pub steps: Vec<StepRecord>,
    /// Every row.
    pub rows: Vec<Row>,
    /// Whether a process holds it now.
    pub running: bool,
}

/// What the record says of one step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StepRecord {
    /// How often a request that may have an effect was about to be sent.
    pub intents: u32,
    /// Whether such a request was followed by no outcome: what it did has to be read.
    pub unknown: bool,
    /// How it ended last, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

impl StepRecord {
    /// Whether there is still something to do.
    pub fn is_open(&self) -> bool {
        self.outcome.as_ref().is_none_or(|outcome| {
            matches!(outcome.result, StepResult::Cancelled | StepResult::Deferred)
        })
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// A process is at it.
    Running,
    /// Every step has its final outcome.
    Finished,
    /// It was stopped, or steps were deferred: it can be resumed.
    Interrupted,
    /// Its process ended without a word: it can be resumed.
    Crashed,
    /// It was not finished, and its plan is too old to continue.
    Stale,
    /// A new plan took its place.
    Replaced,
}

impl RunState {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
            Self::Crashed => "crashed",
            Self::Stale => "stale",
            Self::Replaced => "replaced",
        }
    }

    /// Whether `resume` continues it.
    pub const fn is_resumable(self) -> bool {
        matches!(self, Self::Interrupted | Self::Crashed)
    }
}

impl Record {
    /// A record, put together of its rows.
    pub(crate) fn new(
        run: &str,
        plan: Plan,
        rows: Vec<Row>,
        running: bool,
    ) -> Result<Self, String> {
        Ok(Self {
            steps: steps(&plan, &rows)?,
            run: run.into(),
            plan,
            rows,
            running,
        })
    }

    /// How far the run is, at a time at which plans are good for so long.
    pub fn state(&self, now: Timestamp, valid: Duration) -> RunState {
        if self.running {
            return RunState::Running;
        }
        let last = self.rows.last().map(|row| &row.entry);
        if let Some(Entry::Replaced { .. }) = last {
            return RunState::Replaced;
        }
        if !self.steps.iter().any(StepRecord::is_open) {
            return RunState::Finished;
        }
        if self
            .plan
            .header
            .created
            .age(now)
            .is_none_or(|age| age > valid)
        {
            return RunState::Stale;
        }
        match last {
            Some(Entry::Ended { .. }) => RunState::Interrupted,
            _ => RunState::Crashed,
        }
    }

    /// The places of the steps that are not finished.
    pub fn open_steps(&self) -> impl Iterator<Item = usize> {
        let steps = self.steps.iter().enumerate();
        steps.filter_map(|(place, step)| step.is_open().then_some(place))
    }

    /// The plan without the steps that are finished, but with those that [had changed](Plan::changed).
    pub fn left(&self) -> Plan {
        let mut plan = self.plan.clone();
        // Whatever tripped was approved by the operator; the safeguards look again at what is left.
        plan.blast_radius = None;
        plan.digest = None;
        let open = self.open_steps().map(|place| &plan.steps[place]);
        let surviving = open.map(|step| step.target.id()).collect();
        let has_changed = |step: &StepRecord| {
            let outcome = step.outcome.as_ref();
            outcome.is_some_and(|outcome| outcome.result == StepResult::Changed)
        };
        let steps = self.steps.iter().zip(&plan.steps);
        let changed = steps.filter(|(record, _)| has_changed(record));
        plan.changed = changed.map(|(_, step)| step.clone()).collect();
        plan.keeping(&surviving)
    }

    /// The outcomes that are final.
    pub(crate) fn settled(&self) -> Vec<Outcome> {
        let settled = self.steps.iter().filter(|step| !step.is_open());
        settled.filter_map(|step| step.outcome.clone()).collect()
    }
}

fn steps(plan: &Plan, rows: &[Row]) -> Result<Vec<StepRecord>, String> {
    let mut steps = vec![StepRecord::default(); plan.steps.len()];
    let find = |steps: &mut Vec<StepRecord>, place: usize, number: u64| {
        if place < steps.len() {
            Ok(())
        } else {
            Err(format!("row {number} names a step that is not in the plan"))
        }
    };
    for row in rows {
        match &row.entry {
            Entry::Intent { step, .. } => {
                find(&mut steps, *step, row.number)?;
                steps[*step].intents += 1;
                steps[*step].unknown = true;
            }
            Entry::Outcome(outcome) => {
                find(&mut steps, outcome.step, row.number)?;
                // What was cut off in the middle is as unknown as before.
                steps[outcome.step].unknown &= outcome.result == StepResult::Cancelled;
                steps[outcome.step].outcome = Some(outcome.clone());
            }
            _ => {}
        }
    }
    Ok(steps)
}
