//! What is configured, what answers, and what is missing.
//!
//! - `backend`: what a backend that is open says

mod backend;

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::join_all;
use tbengine_engine::discover::shared_accounts;
use tbengine_plugin_host::Plugins;
use tbengine_sdk::{Account, Error as BackendError, Registration};

use crate::config::Settings;
use crate::config::find::user_file;
use crate::config::{Config, ConfigFile};
use crate::context::Context;
use crate::error::Error;
use crate::private_dir;
use crate::stored::existing_store;
use crate::{backends, own, plugins, policies};

/// One thing that was looked at.
#[derive(Debug)]
pub struct Finding {
    /// The kind of thing.
    pub subject: Subject,
    /// Which of its sort.
    pub name: String,
    /// How it is.
    pub condition: Condition,
}

/// The kind of thing that was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The configuration file.
    Configuration,
    /// A plugin.
    Plugin,
    /// A backend.
    Backend,
    /// A policy.
    Policy,
    /// Where compiled policies are kept.
    Cache,
    /// Where runs and leases are kept.
    State,
    /// The container that this process runs in.
    OwnContainer,
}

impl Subject {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Plugin => "plugin",
            Self::Backend => "backend",
            Self::Policy => "policy",
            Self::Cache => "cache",
            Self::State => "state",
            Self::OwnContainer => "own container",
        }
    }
}

/// How something is.
#[derive(Debug)]
pub enum Condition {
    /// As it should be, in words.
    Good(String),
    /// Worth to know, in words.
    Note(String),
    /// It cannot be used. What needs it ends so, too.
    Unusable(Error),
    /// The backend gave no answer, or another than it should.
    Unanswered(BackendError),
}

impl Finding {
    fn new(subject: Subject, name: impl Into<String>, condition: Condition) -> Self {
        let name = name.into();
        Self {
            subject,
            name,
            condition,
        }
    }

    fn good(subject: Subject, name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(subject, name, Condition::Good(detail.into()))
    }

    fn note(subject: Subject, name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(subject, name, Condition::Note(detail.into()))
    }

    /// Makes it worth to know, and no more.
    fn make_note(&mut self) {
        if let Condition::Unanswered(error) = &self.condition {
            self.condition = Condition::Note(format!("{error}; not configured"));
        }
    }

    fn unusable(subject: Subject, name: impl Into<String>, error: impl Into<Error>) -> Self {
        Self::new(subject, name, Condition::Unusable(error.into()))
    }
}

/// Looks at everything, of the backends at those that are named if any is. Writes to no backend.
pub async fn examine(context: &Context, settings: &Settings, named: &[String]) -> Vec<Finding> {
    let mut findings = configuration(context);
    findings.extend(examine_backends(context, named).await);
    findings.extend(examine_policies(context, settings).await);
    let cache = context.world.policy_cache();
    let without = "policies are recompiled on every run";
    findings.push(match cache.as_deref().map(private_dir::check) {
        Some(Err(error)) => Finding::note(
            Subject::Cache,
            cache.unwrap_or_default().display().to_string(),
            format!("not used, since {error}; {without}"),
        ),
        _ => directory(Subject::Cache, cache, without),
    });
    findings.push(state(context, settings));
    findings.push(own_container());
    findings
}

fn configuration(context: &Context) -> Vec<Finding> {
    let subject = Subject::Configuration;
    let Config { own, project, .. } = &context.config;
    let found = |source: &ConfigFile, what: &str| {
        let path = source.path.display().to_string();
        Finding::good(subject, path, what)
    };
    let own = own.as_ref().map(|own| found(own, "read"));
    let own = own.unwrap_or_else(|| {
        let path = user_file(&context.world)
            .map_or_else(|| "tbengine.toml".into(), |path| path.display().to_string());
        Finding::note(subject, path, "not found, using defaults")
    });
    let on_top = "read (of this directory), on top of it";
    let project = project.as_ref().map(|project| found(project, on_top));
    std::iter::once(own).chain(project).collect()
}

