//! What is in force: file < variable < flag, and where each value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::ArgMatches;
use clap::parser::ValueSource;
use tbengine_engine::apply::{ApplyOptions, ErrorMode, RetrySchedule};
use tbengine_engine::facts::QUARANTINE_AFTER;
use tbengine_engine::plan::{Guards, MaxDelete, Own};

use super::file::{File, RetryTable};
use crate::args::tuning::{GuardArgs, PolicyArgs, RetryArgs};
use crate::args::values::{Factor, Span};

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    pub(crate) source: Source,
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Default,
    File,
    Variable,
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Source::Default => "default",
            Source::File => "file",
            Source::Variable => "variable",
            Source::Flag => "flag",
        })
    }
}

/// How long a saved plan is good for.
const MAX_PLAN_AGE: Duration = Duration::from_secs(3600);
/// The first wait of a fixed schedule.
const RETRY_DELAY: Duration = Duration::from_secs(2);
const RETRY_FACTOR: f64 = 2.0;
const RETRIES: u32 = 3;

/// Everything that the file, variables and flags can set for a plan and a run.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) policy: Setting<String>,
    /// Parameters that variables and flags set, on top of those of the policy's table.
    pub(crate) params: BTreeMap<String, Setting<String>>,
    pub(crate) stop_timeout: Setting<Option<Duration>>,
    pub(crate) min_age: Setting<Duration>,
    pub(crate) max_delete: Setting<Option<MaxDelete>>,
    pub(crate) max_unproven_running: Setting<usize>,
    pub(crate) max_plan_age: Setting<Duration>,
    pub(crate) quarantine_after: Setting<u32>,
    /// What the operator lets out of quarantine.
    pub(crate) release: Vec<String>,
    /// `None` asks the policy first.
    pub(crate) retry: Setting<Option<RetrySchedule>>,
    pub(crate) concurrency: Setting<Option<usize>>,
    pub(crate) outage_deadline: Setting<Duration>,
    pub(crate) deadline: Setting<Option<Duration>>,
    pub(crate) step_deadline: Setting<Duration>,
    pub(crate) state_dir: Setting<Option<PathBuf>>,
}

/// Puts the three layers on top of each other.
struct Layers<'a> {
    matches: &'a ArgMatches,
}

impl Layers<'_> {
    fn pick<T>(&self, id: &str, given: Option<T>, file: Option<T>, default: T) -> Setting<T> {
        match (given, file) {
            (Some(value), _) => Setting {
                value,
                source: self.source(id),
            },
            (None, Some(value)) => Setting {
                value,
                source: Source::File,
            },
            (None, None) => Setting {
                value: default,
                source: Source::Default,
            },
        }
    }

    fn source(&self, id: &str) -> Source {
        // A command that lacks the flag cannot have been given it.
        match self
            .matches
            .try_contains_id(id)
            .ok()
            .and_then(|_| self.matches.value_source(id))
        {
            Some(ValueSource::EnvVariable) => Source::Variable,
            Some(ValueSource::CommandLine) => Source::Flag,
            _ => Source::Default,
        }
    }
}

impl Settings {
    /// What is in force. `matches` are those of the command that was given.
    pub(crate) fn new(
        file: &File,
        policy: &PolicyArgs,
        guards: &GuardArgs,
        retry: &RetryArgs,
        state_dir: (Option<PathBuf>, Option<PathBuf>),
        matches: &ArgMatches,
    ) -> Self {
        let layers = Layers { matches };
        let defaults = Guards::default();
        let apply = ApplyOptions::default();
        let span = |span: Option<Span>| span.map(|span| span.0);
        let table = &file.guards;
        let (named_dir, default_dir) = state_dir;
        Self {
            policy: layers.pick(
                "policy",
                policy.policy.clone(),
                file.policy.clone(),
                "default".into(),
            ),
            params: params(&layers, policy),
            stop_timeout: layers.pick(
                "stop_timeout",
                span(policy.stop_timeout).map(Some),
                span(table.stop_timeout).map(Some),
                None,
            ),
            min_age: layers.pick(
                "min_age",
                span(guards.min_age),
                span(table.min_age),
                defaults.min_age,
            ),
            max_delete: layers.pick(
                "max_delete",
                guards.max_delete.map(Some),
                table.max_delete.map(|most| Some(most.0)),
                None,
            ),
            max_unproven_running: layers.pick(
                "max_unproven_running",
                guards.max_unproven_running,
                table.max_unproven_running,
                defaults.max_unproven_running,
            ),
            max_plan_age: layers.pick(
                "max_plan_age",
                span(guards.max_plan_age),
                span(table.max_plan_age),
                MAX_PLAN_AGE,
            ),
            quarantine_after: layers.pick(
                "quarantine_after",
                guards.quarantine_after,
                table.quarantine_after,
                QUARANTINE_AFTER,
            ),
            release: guards.release.clone(),
            retry: schedule(&layers, retry, &file.retry),
            concurrency: layers.pick(
                "concurrency",
                retry.concurrency.map(|limit| Some(limit.into())),
                file.retry.concurrency.map(|limit| Some(limit.into())),
                None,
            ),
            outage_deadline: layers.pick(
                "outage_deadline",
                span(retry.outage_deadline),
                span(file.retry.outage_deadline),
                apply.outage_deadline,
            ),
            deadline: layers.pick(
                "deadline",
                span(retry.deadline).map(Some),
                span(file.retry.deadline).map(Some),
                None,
            ),
            step_deadline: layers.pick(
                "step_deadline",
                span(retry.step_deadline),
                span(file.retry.step_deadline),
                apply.step_deadline,
            ),
            state_dir: layers.pick(
                "state_dir",
                named_dir.map(Some),
                file.state.dir.clone().map(Some),
                default_dir,
            ),
        }
    }

