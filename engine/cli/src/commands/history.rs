//! `tbengine history`: the runs there were, and what one of them did.

use serde::Serialize;
use tbengine_ops::config::Settings;
use tbengine_ops::history::{RunDetail, RunSummary, StepDetail, history, run_detail};
use tbengine_sdk::Timestamp;
use tbengine_store::{Entry, RunState};

use crate::app::{App, block_on};
use crate::args::HistoryArgs;
use crate::args::global::Format;
use crate::args::tuning::{PolicyArgs, RetryArgs, SafeguardArgs};
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::human::{count, short_id, with_short_ids};
use crate::output::page::Page;
use crate::output::run::resume_command;
use crate::output::span::{Tone, plain, toned};
use crate::output::table::Table;
use crate::output::view::{Lines, View};

/// Lists runs, or shows one.
pub(crate) fn run(app: &mut App, args: &HistoryArgs) -> Result<Code, Error> {
    let safeguards = SafeguardArgs {
        given: args.max_plan_age.given.clone(),
        ..SafeguardArgs::default()
    };
    let settings = app.settings(&PolicyArgs::default(), &safeguards, &RetryArgs::default());
    match &args.run {
        Some(run) => one(app, &settings, run),
        None => all(app, &settings, args.last),
    }
}

fn all(app: &mut App, settings: &Settings, last: usize) -> Result<Code, Error> {
    let runs = RunLines(block_on(history(&app.context, settings, last))?);
    app.out.show(app.global.output, &runs);
    app.out.flush();
    if app.global.output == Format::Table {
        print_summary(app, &runs.0);
    }
    Ok(match runs.0.iter().any(|run| run.damage.is_some()) {
        true => Code::Failed,
        false => Code::Done,
    })
}

fn word(run: &RunSummary) -> &'static str {
    run.state.map_or("damaged", RunState::word)
}

fn results(run: &RunSummary) -> String {
    let results = run.results.iter();
    let mut parts: Vec<String> = results
        .map(|(result, number)| format!("{number} {result}"))
        .collect();
    let never = run.without_outcome();
    if never > 0 && run.damage.is_none() {
        parts.push(format!("{never} pending"));
    }
    parts.extend(run.damage.clone());
    parts.join(", ")
}

/// Several runs.
struct RunLines(Vec<RunSummary>);

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
                word(line).to_owned(),
                time(line.began),
                time(line.last),
                line.policy.clone().unwrap_or_default(),
                line.digest.clone().unwrap_or_default(),
                line.steps.to_string(),
                line.open.to_string(),
                results(line),
            ]);
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        let mut table = Table::new(&["RUN", "STATE", "BEGAN", "POLICY", "STEPS", "RESULTS"]);
        for line in &self.0 {
            table.row([
                plain(line.run.clone()),
                toned(tone(line.state), word(line)),
                plain(line.began.map(|at| at.to_string()).unwrap_or_default()),
                plain(line.policy.clone().unwrap_or_default()),
                plain(line.steps.to_string()),
                plain(results(line)),
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

fn print_summary(app: &App, lines: &[RunSummary]) {
    let line = |text: String| app.console.line(&[toned(Tone::Dim, text)]);
    if lines.is_empty() {
        return line("no runs recorded".into());
    }
    line(count(lines.len(), "run"));
    if let Some(newest) = lines.iter().find(|line| line.is_resumable()) {
        let command = resume_command(&newest.run, &app.global);
        app.console.line(&[
            toned(Tone::Good, "hint"),
            plain(format!(
                ": resume the latest unfinished run with: {command}"
            )),
        ]);
    }
}

fn one(app: &mut App, settings: &Settings, run: &str) -> Result<Code, Error> {
    let detail = block_on(run_detail(&app.context, settings, run))?;
    app.out.show(app.global.output, &detail);
    app.out.flush();
    if app.global.output == Format::Table && detail.summary.is_resumable() {
        let command = resume_command(&detail.summary.run, &app.global);
        app.console
            .line(&[toned(Tone::Good, "hint"), plain(format!(": {command}"))]);
    }
    Ok(Code::Done)
}

fn result(step: &StepDetail) -> String {
    match &step.record.outcome {
        Some(outcome) => outcome.result.to_string(),
        None if step.record.unknown => "unknown".into(),
        None => "open".into(),
    }
}

fn attempts(step: &StepDetail) -> String {
    let outcome = step.record.outcome.as_ref();
    outcome.map_or(0, |outcome| outcome.attempts).to_string()
}

fn detail(step: &StepDetail) -> String {
    match &step.record.outcome {
        Some(outcome) => outcome.detail.clone().unwrap_or_default(),
        None if step.record.unknown => {
            "a request was about to be sent; its result is unknown".into()
        }
        None => String::new(),
    }
}

impl View for RunDetail {
    fn document(&self) -> impl Serialize {
        self
    }

    fn lines(&self, lines: &mut Lines<'_>) {
        lines.each(&self.rows);
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
                step.name.clone(),
                step.action.to_string(),
                result(step),
                step.record.intents.to_string(),
                attempts(step),
                detail(step),
            ]);
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        let line = &self.summary;
        let mut fact = |name: &str, value: String, tone| {
            page.line(&[toned(Tone::Dim, format!("{name:<10}")), toned(tone, value)]);
        };
        fact("run", line.run.clone(), Tone::Plain);
        fact("state", word(line).into(), tone(line.state));
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
                plain(result(step)),
                plain(step.action.to_string()),
                plain(short_id(native)),
                plain(step.name.clone()),
                plain(step.record.intents.to_string()),
                plain(attempts(step)),
                plain(with_short_ids(&detail(step))),
            ]);
        }
        page.table(&table);
    }
}
