//! The conformance kit over a plugin.
//!
//! The trials run in a process of their own, because a library that crashes takes its process along. That
//! is a trial that failed, and the rest goes on in a new process.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tbengine_plugin_host::kit::{self, Subject};
use tbengine_sdk::OpenRequest;
use tbengine_sdk::testkit::{Case, CaseEnd};

use crate::context::Context;
use crate::error::Error;
use crate::plugins;

/// How long a trial may take before its process is killed; longer than the kit's own limit.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(330);
/// The variable by which the process of the trials learns which of them to run.
const ONLY: &str = "TBENGINE_ONLY";

/// A plugin that is to be checked.
#[derive(Clone, Debug)]
pub struct CheckRequest {
    /// The name of a configured plugin, or a path.
    pub plugin: String,
    /// Only trials whose sentence contains this.
    pub only: Option<String>,
    /// This program: it answers to `plugin check-inside` by [`run_trials`], and writes each [`TrialEvent`] as a line of
    /// JSON.
    pub program: PathBuf,
    /// Options of its `plugin check-inside`, which say where the configuration and plugins lie.
    pub program_options: Vec<OsString>,
}

/// One trial of one backend.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trial {
    /// The backend.
    pub backend: String,
    /// What is tried.
    pub sentence: String,
}

/// How a trial ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "result", content = "detail")]
pub enum TrialEnd {
    /// The sentence holds.
    Passed,
    /// It could not be tried, and why.
    Skipped(String),
    /// It does not hold, and why.
    Failed(String),
}

/// A trial that has ended.
#[derive(Clone, Debug, Serialize)]
pub struct Tried {
    /// The trial.
    #[serde(flatten)]
    pub trial: Trial,
    /// How it ended.
    #[serde(flatten)]
    pub end: TrialEnd,
}

/// What the process of the trials says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum TrialEvent {
    /// What there is to try.
    Plan {
        /// The trials.
        trials: Vec<Trial>,
        /// What is to be known of them.
        notes: Vec<String>,
    },
    /// A trial begins.
    Begun {
        /// Its place in the plan.
        number: usize,
    },
    /// And ends.
    Ended {
        /// Its place in the plan.
        number: usize,
        /// How.
        end: TrialEnd,
    },
}

