//! `tbengine plugin check`: the conformance kit over a plugin.
//!
//! The trials run in a process of their own, because a library that crashes takes its process along. That
//! is a trial that failed, and the rest goes on in a new process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tbengine_plugin_host::kit::{self, Subject};
use tbengine_sdk::OpenRequest;
use tbengine_sdk::testkit::{Case, CaseEnd};

use crate::app::App;
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::page::Page;
use crate::output::span::{Tone, plain, toned};
use crate::output::view::{Lines, View};
use tbengine_ops::plugins;

/// How long a trial may take before its process is killed; longer than the kit's own limit.
const PATIENCE: Duration = Duration::from_secs(330);

/// What the process inside tells.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "tells")]
enum Tale {
    /// What there is to try.
    Plan {
        trials: Vec<Trial>,
        notes: Vec<String>,
    },
    /// A trial begins.
    Begun { number: usize },
    /// And ends.
    Ended { number: usize, end: End },
}

/// One trial of one backend.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Trial {
    backend: String,
    sentence: String,
}

/// How a trial ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "result", content = "detail")]
enum End {
    Held,
    Ignored(String),
    Broken(String),
}

#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    trial: Trial,
    #[serde(flatten)]
    end: End,
}

/// The backends that are checked: those of the configuration file, and other kinds without settings.
fn subjects(app: &App, plugin: &str) -> Result<Vec<(String, Subject)>, Error> {
    let plugin = plugins::one(&app.context.config, &app.context.plugins, plugin)?;
    let configured = app.context.config.file.backends.iter();
    let mut backends: Vec<(String, String, Value)> = configured
        .filter(|(_, table)| plugin.has(&table.kind))
        .map(|(name, table)| {
            let settings = Value::Object(table.settings.clone());
            (name.clone(), table.kind.clone(), settings)
        })
        .collect();
    for kind in &plugin.descriptor.kinds {
        if !backends.iter().any(|(_, known, _)| *known == kind.kind) {
            let empty = Value::Object(serde_json::Map::new());
            backends.push((kind.kind.clone(), kind.kind.clone(), empty));
        }
    }
    backends
        .into_iter()
        .map(|(name, kind, config)| {
            let request = OpenRequest {
                name: name.as_str().into(),
                config,
                environment: app.context.world.environment.clone(),
                now: app.context.world.now,
            };
            let subject = Subject::new(Arc::clone(&plugin), &kind, request);
            Ok((name, subject.map_err(Error::config)?))
        })
        .collect()
}

fn sentence(case: &Case) -> String {
    let words = case.name.replace('_', " ");
    match case.kind {
        Some(kind) => format!("{words} ({kind})"),
        None => words,
    }
}

/// Runs trials in this process, and tells of each.
pub(crate) fn inside(app: &mut App, plugin: &str, from: usize) -> Result<Code, Error> {
    // A broken assertion is a panic, and its message is in the result of the trial.
    std::panic::set_hook(Box::new(|_| ()));
    let (mut cases, mut notes) = (Vec::new(), Vec::new());
    for (name, subject) in subjects(app, plugin)? {
        if !subject.has_fixture() {
            notes.push(format!(
                "backend `{name}` cannot make resources for the kit, so only what changes nothing is tried"
            ));
        }
        cases.extend(
            kit::cases(&subject)
                .into_iter()
                .map(|case| (name.clone(), case)),
        );
    }
    let trials = cases
        .iter()
        .map(|(backend, case)| Trial {
            backend: backend.clone(),
            sentence: sentence(case),
        })
        .collect();
    app.out.json_line(&Tale::Plan { trials, notes });
    let only = app.context.world.variable(ONLY).map(str::to_owned);
    for (number, (_, case)) in cases.into_iter().enumerate().skip(from) {
        if only
            .as_ref()
            .is_some_and(|only| !sentence(&case).contains(only))
        {
            continue;
        }
        app.out.json_line(&Tale::Begun { number });
        let end = match (case.run)() {
            // Nothing is missing where a sentence says nothing about the provider.
            CaseEnd::Held | CaseEnd::NotApplicable(_) => End::Held,
            CaseEnd::Ignored(reason) => End::Ignored(reason),
            CaseEnd::Broken(message) => End::Broken(message),
        };
        app.out.json_line(&Tale::Ended { number, end });
    }
    Ok(Code::Done)
}

/// The variable of `--only`, by which the process inside is told.
const ONLY: &str = "TBENGINE_ONLY";

