//! The file of a project on top of the user's own. It may come from a stranger, so it narrows and never widens: what it
//! may not say is an error that names the place where it may be said.

use std::path::Path;

use tbengine_engine::plan::{MaxDelete, Safeguards};
use tbengine_engine::policy::Limits;
use tbengine_oci::SCHEME;
use tbengine_sdk::Registration;

use super::file::{BackendTable, File, PolicyTable};
use super::settings::table::{Project, Row};
use super::settings::value::Plain;
use super::settings::{Settings, Source};
use super::source::ConfigFile;
use crate::error::Error;

/// Keys of a backend that decide where a credential goes, or are one.
const ENDPOINTS: [&str; 9] = [
    "host",
    "context",
    "tls-dir",
    "allow-plaintext",
    "api-url",
    "api-key",
    "api-key-file",
    "ca-file",
    "proxy",
];

/// The policy that deletes least of those that are about every owner.
const CAREFUL: &str = "default";
/// Policies that delete all that it does.
const WIDER: [&str; 2] = [CAREFUL, "aggressive"];
/// Kinds of backend that reach nothing but the daemon of this environment, or simulate one.
const NO_ACCOUNT: [&str; 2] = ["docker", "memory"];

/// What a project's file says that it may not.
struct Complaint {
    keys: Vec<String>,
    message: String,
}

impl Complaint {
    fn new(keys: &[&str], message: impl Into<String>) -> Self {
        Self {
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            message: message.into(),
        }
    }
}

/// What both files say together: the user's own, and on top of it that of a project.
///
/// # Errors
/// If the project's file says what it may not.
pub(super) fn on_top(own: &File, project: &ConfigFile) -> Result<File, Error> {
    let checked = check_tables(own, &project.file)
        .and_then(|()| check_settings(own, &project.file))
        .and_then(|()| check_names(own, &project.file));
    checked.map_err(|Complaint { keys, message }| {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let at = project.pointer(&keys);
        Error::config(format!(
            "{at}: {message}; ./tbengine.toml may come from a repository, so it can only narrow what your own file allows"
        ))
        .hint("put it into ~/.config/tbengine/tbengine.toml, or pass the file with --config")
    })?;
    let File {
        backends,
        policies,
        mut settings,
        ..
    } = project.file.clone();
    let mut both = own.clone();
    both.backends.extend(backends);
    both.policies
        .extend(policies.into_iter().map(|(name, mut table)| {
            // Paths count from where their file lies, and there are two of them.
            table.path = table.path.map(|path| project.resolve(&path));
            (name, table)
        }));
    settings.set_source(Source::Project);
    if let (Some(added), Some(before)) = (&mut settings.vetoes, &own.settings.vetoes) {
        let further = std::mem::take(&mut added.value);
        added.value.clone_from(&before.value);
        added.value.extend(further);
    }
    both.settings = settings.over(&own.settings);
    Ok(both)
}

fn check_tables(own: &File, project: &File) -> Result<(), Complaint> {
    if let Some(name) = project.plugins.keys().next() {
        return Err(Complaint::new(&["plugins", name], "plugins run code"));
    }
    for (name, table) in &project.backends {
        check_backend(own, name, table)?;
    }
    for (name, table) in &project.policies {
        check_policy(own, name, table)?;
    }
    Ok(())
}

fn check_backend(own: &File, name: &str, table: &BackendTable) -> Result<(), Complaint> {
    let complain =
        |key: &str, message: String| Err(Complaint::new(&["backends", name, key], message));
    let built_in = |kind: &str| Registration::all().iter().any(|one| one.kind == kind);
    if own.backends.contains_key(name) {
        return complain("", format!("your own file configures backend `{name}`"));
    }
    if built_in(name) && table.kind != name {
        let kind = &table.kind;
        return complain(
            "kind",
            format!("`{name}` is the name of a built-in backend, and this one is a `{kind}`"),
        );
    }
    let mut endpoints = ENDPOINTS.iter();
    if let Some(key) = endpoints.find(|key| table.settings.contains_key(**key)) {
        return complain(key, format!("`{key}` decides where credentials are sent"));
    }
    // Without backends of the user's own there is the daemon that every command finds.
    if let Some(mine) = own.backends.keys().next() {
        let message = format!("your own file says which backends there are, such as `{mine}`");
        return complain("", message);
    }
    if !NO_ACCOUNT.contains(&table.kind.as_str()) {
        let message = format!("a backend of kind `{}` would add an account", table.kind);
        return complain("kind", message);
    }
    if table.exclusive {
        return complain(
            "exclusive",
            "`exclusive` claims everything in an account".to_owned(),
        );
    }
    Ok(())
}

