//! `tbengine history`: the runs there were, and what one of them did.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tbengine_engine::plan::{ActionKind, PlanHeader};
use tbengine_engine::report::StepResult;
use tbengine_sdk::{State, Timestamp};
use tbengine_store::{Damage, Entry, Record, Row, RunState, StepRecord, Store, StoreError};

use crate::app::{App, block_on};
use crate::args::HistoryArgs;
use crate::args::global::Format;
use crate::args::tuning::{GuardArgs, PolicyArgs, RetryArgs};
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::human::{count, short_id};
use crate::output::page::Page;
use crate::output::run::resume_command;
use crate::output::span::{Tone, plain, toned};
use crate::output::table::Table;
use crate::output::view::{Lines, View};
use tbengine_ops::config::Settings;
use tbengine_ops::stored::existing_store;

/// Lists runs, or shows one.
pub(crate) fn run(app: &mut App, args: &HistoryArgs) -> Result<Code, Error> {
    let guards = GuardArgs {
        given: args.max_plan_age.given.clone(),
        ..GuardArgs::default()
    };
    let settings = app.settings(&PolicyArgs::default(), &guards, &RetryArgs::default());
    let store = existing_store(&settings, &app.context.world.host)?;
    block_on(async {
        match (&args.run, store) {
            (Some(run), Some(store)) => one(app, &settings, &*store, run).await,
            (Some(run), None) => Err(StoreError::NoRun { run: run.clone() }.into()),
            (None, store) => all(app, &settings, store.as_deref(), args.last).await,
        }
    })
}

/// A run in a line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct RunLine {
    run: String,
    /// Missing where the record cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<RunState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    began: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    steps: usize,
    open: usize,
    results: BTreeMap<StepResult, usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<String>,
}

impl RunLine {
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

    fn word(&self) -> &'static str {
        self.state.map_or("damaged", RunState::word)
    }

    fn summary(&self) -> String {
        let mut parts: Vec<String> = self
            .results
            .iter()
            .map(|(result, number)| format!("{number} {result}"))
            .collect();
        let never = self.steps - self.results.values().sum::<usize>();
        if never > 0 && self.damage.is_none() {
            parts.push(format!("{never} without outcome"));
        }
        parts.extend(self.damage.clone());
        parts.join(", ")
    }
}

async fn all(
    app: &mut App,
    settings: &Settings,
    store: Option<&dyn Store>,
    last: usize,
) -> Result<Code, Error> {
    let (now, valid) = (app.context.world.now, settings.max_plan_age.value);
    let records = match store {
        Some(store) => store.newest(last).await?,
        None => Vec::new(),
    };
    let lines: Vec<RunLine> = records
        .into_iter()
        .map(|record| match record {
            Ok(record) => RunLine::new(&record, now, valid),
            Err(Damage { run, why }) => RunLine::damaged(run, &why),
        })
        .collect();
    let lines = RunLines(lines);
    app.out.show(app.global.output, &lines);
    app.out.flush();
    if app.global.output == Format::Table {
        tell(app, settings, &lines.0);
    }
    Ok(match lines.0.iter().any(|line| line.damage.is_some()) {
        true => Code::Failed,
        false => Code::Done,
    })
}

/// Several runs.
struct RunLines(Vec<RunLine>);

impl View for RunLines {
    fn document(&self) -> impl Serialize {
        &self.0
    }

    fn lines(&self, lines: &mut Lines<'_>) {
        lines.each(&self.0);
    }

    fn columns(&self) -> &'static [&'static str] {
        &[
            "run", "state", "began", "last", "policy", "digest", "steps", "open", "results",
        ]
    }

    fn rows(&self, rows: &mut Rows) {
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        for line in &self.0 {
            rows.row([
                line.run.clone(),
                line.word().to_owned(),
                time(line.began),
                time(line.last),
                line.policy.clone().unwrap_or_default(),
                line.digest.clone().unwrap_or_default(),
                line.steps.to_string(),
                line.open.to_string(),
                line.summary(),
            ]);
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        let mut table = Table::new(&["RUN", "STATE", "BEGAN", "POLICY", "STEPS", "RESULTS"]);
        for line in &self.0 {
            table.row([
                plain(line.run.clone()),
                toned(tone(line.state), line.word()),
                plain(line.began.map(|at| at.to_string()).unwrap_or_default()),
                plain(line.policy.clone().unwrap_or_default()),
                plain(line.steps.to_string()),
                plain(line.summary()),
            ]);
        }
        page.table(&table);
    }
}

fn tone(state: Option<RunState>) -> Tone {
    match state {
        Some(RunState::Finished) => Tone::Good,
        Some(RunState::Running | RunState::Replaced) => Tone::Plain,
        Some(RunState::Interrupted | RunState::Crashed | RunState::Stale) => Tone::Warn,
        None => Tone::Bad,
    }
}

fn tell(app: &App, settings: &Settings, lines: &[RunLine]) {
    let line = |text: String| app.console.line(&[toned(Tone::Dim, text)]);
    if lines.is_empty() {
        return line("no run has been recorded".into());
    }
    line(count(lines.len(), "run"));
    let resumable = |line: &&RunLine| line.state.is_some_and(RunState::is_resumable);
    if let Some(newest) = lines.iter().find(resumable) {
        let command = resume_command(&newest.run, settings);
        app.console.line(&[
            toned(Tone::Good, "hint"),
            plain(format!(
                ": {command} goes on with the newest that did not come to its end"
            )),
        ]);
    }
}

