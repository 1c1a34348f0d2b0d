//! Opening the backends that a command is about.

use serde_json::Value;
use tbengine_plugin_host::{OpenError, Plugins, open_with};
use tbengine_sdk::host::{OpenBackend, closest};
use tbengine_sdk::{Kind, OpenRequest, Registration};

use crate::config::Config;
use crate::config::read::{explained, unknown_key};
use crate::error::Error;
use crate::world::World;

/// The backend that there is without a configuration.
const DEFAULT: &str = "docker";

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

/// Opens backends by name. Does no I/O, but for what it takes to load plugins.
pub fn open_all(
    world: &World,
    config: &Config,
    plugins: &Plugins,
    names: &[String],
) -> Result<Vec<OpenBackend>, Error> {
    names
        .iter()
        .map(|name| open_one(world, config, plugins, name))
        .collect()
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

/// Opens a backend: one that is configured, or a kind with its defaults.
pub fn open_one(
    world: &World,
    config: &Config,
    plugins: &Plugins,
    name: &str,
) -> Result<OpenBackend, Error> {
    let table = config.file.backends.get(name);
    let brought = plugins.all().iter().any(|plugin| plugin.has(name));
    if table.is_none() && !brought && !is_built_in(config, name) {
        return Err(unknown(config, name));
    }
    let request = OpenRequest {
        name: name.into(),
        config: table.map_or(Value::Null, |table| Value::Object(table.settings.clone())),
        environment: world.environment.clone(),
        now: world.now,
    };
    let kind = table.map_or(name, |table| &table.kind);
    open_with(plugins, kind, request).map_err(|error| match error {
        // The plugin knows the keys, the file knows the line.
        OpenError::Refused { source, .. } if unknown_key(&source.message).is_some() => {
            let key = unknown_key(&source.message).map_or("", |(key, _)| key);
            explained(&config.pointer(&["backends", name, key]), &source.message)
        }
        OpenError::UnknownKind { .. } => Error::config(format!(
            "{}: {error}",
            config.pointer(&["backends", name, "kind"])
        )),
        refused @ OpenError::Refused { .. } => refused.into(),
    })
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
