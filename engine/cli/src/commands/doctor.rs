//! `tbengine doctor`: what is configured, what answers, what is missing and how to mend it.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use tbengine_plugin_host::Plugins;
use tbengine_sdk::{Account, Error as BackendError, ErrorKind, Registration};
use tbengine_store::SqliteStore;

use crate::app::{App, block_on};
use crate::args::tuning::{GuardArgs, PolicyArgs, RetryArgs};
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::page::Page;
use crate::output::span::{Tone, plain, toned};
use crate::output::view::{Lines, View};
use tbengine_ops::config::find::user_file;
use tbengine_ops::{backends, own, plugins, policies};

/// How long a backend may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    /// What sort of thing.
    about: &'static str,
    name: String,
    state: Health,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<String>,
    #[serde(skip)]
    code: Code,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Health {
    Ok,
    Note,
    Bad,
}

impl Finding {
    fn new(
        about: &'static str,
        name: impl Into<String>,
        state: Health,
        detail: impl Into<String>,
    ) -> Self {
        let (name, detail) = (name.into(), detail.into());
        Self {
            about,
            name,
            state,
            detail,
            hints: Vec::new(),
            code: Code::Done,
        }
    }

    fn failed(about: &'static str, name: impl Into<String>, error: &Error) -> Self {
        let mut finding = Self::new(about, name, Health::Bad, error.to_string());
        finding.hints = error.hints();
        finding.code = error.code();
        finding
    }
}

/// Passes at everything.
pub(crate) fn run(app: &mut App) -> Result<Code, Error> {
    let mut findings = vec![configuration(app)];
    findings.extend(block_on(check_backends(app))?);
    findings.extend(check_policies(app));
    findings.extend([cache(app), state(app), own_container()]);
    let findings = Findings(findings);
    app.out.show(app.global.output, &findings);
    // A backend that does not answer outranks the rest, since a run would end so too.
    let codes: Vec<Code> = findings.0.iter().map(|finding| finding.code).collect();
    let worst = [Code::Incomplete, Code::Usage, Code::Failed]
        .into_iter()
        .find(|code| codes.contains(code));
    Ok(worst.unwrap_or(Code::Done))
}

fn configuration(app: &App) -> Finding {
    match &app.context.config.place {
        Some(place) => {
            let kind = if place.project {
                " (of this directory)"
            } else {
                ""
            };
            Finding::new(
                "configuration",
                place.path.display().to_string(),
                Health::Ok,
                format!("read{kind}"),
            )
        }
        None => {
            let path = user_file(&app.context.world)
                .map_or_else(|| "tbengine.toml".into(), |path| path.display().to_string());
            Finding::new(
                "configuration",
                path,
                Health::Note,
                "not there; the defaults hold",
            )
        }
    }
}

async fn check_backends(app: &App) -> Result<Vec<Finding>, Error> {
    let names = backends::names(&app.context.config, &[]);
    let mut findings = Vec::new();
    let plugins = match plugins::all(&app.context.config, &app.context.plugins) {
        Ok(plugins) => plugins,
        Err(error) => {
            findings.push(Finding::failed("plugin", "[plugins]", &error.into()));
            Plugins::default()
        }
    };
    for plugin in plugins.all() {
        let kinds: Vec<_> = plugin
            .descriptor
            .kinds
            .iter()
            .map(|kind| &*kind.kind)
            .collect();
        let detail = format!(
            "{} ({}), brings {}",
            plugin.path.display(),
            plugin.way,
            kinds.join(", ")
        );
        findings.push(Finding::new("plugin", &plugin.name, Health::Ok, detail));
    }
    for name in &names {
        let open = match backends::open_one(&app.context.world, &app.context.config, &plugins, name)
        {
            Ok(open) => open,
            Err(error) => {
                findings.push(Finding::failed("backend", name, &error.into()));
                continue;
            }
        };
        let answer = tokio::time::timeout(PATIENCE, open.backend.check())
            .await
            .unwrap_or_else(|_| {
                let patience = humantime::format_duration(PATIENCE);
                Err(BackendError::new(
                    ErrorKind::Unavailable,
                    format!("it did not answer within {patience}"),
                ))
            });
        findings.extend(backend(name, answer));
    }
    for registration in Registration::all() {
        let configured = names.iter().any(|name| name == registration.kind)
            || app
                .context
                .config
                .file
                .backends
                .values()
                .any(|table| table.kind == registration.kind);
        if !configured {
            let detail = format!("{}; not configured", registration.about);
            findings.push(Finding::new(
                "plugin",
                registration.kind,
                Health::Note,
                detail,
            ));
        }
    }
    Ok(findings)
}

