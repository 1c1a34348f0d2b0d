//! Reading the record of a run: what it says, whether it is whole, and what is left to do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tbengine_sdk::Timestamp;

use super::entry::{Entry, Link, Row};
use super::holders::is_unlocked;
use super::leases::{Head, Leases};
use super::{Host, JournalError, StateDir, reader};
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
    pub(super) number: u64,
    pub(super) link: Link,
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
    /// It was not finished, and its plan is too old to go on with.
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

    /// Whether `resume` goes on with it.
    pub const fn is_resumable(self) -> bool {
        matches!(self, Self::Interrupted | Self::Crashed)
    }
}

impl Record {
    /// Reads the record of a run and checks it.
    ///
    /// # Errors
    /// [`JournalError::NoRun`] if there is none, [`JournalError::Damaged`] if rows were changed or are
    /// missing.
    pub fn read(state: &StateDir, host: &Host, run: &str) -> Result<Self, JournalError> {
        let leases = Leases::open(state, host)?;
        let heads = leases.heads()?;
        Self::read_with(state, &leases, &heads, run)
    }

    /// Reads the newest records, newest first, each with what is wrong with it if it cannot be read.
    ///
    /// # Errors
    /// [`JournalError`] if the directory cannot be read.
    #[expect(clippy::type_complexity, reason = "a list of runs, each read or not")]
    pub fn read_newest(
        state: &StateDir,
        host: &Host,
        most: usize,
    ) -> Result<Vec<(String, Result<Self, JournalError>)>, JournalError> {
        let ids = state
            .run_ids()
            .map_err(|source| JournalError::io("read", state.path(), source))?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let leases = Leases::open(state, host)?;
        let heads = leases.heads()?;
        let records = ids.into_iter().rev().take(most).map(|id| {
            let record = Self::read_with(state, &leases, &heads, &id);
            (id, record)
        });
        Ok(records.collect())
    }

    /// The one run whose id begins so.
    ///
    /// # Errors
    /// [`JournalError::NoRun`] or [`JournalError::Ambiguous`].
    pub fn find(state: &StateDir, beginning: &str) -> Result<String, JournalError> {
        let mut ids = state
            .run_ids()
            .map_err(|source| JournalError::io("read", state.path(), source))?;
        ids.retain(|id| id.starts_with(beginning));
        match &ids[..] {
            [id] => Ok(id.clone()),
            [] => Err(JournalError::NoRun {
                run: beginning.to_owned(),
            }),
            ids => Err(JournalError::Ambiguous {
                run: beginning.to_owned(),
                number: ids.len(),
            }),
        }
    }

    fn read_with(
        state: &StateDir,
        leases: &Leases,
        heads: &BTreeMap<String, Head>,
        run: &str,
    ) -> Result<Self, JournalError> {
        let path = state.run(run);
        if path.symlink_metadata().is_err() {
            return Err(JournalError::NoRun {
                run: run.to_owned(),
            });
        }
        // Asked before it is opened: closing the file again would drop the locks of a connection.
        let running = !is_unlocked(state, run);
        let damaged = |why: String| JournalError::Damaged {
            path: path.clone(),
            why,
        };
        let (rows, links) = reader::read(&path, run)?;
        if let Some(head) = heads.get(run) {
            // After a loss of power the end may be missing, and nobody is to blame.
            let must_be_there = head.sealed || leases.is_this_boot(&head.boot);
            let there = usize::try_from(head.number)
                .ok()
                .and_then(|at| links.get(at));
            match there {
                Some(link) if *link == head.link => {}
                None if !must_be_there => {}
                None => return Err(damaged("its last rows are missing".into())),
                Some(_) => return Err(damaged("it is not the record that was written".into())),
            }
        }
        let plan = reader::plan(&path, &rows)?;
        Ok(Self {
            steps: steps(&plan, &rows).map_err(damaged)?,
            run: run.into(),
            plan,
            running,
            number: rows.len() as u64,
            link: links[links.len() - 1],
            rows,
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

    /// The plan without the steps that are finished.
    pub fn left(&self) -> Plan {
        let mut plan = self.plan.clone();
        // Whatever tripped was approved by the operator; the guards look again at what is left.
        plan.blast_radius = None;
        plan.digest = None;
        let open = self.open_steps().map(|place| &plan.steps[place]);
        let surviving = open.map(|step| step.target.id()).collect();
        plan.keeping(&surviving)
    }

    /// The outcomes that are final.
    pub(super) fn settled(&self) -> Vec<Outcome> {
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
            Err(format!(
                "row {number} is about a step that the plan has not"
            ))
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
