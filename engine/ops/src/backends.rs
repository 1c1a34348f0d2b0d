//! Opening the backends that a command is about.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::Value;
use tbengine_engine::discover::ListFailure;
use tbengine_plugin_host::{OpenError, Plugins, open_with};
use tbengine_sdk::host::{OpenBackend, closest};
use tbengine_sdk::{Error as BackendError, ErrorKind, Kind, OpenRequest, Registration};
use tokio::time::{Instant, timeout_at};

use crate::background::in_background;
use crate::config::Config;
use crate::config::read::{explained, unknown_key};
use crate::error::Error;
use crate::world::World;

/// The backend that there is without a configuration.
pub(crate) const DEFAULT: &str = "docker";

/// The kinds of backends that the environment configures by itself, with a credential or an address.
pub(crate) fn configured_by(environment: &BTreeMap<String, String>) -> Vec<String> {
    let is_set = |name: &&&str| {
        environment
            .get(**name)
            .is_some_and(|value| !value.is_empty())
    };
    let all = Registration::all().into_iter();
    let configured = all.filter(|one| one.variables.iter().any(|name| is_set(&name)));
    configured.map(|one| one.kind.to_owned()).collect()
}

/// The backends that the operator named, or else all that are configured, or else the default.
pub fn names(config: &Config, named: &[String]) -> Vec<String> {
    if !named.is_empty() {
        let mut names = named.to_vec();
        names.sort();
        names.dedup();
        return names;
    }
    if config.file.backends.is_empty() {
        return vec![DEFAULT.to_owned()];
    }
    config.file.backends.keys().cloned().collect()
}

/// The backends that a command is about: those that are open, and what is wrong with the others.
#[derive(Debug, Default)]
pub struct Opened {
    /// Those that are open, in the order in which they were named.
    pub open: Vec<OpenBackend>,
    /// Those that cannot be opened, with the reason.
    pub closed: Vec<ListFailure>,
}

/// Opens backends by name, side by side. Does no I/O, but for what it takes to load and to start plugins. One
/// that cannot be opened, or is not open at `until`, costs none of the others.
///
/// # Errors
/// If the configuration itself is wrong, or a plugin is refused.
pub async fn open_all(
    world: &World,
    config: &Config,
    plugins: Arc<Plugins>,
    names: &[String],
    until: Option<Instant>,
) -> Result<Opened, Error> {
    let opening = names.iter();
    let opening = opening.map(|name| by(until, name, open(world, config, &plugins, name)));
    let mut opened = Opened::default();
    for (name, outcome) in names.iter().zip(join_all(opening).await) {
        match outcome {
            Ok(open) => opened.open.push(open),
            Err(error) => opened.closed.push(failure(name, error)?),
        }
    }
    Ok(opened)
}

/// What is said of a backend that cannot be opened.
///
/// # Errors
/// What is for the operator to settle first.
pub(crate) fn failure(name: &str, error: Error) -> Result<ListFailure, Error> {
    Ok(ListFailure {
        backend: name.into(),
        kind: None,
        item: None,
        error: failure_to_open(error)?,
    })
}

/// The opening of a backend, given up at a time.
pub(crate) async fn by(
    until: Option<Instant>,
    name: &str,
    opening: impl Future<Output = Result<OpenBackend, Error>>,
) -> Result<OpenBackend, Error> {
    match until {
        Some(until) => timeout_at(until, opening).await.unwrap_or_else(|_| {
            let late = "that took until the run's deadline";
            Err(Error::Open(OpenError::Refused {
                name: name.into(),
                source: BackendError::new(ErrorKind::Unavailable, late),
            }))
        }),
        None => opening.await,
    }
}

/// Opens one, elsewhere if that may take time.
pub(crate) async fn open(
    world: &World,
    config: &Config,
    plugins: &Arc<Plugins>,
    name: &str,
) -> Result<OpenBackend, Error> {
    let opening = opening(world, config, plugins, name)?;
    if is_built_in(config, name) {
        return opening.open(config, plugins);
    }
    let (config, plugins) = (config.clone(), plugins.clone());
    in_background(move || opening.open(&config, &plugins)).await
}

/// What keeps a backend from being opened, if that is not for the operator to settle first.
fn failure_to_open(error: Error) -> Result<BackendError, Error> {
    let said = |error: BackendError| BackendError {
        message: format!("it cannot be opened: {}", error.message),
        ..error
    };
    match error {
        Error::Open(OpenError::Refused { source, .. }) if source.kind != ErrorKind::Invalid => {
            Ok(said(source))
        }
        Error::Open(OpenError::NoProvider { source, .. }) => Ok(said(source)),
        error => Err(error),
    }
}