    /// The guards in force.
    pub(crate) fn guards(&self, own: Own) -> Guards {
        let defaults = Guards::default();
        Guards {
            min_age: self.min_age.value,
            max_delete: self.max_delete.value,
            max_unproven_running: self.max_unproven_running.value,
            own,
            default_grace: self.stop_timeout.value.unwrap_or(defaults.default_grace),
        }
    }

    /// How to apply a plan.
    pub(crate) fn apply(&self, error_mode: ErrorMode) -> ApplyOptions {
        let fixed = matches!(self.retry.value, Some(RetrySchedule::Fixed { .. }));
        ApplyOptions {
            retry: self.retry.value.unwrap_or_default(),
            ask_policy: !fixed,
            error_mode,
            concurrency: self.concurrency.value,
            outage_deadline: self.outage_deadline.value,
            deadline: self.deadline.value,
            step_deadline: self.step_deadline.value,
            ..ApplyOptions::default()
        }
    }
}

fn params(layers: &Layers<'_>, policy: &PolicyArgs) -> BTreeMap<String, Setting<String>> {
    let source = layers.source("set");
    let mut params: BTreeMap<String, Setting<String>> = policy
        .set
        .iter()
        .map(|(key, value)| {
            (
                key.clone(),
                Setting {
                    value: value.clone(),
                    source,
                },
            )
        })
        .collect();
    if policy.force {
        let force = Setting {
            value: "true".to_owned(),
            source: layers.source("force"),
        };
        params.insert("force".into(), force);
    }
    params
}

fn schedule(
    layers: &Layers<'_>,
    args: &RetryArgs,
    table: &RetryTable,
) -> Setting<Option<RetrySchedule>> {
    let given = ["retries", "retry_delay", "retry_factor"]
        .into_iter()
        .map(|id| layers.source(id))
        .find(|source| *source != Source::Default);
    if let Some(source) = given {
        let value = fixed(args.retries, args.retry_delay, args.retry_factor, table);
        return Setting {
            value: Some(value),
            source,
        };
    }
    if table.retries.is_some() || table.delay.is_some() || table.factor.is_some() {
        let value = fixed(None, None, None, table);
        return Setting {
            value: Some(value),
            source: Source::File,
        };
    }
    if table.attempts.is_none() && table.base.is_none() && table.cap.is_none() {
        return Setting {
            value: None,
            source: Source::Default,
        };
    }
    let RetrySchedule::Jittered {
        base,
        cap,
        attempts,
    } = RetrySchedule::default()
    else {
        return Setting {
            value: None,
            source: Source::Default,
        };
    };
    let value = RetrySchedule::Jittered {
        base: table.base.map_or(base, |span| span.0),
        cap: table.cap.map_or(cap, |span| span.0),
        attempts: table.attempts.unwrap_or(attempts),
    };
    Setting {
        value: Some(value),
        source: Source::File,
    }
}

fn fixed(
    retries: Option<u32>,
    delay: Option<Span>,
    factor: Option<Factor>,
    table: &RetryTable,
) -> RetrySchedule {
    RetrySchedule::Fixed {
        retries: retries.or(table.retries).unwrap_or(RETRIES),
        delay: delay.or(table.delay).map_or(RETRY_DELAY, |span| span.0),
        factor: factor
            .or(table.factor)
            .map_or(RETRY_FACTOR, |factor| factor.0),
    }
}
