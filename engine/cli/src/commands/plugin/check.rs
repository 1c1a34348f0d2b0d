//! `tbengine plugin check`: the conformance kit over a plugin.

use std::env::current_exe;

use serde::Serialize;
use tbengine_ops::plugin_check::{CheckEvent, CheckRequest, TrialEnd, Tried, check, run_trials};

use crate::app::App;
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::page::Page;
use crate::output::span::{Tone, plain, toned};
use crate::output::view::{Lines, View};

/// Runs trials in this process, and prints the result of each.
pub(crate) fn inside(app: &mut App, plugin: &str, from: usize) -> Result<Code, Error> {
    // A broken assertion is a panic, and its message is in the result of the trial.
    std::panic::set_hook(Box::new(|_| ()));
    let App { context, out, .. } = app;
    run_trials(context, plugin, from, &mut |event| out.json_line(event))?;
    Ok(Code::Done)
}

/// Runs the trials and shows how each ended.
pub(crate) fn run(app: &mut App, plugin: &str, only: Option<&str>) -> Result<Code, Error> {
    let program = current_exe();
    let request = CheckRequest {
        plugin: plugin.to_owned(),
        only: only.map(str::to_owned),
        program: program.map_err(|source| Error::start("start the test process", source))?,
        program_options: app.global.to_arguments(),
    };
    let (format, console) = (app.global.output, &app.console);
    let App { context, out, .. } = app;
    let tried = check(context, &request, &mut |event| match event {
        CheckEvent::Note(note) => console.warning(note),
        CheckEvent::Tried(tried) => out.show_part(format, tried),
    })?;
    let trials = Trials(tried);
    app.out.show(format, &trials);
    if trials.0.is_empty() {
        return Err(Error::config("no test name contains this text"));
    }
    Ok(
        match trials.count(|end| matches!(end, TrialEnd::Failed(_))) {
            0 => Code::Done,
            _ => Code::Failed,
        },
    )
}

/// The columns of trials.
const COLUMNS: [&str; 4] = ["backend", "sentence", "result", "detail"];

/// How one trial ended.
impl View for Tried {
    fn document(&self) -> impl Serialize {
        self
    }

    fn columns(&self) -> &'static [&'static str] {
        &COLUMNS
    }

    fn rows(&self, rows: &mut Rows) {
        let (word, detail) = words(&self.end);
        rows.row([&self.trial.backend, &self.trial.sentence, word, detail]);
    }

    fn page(&self, page: &mut Page<'_>) {
        let mark = match self.end {
            TrialEnd::Passed => toned(Tone::Good, "ok    "),
            TrialEnd::Skipped(_) => toned(Tone::Warn, "skip  "),
            TrialEnd::Failed(_) => toned(Tone::Bad, "failed"),
        };
        let (_, detail) = words(&self.end);
        let detail = if detail.is_empty() {
            String::new()
        } else {
            format!(": {detail}")
        };
        let text = format!(" {}: {}", self.trial.backend, self.trial.sentence);
        page.line(&[mark, plain(text), toned(Tone::Dim, detail)]);
    }
}

/// How all trials ended.
struct Trials(Vec<Tried>);

impl Trials {
    fn count(&self, wanted: fn(&TrialEnd) -> bool) -> usize {
        self.0.iter().filter(|row| wanted(&row.end)).count()
    }
}

/// Lines and pages leave out the trials: each was written when it ended.
impl View for Trials {
    fn document(&self) -> impl Serialize {
        &self.0
    }

    fn lines(&self, _: &mut Lines<'_>) {}

    fn columns(&self) -> &'static [&'static str] {
        &COLUMNS
    }

    fn rows(&self, rows: &mut Rows) {
        self.0.iter().for_each(|row| row.rows(rows));
    }

    fn page(&self, page: &mut Page<'_>) {
        let held = self.count(|end| matches!(end, TrialEnd::Passed));
        let broken = self.count(|end| matches!(end, TrialEnd::Failed(_)));
        let ignored = self.count(|end| matches!(end, TrialEnd::Skipped(_)));
        page.text(&format!(
            "{held} passed, {broken} failed, {ignored} skipped"
        ));
    }
}

fn words(end: &TrialEnd) -> (&'static str, &str) {
    match end {
        TrialEnd::Passed => ("passed", ""),
        TrialEnd::Skipped(reason) => ("skipped", reason),
        TrialEnd::Failed(message) => ("failed", message),
    }
}
