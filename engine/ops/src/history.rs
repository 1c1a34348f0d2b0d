//! The runs there were, and what one of them did.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tbengine_engine::plan::{ActionKind, PlanHeader};
use tbengine_engine::report::StepResult;
use tbengine_sdk::{State, Timestamp};
use tbengine_store::{Damage, Entry, Record, Row, RunState, StepRecord, StoreError};

use crate::config::Settings;
use crate::context::Context;
use crate::error::Error;
use crate::stored::existing_store;

/// A run in a line.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunSummary {
    /// The run.
    pub run: String,
    /// How far it is. Missing where the record cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<RunState>,
    /// When it was approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
    /// When something was recorded last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// The name and the version of its policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The digest of its policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// How many steps it has.
    pub steps: usize,
    /// How many of them are still to be done.
    pub open: usize,
    /// How many ended in which way.
    pub results: BTreeMap<StepResult, usize>,
    /// Why the record cannot be read, if it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
}

impl RunSummary {
    fn new(record: &Record, now: Timestamp, valid: Duration) -> Self {
        let policy = &record.plan.header.policy;
        let mut results = BTreeMap::new();
        for outcome in record.steps.iter().filter_map(|step| step.outcome.as_ref()) {
            *results.entry(outcome.result).or_default() += 1;
        }
        Self {
            run: record.run.to_string(),
            state: Some(record.state(now, valid)),
            began: record.rows.first().map(|row| row.at),
            last: record.rows.last().map(|row| row.at),
            policy: Some(format!("{} {}", policy.name, policy.version)),
            digest: Some(policy.digest.clone()),
            steps: record.steps.len(),
            open: record.open_steps().count(),
            results,
            damage: None,
        }
    }

    fn damaged(run: String, why: &StoreError) -> Self {
        Self {
            run,
            state: None,
            began: None,
            last: None,
            policy: None,
            digest: None,
            steps: 0,
            open: 0,
            results: BTreeMap::new(),
            damage: Some(why.to_string()),
        }
    }

    /// How many steps have no outcome.
    pub fn without_outcome(&self) -> usize {
        self.steps - self.results.values().sum::<usize>()
    }

    /// Whether it did not finish, and can be resumed.
    pub fn is_resumable(&self) -> bool {
        self.state.is_some_and(RunState::is_resumable)
    }
}

/// One run in full.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunDetail {
    /// The same in a line.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// What its plan was made with.
    pub header: PlanHeader,
    /// Each step, in the order of the plan.
    pub step_records: Vec<StepDetail>,
    /// Which processes worked on it, and how each ended.
    pub sessions: Vec<Row>,
    /// Everything that was recorded.
    #[serde(skip)]
    pub rows: Vec<Row>,
}

/// One step of a run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StepDetail {
    /// Its number in the plan.
    pub step: usize,
    /// The id of its resource.
    pub id: String,
    /// The name of its resource.
    pub name: String,
    /// What was to be done.
    pub action: ActionKind,
    /// The state that its resource had when the plan was made.
    pub state_then: State,
    /// Why the policy wanted it.
    pub reason: String,
    /// What was recorded of it.
    #[serde(flatten)]
    pub record: StepRecord,
}

impl RunDetail {
    fn new(record: Record, now: Timestamp, valid: Duration) -> Self {
        let summary = RunSummary::new(&record, now, valid);
        let steps = record.plan.steps.iter().zip(record.steps).enumerate();
        let step_records = steps.map(|(number, (step, record))| StepDetail {
            step: number,
            id: step.target.id().to_string(),
            name: step.name.clone(),
            action: step.action.kind(),
            state_then: step.state,
            reason: step.reason.clone(),
            record,
        });
        let is_of_a_session = |row: &&Row| {
            matches!(
                row.entry,
                Entry::Began { .. } | Entry::Ended { .. } | Entry::Replaced { .. }
            )
        };
        Self {
            summary,
            step_records: step_records.collect(),
            sessions: record
                .rows
                .iter()
                .filter(is_of_a_session)
                .cloned()
                .collect(),
            header: record.plan.header,
            rows: record.rows,
        }
    }
}

/// The newest runs, as many as are wanted, from the newest on. A record that cannot be read is one of them.
///
/// # Errors
/// If the runs cannot be listed.
pub async fn history(
    context: &Context,
    settings: &Settings,
    last: usize,
) -> Result<Vec<RunSummary>, Error> {
    let world = &context.world;
    let Some(store) = existing_store(settings, &world.host)? else {
        return Ok(Vec::new());
    };
    let (now, valid) = (world.now, settings.max_plan_age.value);
    let records = store.newest(last).await?.into_iter();
    let summaries = records.map(|record| match record {
        Ok(record) => RunSummary::new(&record, now, valid),
        Err(Damage { run, why }) => RunSummary::damaged(run, &why),
    });
    Ok(summaries.collect())
}

/// What a run did, by its id or a beginning of that.
///
/// # Errors
/// If there is no such run, there are several, or its record cannot be read.
pub async fn run_detail(
    context: &Context,
    settings: &Settings,
    run: &str,
) -> Result<RunDetail, Error> {
    let world = &context.world;
    let store = existing_store(settings, &world.host)?;
    let store = store.ok_or_else(|| StoreError::NoRun {
        run: run.to_owned(),
    })?;
    let run = store.find(run).await?;
    let record = store.record(&run).await?;
    let valid = settings.max_plan_age.value;
    Ok(RunDetail::new(record, world.now, valid))
}