/// Runs the trials and shows how each ended.
pub(crate) fn run(app: &mut App, plugin: &str, only: Option<&str>) -> Result<Code, Error> {
    // What is wrong with the plugin as a whole is told by this process, as by every other command.
    drop(subjects(app, plugin)?);
    let mut watch = Watch::default();
    let mut from = 0;
    while let Some(next) = watch.process(app, plugin, only, from)? {
        from = next;
    }
    let tried = Tried(watch.rows);
    app.out.show(app.global.output, &tried);
    if tried.0.is_empty() {
        return Err(Error::config("no trial has this text in its sentence"));
    }
    Ok(if tried.count(|end| matches!(end, End::Broken(_))) == 0 {
        Code::Done
    } else {
        Code::Failed
    })
}

/// The columns of trials.
const COLUMNS: [&str; 4] = ["backend", "sentence", "result", "detail"];

/// How one trial ended.
impl View for Row {
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
            End::Held => toned(Tone::Good, "ok    "),
            End::Ignored(_) => toned(Tone::Warn, "skip  "),
            End::Broken(_) => toned(Tone::Bad, "broken"),
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
struct Tried(Vec<Row>);

impl Tried {
    fn count(&self, wanted: fn(&End) -> bool) -> usize {
        self.0.iter().filter(|row| wanted(&row.end)).count()
    }
}

/// Lines and pages leave out the trials: each was written when it ended.
impl View for Tried {
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
        let held = self.count(|end| matches!(end, End::Held));
        let broken = self.count(|end| matches!(end, End::Broken(_)));
        let ignored = self.count(|end| matches!(end, End::Ignored(_)));
        page.text(&format!(
            "{held} hold, {broken} are broken, {ignored} could not be tried"
        ));
    }
}

fn words(end: &End) -> (&'static str, &str) {
    match end {
        End::Held => ("held", ""),
        End::Ignored(reason) => ("ignored", reason),
        End::Broken(message) => ("broken", message),
    }
}

/// What was seen of the trials so far.
#[derive(Default)]
struct Watch {
    rows: Vec<Row>,
    told_notes: bool,
}

impl Watch {
    /// Runs one process from a trial on; gives the trial to go on with if it did not come to its end.
    fn process(
        &mut self,
        app: &mut App,
        plugin: &str,
        only: Option<&str>,
        from: usize,
    ) -> Result<Option<usize>, Error> {
        let mut child = start(app, plugin, only, from)?;
        let tales = listen(&mut child);
        let (mut trials, mut under_way) = (Vec::new(), None);
        let verdict = loop {
            match tales.recv_timeout(PATIENCE) {
                Ok(Tale::Plan {
                    trials: plan,
                    notes,
                }) => {
                    trials = plan;
                    if !std::mem::replace(&mut self.told_notes, true) {
                        notes.iter().for_each(|note| app.console.warning(note));
                    }
                }
                Ok(Tale::Begun { number }) => under_way = Some(number),
                Ok(Tale::Ended { number, end }) => {
                    under_way = None;
                    if let Some(trial) = trials.get(number) {
                        self.show(app, trial.clone(), end);
                    }
                }
                Err(RecvTimeoutError::Timeout) => break format!("no end within {PATIENCE:?}"),
                Err(RecvTimeoutError::Disconnected) => {
                    break "it ended the process".to_owned();
                }
            }
        };
        // It may be hung.
        child.kill().ok();
        let status = child.wait();
        let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        let Some(number) = under_way else {
            if trials.is_empty() {
                return Err(Error::config(format!(
                    "the process for the trials ended before the first ({how})"
                )));
            }
            return Ok(None);
        };
        if let Some(trial) = trials.get(number) {
            self.show(
                app,
                trial.clone(),
                End::Broken(format!("{verdict} ({how})")),
            );
        }
        Ok((number + 1 < trials.len()).then_some(number + 1))
    }

    fn show(&mut self, app: &mut App, trial: Trial, end: End) {
        let row = Row { trial, end };
        app.out.show_part(app.global.output, &row);
        self.rows.push(row);
    }
}

/// Starts this program again for the trials, with the same configuration.
fn start(app: &App, plugin: &str, only: Option<&str>, from: usize) -> Result<Child, Error> {
    let failed = |source| Error::start("start the process for the trials", source);
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command
        .args([
            "plugin",
            "check-inside",
            plugin,
            &from.to_string(),
            "--output",
            "jsonl",
        ])
        .env_remove(ONLY)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if let Some(only) = only {
        command.env(ONLY, only);
    }
    if let Some(config) = &app.global.config {
        command.arg("--config").arg(config);
    }
    if let Some(folder) = &app.global.plugin_dir {
        command.arg("--plugin-dir").arg(folder);
    }
    command.spawn().map_err(failed)
}

/// What the process tells. Lines of others, like those of a library that prints, are passed over.
fn listen(child: &mut Child) -> mpsc::Receiver<Tale> {
    let (tell, told) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n') {
                let Ok(line) = line else { return };
                if let Ok(tale) = serde_json::from_slice(&line)
                    && tell.send(tale).is_err()
                {
                    return;
                }
            }
        });
    }
    told
}