/// What is seen while a plugin is checked.
#[derive(Debug)]
pub enum CheckEvent<'a> {
    /// Something that is to be known of the trials.
    Note(&'a str),
    /// A trial has ended.
    Tried(&'a Tried),
}

/// The backends that are checked: those of the configuration file, and other kinds without settings.
fn subjects(context: &Context, plugin: &str) -> Result<Vec<(String, Subject)>, Error> {
    let plugin = plugins::one(&context.config, &context.plugins, plugin)?;
    let configured = context.config.file.backends.iter();
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
                environment: context.world.environment.clone(),
                now: context.world.now,
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

/// Runs the trials of a plugin in this process, from the given one on.
///
/// # Errors
/// If the plugin cannot be used.
pub fn run_trials(
    context: &Context,
    plugin: &str,
    from: usize,
    see: &mut dyn FnMut(&TrialEvent),
) -> Result<(), Error> {
    let (mut cases, mut notes) = (Vec::new(), Vec::new());
    for (name, subject) in subjects(context, plugin)? {
        if !subject.has_fixture() {
            notes.push(format!(
                "backend `{name}` has no test fixture, so only read-only tests are run"
            ));
        }
        let of_it = kit::cases(&subject).into_iter();
        cases.extend(of_it.map(|case| (name.clone(), case)));
    }
    let trials = cases.iter().map(|(backend, case)| Trial {
        backend: backend.clone(),
        sentence: sentence(case),
    });
    let trials = trials.collect();
    see(&TrialEvent::Plan { trials, notes });
    let only = context.world.variable(ONLY);
    for (number, (_, case)) in cases.into_iter().enumerate().skip(from) {
        if only.is_some_and(|only| !sentence(&case).contains(only)) {
            continue;
        }
        see(&TrialEvent::Begun { number });
        let end = match (case.run)() {
            // Nothing is missing where a sentence says nothing about the provider.
            CaseEnd::Held | CaseEnd::NotApplicable(_) => TrialEnd::Passed,
            CaseEnd::Ignored(reason) => TrialEnd::Skipped(reason),
            CaseEnd::Failed(message) => TrialEnd::Failed(message),
        };
        see(&TrialEvent::Ended { number, end });
    }
    Ok(())
}

/// Checks a plugin in processes of their own, and gives the trials that ran. Blocks until they have ended.
///
/// # Errors
/// If the plugin cannot be used, or the process of the trials cannot be started or ends before the first of them.
pub fn check(
    context: &Context,
    request: &CheckRequest,
    see: &mut dyn FnMut(CheckEvent<'_>),
) -> Result<Vec<Tried>, Error> {
    // What is wrong with the plugin as a whole is reported by this process.
    drop(subjects(context, &request.plugin)?);
    let mut check = Check {
        request,
        see,
        tried: Vec::new(),
        is_noted: false,
    };
    let mut from = 0;
    while let Some(next) = check.process(from)? {
        from = next;
    }
    Ok(check.tried)
}

/// A check that is under way.
struct Check<'a> {
    request: &'a CheckRequest,
    see: &'a mut dyn FnMut(CheckEvent<'_>),
    tried: Vec<Tried>,
    is_noted: bool,
}

impl Check<'_> {
    /// Runs one process from a trial on; gives the trial to continue if it did not finish.
    fn process(&mut self, from: usize) -> Result<Option<usize>, Error> {
        let mut child = start(self.request, from)?;
        let events = listen(&mut child);
        let (mut trials, mut under_way) = (Vec::new(), None);
        let verdict = loop {
            match events.recv_timeout(TRIAL_TIMEOUT) {
                Ok(TrialEvent::Plan {
                    trials: plan,
                    notes,
                }) => {
                    trials = plan;
                    if !std::mem::replace(&mut self.is_noted, true) {
                        notes
                            .iter()
                            .for_each(|note| (self.see)(CheckEvent::Note(note)));
                    }
                }
                Ok(TrialEvent::Begun { number }) => under_way = Some(number),
                Ok(TrialEvent::Ended { number, end }) => {
                    under_way = None;
                    self.ended(trials.get(number), end);
                }
                Err(RecvTimeoutError::Timeout) => break format!("no end within {TRIAL_TIMEOUT:?}"),
                Err(RecvTimeoutError::Disconnected) => break "it ended the process".to_owned(),
            }
        };
        // It may be hung.
        child.kill().ok();
        let status = child.wait();
        let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        let Some(number) = under_way else {
            if trials.is_empty() {
                return Err(Error::config(format!(
                    "the test process ended before the first test ({how})"
                )));
            }
            return Ok(None);
        };
        let end = TrialEnd::Failed(format!("{verdict} ({how})"));
        self.ended(trials.get(number), end);
        Ok((number + 1 < trials.len()).then_some(number + 1))
    }

    fn ended(&mut self, trial: Option<&Trial>, end: TrialEnd) {
        if let Some(trial) = trial {
            let trial = trial.clone();
            let tried = Tried { trial, end };
            (self.see)(CheckEvent::Tried(&tried));
            self.tried.push(tried);
        }
    }
}

/// Starts this program again for the trials, with the same configuration.
fn start(request: &CheckRequest, from: usize) -> Result<Child, Error> {
    let mut command = Command::new(&request.program);
    command
        .args(["plugin", "check-inside", &request.plugin])
        .arg(from.to_string())
        .args(["--output", "jsonl"])
        .args(&request.program_options)
        .env_remove(ONLY)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if let Some(only) = &request.only {
        command.env(ONLY, only);
    }
    command.spawn().map_err(|source| Error::Start {
        what: "start the test process",
        source,
    })
}

/// What the process says. Lines of others, like those of a library that prints, are passed over.
fn listen(child: &mut Child) -> mpsc::Receiver<TrialEvent> {
    let (sender, receiver) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n') {
                let Ok(line) = line else { return };
                if let Ok(event) = serde_json::from_slice(&line)
                    && sender.send(event).is_err()
                {
                    return;
                }
            }
        });
    }
    receiver
}