/// One run in full.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct WholeRun<'a> {
    #[serde(flatten)]
    line: RunLine,
    header: &'a PlanHeader,
    step_records: Vec<RunStep<'a>>,
    /// Which processes worked on it, and how each ended.
    sessions: Vec<&'a Row>,
    /// Everything that was recorded.
    #[serde(skip)]
    rows: &'a [Row],
}

/// One step of a run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct RunStep<'a> {
    step: usize,
    id: String,
    name: &'a str,
    action: ActionKind,
    state_then: State,
    reason: &'a str,
    #[serde(flatten)]
    record: &'a StepRecord,
}

impl RunStep<'_> {
    fn result(&self) -> String {
        match &self.record.outcome {
            Some(outcome) => outcome.result.to_string(),
            None if self.record.unknown => "unknown".into(),
            None => "open".into(),
        }
    }

    fn attempts(&self) -> u32 {
        let outcome = self.record.outcome.as_ref();
        outcome.map_or(0, |outcome| outcome.attempts)
    }

    fn detail(&self) -> String {
        match &self.record.outcome {
            Some(outcome) => outcome.detail.clone().unwrap_or_default(),
            None if self.record.unknown => {
                "it was about to be asked for, and nothing is known since".into()
            }
            None => String::new(),
        }
    }
}

async fn one(
    app: &mut App,
    settings: &Settings,
    store: &dyn Store,
    run: &str,
) -> Result<Code, Error> {
    let run = store.find(run).await?;
    let record = store.record(&run).await?;
    let line = RunLine::new(&record, app.context.world.now, settings.max_plan_age.value);
    let steps = record.plan.steps.iter().zip(&record.steps).enumerate();
    let steps: Vec<RunStep<'_>> = steps
        .map(|(number, (step, record))| RunStep {
            step: number,
            id: step.target.id().to_string(),
            name: &step.name,
            action: step.action.kind(),
            state_then: step.state,
            reason: &step.reason,
            record,
        })
        .collect();
    let resumable = line.state.is_some_and(RunState::is_resumable);
    let sessions = record.rows.iter().filter(|row| {
        matches!(
            row.entry,
            Entry::Began { .. } | Entry::Ended { .. } | Entry::Replaced { .. }
        )
    });
    let whole = WholeRun {
        line,
        header: &record.plan.header,
        step_records: steps,
        sessions: sessions.collect(),
        rows: &record.rows,
    };
    app.out.show(app.global.output, &whole);
    app.out.flush();
    if app.global.output == Format::Table && resumable {
        let command = resume_command(&run, settings);
        app.console
            .line(&[toned(Tone::Good, "hint"), plain(format!(": {command}"))]);
    }
    Ok(Code::Done)
}

impl View for WholeRun<'_> {
    fn document(&self) -> impl Serialize {
        self
    }

    fn lines(&self, lines: &mut Lines<'_>) {
        lines.each(self.rows);
    }

    fn columns(&self) -> &'static [&'static str] {
        &[
            "step", "id", "name", "action", "result", "requests", "attempts", "detail",
        ]
    }

    fn rows(&self, rows: &mut Rows) {
        for step in &self.step_records {
            rows.row([
                step.step.to_string(),
                step.id.clone(),
                step.name.to_owned(),
                step.action.to_string(),
                step.result(),
                step.record.intents.to_string(),
                step.attempts().to_string(),
                step.detail(),
            ]);
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        let line = &self.line;
        let mut fact = |name: &str, value: String, tone| {
            page.line(&[toned(Tone::Dim, format!("{name:<10}")), toned(tone, value)]);
        };
        fact("run", line.run.clone(), Tone::Plain);
        fact("state", line.word().into(), tone(line.state));
        fact(
            "policy",
            line.policy.clone().unwrap_or_default(),
            Tone::Plain,
        );
        fact(
            "digest",
            line.digest.clone().unwrap_or_default(),
            Tone::Plain,
        );
        for row in &self.sessions {
            let said = match &row.entry {
                Entry::Began { process, .. } => format!("process {} began", process.pid),
                Entry::Ended {
                    halted: Some(why), ..
                } => format!("stopped: {why}"),
                Entry::Ended {
                    interrupted: true, ..
                } => "interrupted".into(),
                Entry::Ended { .. } => "ended".into(),
                Entry::Replaced { by: Some(run) } => format!("replaced by run {run}"),
                Entry::Replaced { by: None } => "replaced; a new plan had nothing to do".into(),
                _ => continue,
            };
            fact(&row.at.to_string(), format!("  {said}"), Tone::Plain);
        }
        page.text("");
        let mut table = Table::new(&[
            "RESULT", "ACTION", "ID", "NAME", "REQUESTS", "ATTEMPTS", "DETAIL",
        ]);
        for step in &self.step_records {
            let native = step.id.splitn(3, '/').nth(2).unwrap_or_default();
            table.row([
                plain(step.result()),
                plain(step.action.to_string()),
                plain(short_id(native)),
                plain(step.name.to_owned()),
                plain(step.record.intents.to_string()),
                plain(step.attempts().to_string()),
                plain(step.detail()),
            ]);
        }
        page.table(&table);
    }
}