/// Whether a backend of this name is of a kind that is built in; otherwise plugins have to be loaded.
pub fn is_built_in(config: &Config, name: &str) -> bool {
    let kind = config
        .file
        .backends
        .get(name)
        .map_or(name, |table| &table.kind);
    let all = Registration::all();
    all.iter().any(|registration| registration.kind == kind)
}

/// Takes those away from these names that are not those of a backend, and says of each that it is not configured. A lease
/// may name what was configured when it was taken; that is no fault of the command line.
pub(crate) fn without_unknown(
    config: &Config,
    plugins: &Plugins,
    names: &mut Vec<String>,
) -> Vec<ListFailure> {
    let unknown = names.extract_if(.., |name| !is_known(config, plugins, name));
    let failure = |name: String| ListFailure {
        backend: name.into(),
        kind: None,
        item: None,
        error: BackendError::new(
            ErrorKind::Invalid,
            "it is not configured any more; configure it again under this name, or give the lease up with `tbengine lease release ID --abandon`",
        ),
    };
    unknown.map(failure).collect()
}

/// Whether a name is that of a backend, as far as that can be known while plugins do not work.
fn is_known(config: &Config, plugins: &Plugins, name: &str) -> bool {
    let brought = plugins.all().iter().any(|plugin| plugin.has(name));
    let is_configured = config.file.backends.contains_key(name) || is_built_in(config, name);
    // It may well be one that a plugin brings which does not work now.
    is_configured || brought || !plugins.broken().is_empty()
}

/// A backend that is to be opened.
struct Opening {
    kind: String,
    request: OpenRequest,
}

/// What it takes to open a backend: one that is configured, or a kind with its defaults.
fn opening(
    world: &World,
    config: &Config,
    plugins: &Plugins,
    name: &str,
) -> Result<Opening, Error> {
    let table = config.file.backends.get(name);
    let kind = table.map_or(name, |table| &table.kind);
    if !is_known(config, plugins, name) {
        return Err(unknown(config, name));
    }
    Ok(Opening {
        kind: kind.to_owned(),
        request: OpenRequest {
            name: name.into(),
            config: table.map_or(Value::Null, |table| Value::Object(table.settings.clone())),
            environment: world.environment.clone(),
            now: world.now,
        },
    })
}

impl Opening {
    fn open(self, config: &Config, plugins: &Plugins) -> Result<OpenBackend, Error> {
        let name = self.request.name.clone();
        open_with(plugins, &self.kind, self.request).map_err(|error| match error {
            // The plugin knows the keys, the file knows the line.
            OpenError::Refused { source, .. } if unknown_key(&source.message).is_some() => {
                let key = unknown_key(&source.message).map_or("", |(key, _)| key);
                explained(&config.pointer(&["backends", &name, key]), &source.message)
            }
            OpenError::UnknownKind { .. } => Error::config(format!(
                "{}: {error}",
                config.pointer(&["backends", &name, "kind"])
            )),
            other => other.into(),
        })
    }
}

/// Refuses a kind that none of these backends declares. Sends nothing.
///
/// # Errors
/// [`Error::Config`](crate::Error), which names the kinds that there are.
pub fn check_kinds(open: &[OpenBackend], kinds: &[Kind]) -> Result<(), Error> {
    let declared = |kind: Kind| open.iter().any(|one| one.capabilities.kind(kind).is_some());
    let Some(unknown) = kinds.iter().copied().find(|kind| !declared(*kind)) else {
        return Ok(());
    };
    let words = |one: &OpenBackend| {
        let words: Vec<&str> = one.capabilities.words().map(Kind::word).collect();
        words.join(", ")
    };
    let there_are = open
        .iter()
        .map(|one| format!("{}: {}", one.name, words(one)));
    let there_are = there_are.collect::<Vec<_>>().join("; ");
    let all = open.iter().flat_map(|one| one.capabilities.words());
    let error = Error::config(format!("no backend here has the kind `{unknown}`"));
    Err(match closest(unknown.word(), all.map(Kind::word)) {
        Some(meant) => error.hint(format!("did you mean `{meant}`? {there_are}")),
        None => error.hint(format!("there are: {there_are}")),
    })
}

fn unknown(config: &Config, name: &str) -> Error {
    let kinds = Registration::all();
    let known: Vec<&str> = config
        .file
        .backends
        .keys()
        .map(String::as_str)
        .chain(kinds.iter().map(|registration| registration.kind))
        .collect();
    let error = Error::config(format!("no backend named `{name}`"));
    match closest(name, known.iter().copied()) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None => error.hint(format!("known: {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_configuration_there_is_only_docker() {
        assert_eq!(names(&Config::default(), &[]), ["docker"]);
        let twice = ["memory".to_owned(), "memory".to_owned()];
        assert_eq!(names(&Config::default(), &twice), ["memory"]);
    }
}