fn check_policy(own: &File, name: &str, table: &PolicyTable) -> Result<(), Complaint> {
    let complain =
        |key: &str, message: String| Err(Complaint::new(&["policies", name, key], message));
    if tbengine_builtins::get(name).is_some() {
        return complain("", format!("`{name}` is the name of a built-in policy"));
    }
    if own.policies.contains_key(name) {
        return complain("", format!("your own file configures policy `{name}`"));
    }
    if table.path.is_some() && table.sha256.is_none() {
        return complain(
            "path",
            format!("policy `{name}` is a file without `sha256`"),
        );
    }
    match table.limits.beyond(&Limits::default()) {
        None => Ok(()),
        Some(limit) => {
            let keys = ["policies", name, "limits", limit];
            let message = format!("`{limit}` is more than policies may use by default");
            Err(Complaint::new(&keys, message))
        }
    }
}

/// Refuses another policy than the most careful one, and vetoes that nothing pins: a name leads to a table, which is checked
/// by itself.
fn check_names(own: &File, project: &File) -> Result<(), Complaint> {
    let is_unpinned = |name: &str| {
        let is_file = name.contains('/') || name.ends_with(".wasm");
        is_file && !name.starts_with(SCHEME) && !name.contains("@sha256:")
    };
    let settings = &project.settings;
    let mine = own.settings.policy.as_ref();
    let is_wide = mine.is_none_or(|mine| WIDER.contains(&mine.value.as_str()));
    if let Some(policy) = &settings.policy
        && (policy.value != CAREFUL || !is_wide)
    {
        let message = format!("`{}` may delete more than your own choice", policy.value);
        return Err(Complaint::new(&["policy"], message));
    }
    let vetoes = settings.vetoes.iter().flat_map(|vetoes| &vetoes.value);
    let vetoes = vetoes.map(|name| (&["safeguards", "policies"][..], name));
    for (keys, name) in vetoes {
        if is_unpinned(name) {
            let message = format!("`{name}` is a file without its digest");
            return Err(Complaint::new(keys, message));
        }
    }
    Ok(())
}

fn check_settings(own: &File, project: &File) -> Result<(), Complaint> {
    let before = Settings::new(own.settings.clone());
    for (row, value) in project.settings.said() {
        let all = before.all();
        let mut same = all.filter(|(other, _)| other.key == row.key);
        let without = same
            .next()
            .map_or(Plain::Unset, |(_, setting)| setting.value);
        if let Some(what) = widening(row, &value, &without, &before) {
            return Err(Complaint::new(
                &row.keys(),
                format!("`{}` would {what}", row.group_and_name().1),
            ));
        }
    }
    Ok(())
}

/// What a value would do that a project's file may not, where another one holds without it.
fn widening(row: &Row, value: &Plain, without: &Plain, before: &Settings) -> Option<String> {
    let limit = |plain: &Plain| match plain {
        Plain::Text(text) => text.parse::<MaxDelete>().ok(),
        _ => None,
    };
    let (widens, what) = match row.project {
        Project::Any => return None,
        Project::Nothing(what) => return Some(what.to_owned()),
        Project::AtLeast(what) => {
            let grace = Plain::Duration(Safeguards::default().default_grace);
            let without = match without {
                Plain::Unset => &grace,
                without => without,
            };
            (
                value
                    .cmp_as_quantity(without)
                    .is_none_or(|order| order.is_lt()),
                what,
            )
        }
        Project::AtMost(what) => (
            value
                .cmp_as_quantity(without)
                .is_none_or(|order| order.is_gt()),
            what,
        ),
        // Zero switches it off.
        Project::AtMostButZero(what) => {
            let is_more = || {
                value
                    .cmp_as_quantity(without)
                    .is_none_or(|order| order.is_gt())
            };
            (!without.is_zero() && (value.is_zero() || is_more()), what)
        }
        Project::Limit(what) => {
            let running = before.max_unknown_running.value;
            let is_less = match (limit(value), limit(without)) {
                (Some(MaxDelete::Count(most)), Some(MaxDelete::Count(before))) => most <= before,
                (Some(MaxDelete::Percent(most)), Some(MaxDelete::Percent(before))) => {
                    most <= before
                }
                // It would replace the limit for what runs and is of unknown owner.
                (Some(MaxDelete::Count(most)), None) => most <= running,
                _ => false,
            };
            (!is_less, what)
        }
    };
    widens.then(|| match without {
        Plain::Unset => what.to_owned(),
        without => format!("{what} (it is {without} without this file, and {value} here)"),
    })
}

/// The path of a policy of the user's own file, which counts from there.
pub(super) fn with_paths(own: &ConfigFile) -> File {
    let mut file = own.file.clone();
    for table in file.policies.values_mut() {
        table.path = table.path.take().map(|path| own.resolve(Path::new(&path)));
    }
    file
}