async fn examine_backends(context: &Context, named: &[String]) -> Vec<Finding> {
    let config = &context.config;
    let environment = &context.world.environment;
    let mut names = backends::names(config, named);
    // What was not named is worth a look, and no more than that where something else is configured.
    let mut is_supposed = false;
    if named.is_empty() && config.file.backends.is_empty() {
        let configured = backends::configured_by(environment);
        is_supposed = !configured.is_empty() && names.iter().all(|name| !configured.contains(name));
        names.extend(
            configured
                .into_iter()
                .filter(|name| !names.contains(name))
                .collect::<Vec<_>>(),
        );
    }
    let mut findings = Vec::new();
    let plugins = match plugins::working(config, &context.plugins).await {
        Ok(plugins) => Arc::new(plugins),
        Err(error) => {
            findings.push(Finding::unusable(Subject::Plugin, "[plugins]", error));
            Arc::default()
        }
    };
    for broken in plugins.broken() {
        let error = broken.to_backend_error();
        let condition = Condition::Unanswered(error);
        findings.push(Finding::new(Subject::Plugin, broken.name(), condition));
    }
    for plugin in plugins.all() {
        let kinds = plugin.descriptor.kinds.iter();
        let kinds: Vec<_> = kinds.map(|kind| &*kind.kind).collect();
        let detail = format!(
            "{} ({}), brings {}",
            plugin.path.display(),
            plugin.way,
            kinds.join(", ")
        );
        findings.push(Finding::good(Subject::Plugin, &plugin.name, detail));
        let table = config.file.plugins.get(&plugin.name);
        let env = table.into_iter().flat_map(|table| &table.env);
        let unset = env.filter(|name| !context.world.environment.contains_key(*name));
        findings.extend(unset.map(|variable| {
            let detail = format!("the variable {variable} of its `env` is not set");
            Finding::note(Subject::Plugin, &plugin.name, detail)
        }));
    }
    let looks = names
        .iter()
        .map(|name| examine_backend(context, &plugins, name));
    let mut accounts = Vec::new();
    for (name, (mut found, account)) in names.iter().zip(join_all(looks).await) {
        if is_supposed && name == backends::DEFAULT {
            found.iter_mut().for_each(Finding::make_note);
        }
        findings.extend(found);
        accounts.extend(account.map(|account| (name.as_str().into(), account)));
    }
    findings.extend(shared_accounts(accounts).into_iter().map(|shared| {
        let name = shared.backends.join(", ");
        Finding::note(Subject::Backend, name, shared.to_string())
    }));
    for registration in Registration::all().into_iter().filter(|_| named.is_empty()) {
        let kind = registration.kind;
        let mut tables = config.file.backends.values();
        if !names.iter().any(|name| name == kind) && !tables.any(|table| table.kind == kind) {
            let detail = format!("{}; not configured", registration.about);
            findings.push(Finding::note(Subject::Plugin, kind, detail));
        }
    }
    findings
}

/// Opens one backend, and asks what it has to say.
async fn examine_backend(
    context: &Context,
    plugins: &Arc<Plugins>,
    name: &str,
) -> (Vec<Finding>, Option<Account>) {
    let (world, config) = (&context.world, &context.config);
    let names = [name.to_owned()];
    let opened = match backends::open_all(world, config, plugins.clone(), &names, None).await {
        Ok(opened) => opened,
        Err(error) => return (vec![Finding::unusable(Subject::Backend, name, error)], None),
    };
    if let Some(open) = opened.open.first() {
        return backend::examine(world, open).await;
    }
    let closed = opened.closed.into_iter();
    let findings = closed.map(|closed| {
        let condition = Condition::Unanswered(closed.error);
        Finding::new(Subject::Backend, name, condition)
    });
    (findings.collect(), None)
}

async fn examine_policies(context: &Context, settings: &Settings) -> Vec<Finding> {
    let in_use = &settings.policy.value;
    let configured = context.config.file.policies.keys().cloned();
    let builtins = tbengine_builtins::ALL.iter();
    let builtins = builtins.map(|builtin| builtin.name.to_owned());
    let mut names: Vec<String> = configured.chain(builtins).chain([in_use.clone()]).collect();
    names.sort();
    names.dedup();
    let mut findings = Vec::new();
    for name in names {
        let mut used = settings.clone();
        used.policy.value.clone_from(&name);
        let chosen = policies::choose_in_background(context, &used).await;
        findings.push(match chosen {
            Ok(chosen) => {
                let source = chosen.policy.source();
                let digest = source.digest.get(..12).unwrap_or_default();
                let in_use = match name == *in_use {
                    true => ", used unless --policy names another",
                    false => "",
                };
                let detail = format!("{} {} ({digest}){in_use}", source.name, source.version);
                Finding::good(Subject::Policy, name, detail)
            }
            Err(error) => Finding::unusable(Subject::Policy, name, error),
        });
    }
    findings
}

fn directory(subject: Subject, path: Option<PathBuf>, without: &str) -> Finding {
    match path {
        None => Finding::note(subject, "none", format!("HOME is not set; {without}")),
        Some(path) => {
            let there = match path.is_dir() {
                true => "there",
                false => "created on first use",
            };
            Finding::good(subject, path.display().to_string(), there)
        }
    }
}

fn state(context: &Context, settings: &Settings) -> Finding {
    let path = settings.state_dir.value.clone();
    match (existing_store(settings, &context.world.host), path) {
        (Err(error), Some(path)) => {
            Finding::unusable(Subject::State, path.display().to_string(), error)
        }
        (_, path) => directory(Subject::State, path, "name a directory with --state-dir"),
    }
}

fn own_container() -> Finding {
    let own = own::detect().containers;
    let (name, detail) = match own.is_empty() {
        true => ("none".to_owned(), "not running in a container"),
        false => (own.join(", "), "tbengine runs in it and will not delete it"),
    };
    Finding::good(Subject::OwnContainer, name, detail)
}