fn backend(name: &str, answer: Result<Account, BackendError>) -> Vec<Finding> {
    match answer {
        Ok(account) => {
            let fine = Finding::new(
                "backend",
                name,
                Health::Ok,
                format!("{}, account {}", account.description, account.id),
            );
            let warn = |warning| Finding::new("backend", name, Health::Note, warning);
            std::iter::once(fine)
                .chain(account.warnings.into_iter().map(warn))
                .collect()
        }
        Err(error) => {
            let mut finding = Finding::new("backend", name, Health::Bad, error.to_string());
            finding.hints = error.hint.into_iter().collect();
            finding.code = Code::Incomplete;
            vec![finding]
        }
    }
}

fn check_policies(app: &App) -> Vec<Finding> {
    let configured = app.context.config.file.policies.keys().cloned();
    let builtins = tbengine_builtins::ALL
        .iter()
        .map(|builtin| builtin.name.to_owned());
    let settings = app.settings(
        &PolicyArgs::default(),
        &GuardArgs::default(),
        &RetryArgs::default(),
    );
    let mut names: Vec<String> = configured
        .chain(builtins)
        .chain([settings.policy.value.clone()])
        .collect();
    names.sort();
    names.dedup();
    names
        .iter()
        .map(|name| {
            let mut used = settings.clone();
            used.policy.value.clone_from(name);
            match policies::choose(&app.context, &used) {
                Ok(chosen) => {
                    let source = chosen.policy.source();
                    let digest = source.digest.get(..12).unwrap_or_default();
                    let in_use = if *name == settings.policy.value {
                        ", used unless --policy names another"
                    } else {
                        ""
                    };
                    let detail = format!("{} {} ({digest}){in_use}", source.name, source.version);
                    Finding::new("policy", name, Health::Ok, detail)
                }
                Err(error) => Finding::failed("policy", name, &error.into()),
            }
        })
        .collect()
}

fn directory(about: &'static str, path: Option<PathBuf>, without: &str) -> Finding {
    match path {
        None => Finding::new(
            about,
            "none",
            Health::Note,
            format!("HOME is not set; {without}"),
        ),
        Some(path) => {
            let there = if path.is_dir() {
                "there"
            } else {
                "made when it is needed"
            };
            Finding::new(about, path.display().to_string(), Health::Ok, there)
        }
    }
}

fn cache(app: &App) -> Finding {
    directory(
        "cache",
        app.context.world.policy_cache(),
        "policies are compiled anew each time",
    )
}

fn state(app: &App) -> Finding {
    let settings = app.settings(
        &PolicyArgs::default(),
        &GuardArgs::default(),
        &RetryArgs::default(),
    );
    let path = settings.state_dir.value;
    let fit = path.as_deref();
    let fit = fit
        .map(|path| SqliteStore::open(path, &app.context.world.host))
        .transpose();
    match (fit, path) {
        (Err(error), Some(path)) => {
            Finding::failed("state", path.display().to_string(), &error.into())
        }
        (_, path) => directory("state", path, "name a directory with --state-dir"),
    }
}

fn own_container() -> Finding {
    let own = own::detect().containers;
    match own.len() {
        0 => Finding::new(
            "own container",
            "none",
            Health::Ok,
            "tbengine does not run in a container that it can see",
        ),
        _ => Finding::new(
            "own container",
            own.join(", "),
            Health::Ok,
            "tbengine runs in it and will not delete it",
        ),
    }
}

/// Everything that was looked at.
struct Findings(Vec<Finding>);

impl View for Findings {
    fn document(&self) -> impl Serialize {
        &self.0
    }

    fn lines(&self, lines: &mut Lines<'_>) {
        lines.each(&self.0);
    }

    fn columns(&self) -> &'static [&'static str] {
        &["about", "name", "state", "detail", "hint"]
    }

    fn rows(&self, rows: &mut Rows) {
        for finding in &self.0 {
            let state = serde_json::to_value(finding.state).unwrap_or_default();
            rows.row([
                finding.about,
                &finding.name,
                state.as_str().unwrap_or_default(),
                &finding.detail,
                &finding.hints.join("; "),
            ]);
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        for finding in &self.0 {
            let mark = match finding.state {
                Health::Ok => toned(Tone::Good, "ok   "),
                Health::Note => toned(Tone::Warn, "note "),
                Health::Bad => toned(Tone::Bad, "error"),
            };
            let subject = format!(" {} {}: ", finding.about, finding.name);
            page.line(&[mark, plain(subject), plain(&finding.detail)]);
            for hint in &finding.hints {
                page.line(&[
                    plain("      "),
                    toned(Tone::Good, "hint"),
                    plain(": "),
                    plain(hint),
                ]);
            }
        }
    }
}
