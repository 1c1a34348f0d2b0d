//! The configuration files, and what is in force once variables and flags are applied.
//!
//! - [`find`]: which files
//! - [`mod@file`]: what they may say
//! - [`param`]: how they write parameters of policies
//! - [`read`]: from text to [`file::File`], with errors that point at the line
//! - [`source`]: one that was read
//! - [`trust`]: who may have written one
//! - `narrow`: the file of a project on top of the user's own, which may only narrow
//! - [`settings`]: what can be set, by a table; file < variable < flag, and where each value came from

pub mod file;
pub mod find;
mod narrow;
pub mod param;
pub mod read;
pub mod settings;
pub mod source;
pub mod trust;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tbengine_engine::owners::{Owners, Trust};

pub use file::File;
pub use find::ConfigLocation;
pub use settings::Settings;
pub use source::ConfigFile;

use crate::error::Error;
use crate::world::World;
use settings::{GROUPS, rows_of};

/// The configuration files as they were read; empty if there are none.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// What they say together.
    pub file: File,
    /// The file that is the operator's own word.
    pub own: Option<ConfigFile>,
    /// The file of the working directory, which may belong to a stranger.
    pub project: Option<ConfigFile>,
}

impl Config {
    /// Finds, reads and checks the files.
    ///
    /// # Errors
    /// If one cannot be read, says what it may not, or was named and is not there.
    pub fn load(world: &World, named: Option<&Path>) -> Result<Self, Error> {
        let ConfigLocation { own, project } = find::find(world, named);
        let operator = world.operator();
        let read = |path: Option<PathBuf>, is_project| {
            path.map(|path| ConfigFile::read(&path, is_project, operator))
                .transpose()
        };
        Self::of(read(own, false)?, read(project, true)?)
    }

    /// What these files say together.
    fn of(own: Option<ConfigFile>, project: Option<ConfigFile>) -> Result<Self, Error> {
        let mut file = own.as_ref().map(narrow::with_paths).unwrap_or_default();
        if let Some(project) = &project {
            file = narrow::on_top(&file, project)?;
        }
        let config = Self { file, own, project };
        // Most files say nothing of owners, and most commands need none.
        if config.sources().any(|one| !one.file.owners.is_empty()) {
            config.owners()?;
        }
        Ok(config)
    }

    /// The files, the operator's own first.
    fn sources(&self) -> impl Iterator<Item = &ConfigFile> {
        self.own.iter().chain(&self.project)
    }

    /// The path of the file that says something of a key, with its line, for messages.
    pub fn pointer(&self, keys: &[&str]) -> String {
        let says = self.project.as_ref().filter(|project| {
            // What is missing in a table is missing in the file that has the table.
            let table = &keys[..keys.len().min(2)];
            project.says(table)
        });
        match says.or(self.own.as_ref()).or(self.project.as_ref()) {
            Some(source) => source.pointer(keys),
            None => find::NAME.into(),
        }
    }

    /// The path of the file that is the operator's own word, or else of that of the project.
    pub fn path(&self) -> Option<&Path> {
        Some(&self.sources().next()?.path)
    }

    /// How long the locks of a run last without a heartbeat, if the file says so.
    pub fn lock(&self) -> Option<Duration> {
        let lock = self.file.settings.lock.as_ref()?;
        lock.value
    }

    /// The owners that are known: those that are built in, and what the file adds.
    ///
    /// # Errors
    /// If the file says what it may not, which it has been checked for when it was read.
    pub fn owners(&self) -> Result<Owners, Error> {
        let built_in = Owners::embedded().map_err(|error| Error::config(error.to_string()))?;
        self.sources().try_fold(built_in, |owners, source| {
            let trust = match source.is_project {
                true => Trust::Stranger,
                false => Trust::Own,
            };
            let owners = owners.with(&source.file.owners, trust);
            owners.map_err(|complaint| {
                let keys = complaint.at.iter().map(String::as_str);
                let keys: Vec<&str> = std::iter::once("owners").chain(keys).collect();
                let at = source.pointer(&keys);
                Error::config(format!("{at}: {}", complaint.message))
            })
        })
    }

    /// The backends in whose accounts everything is the operator's.
    pub fn exclusive(&self) -> Vec<Arc<str>> {
        let backends = self.file.backends.iter();
        let exclusive = backends.filter(|(_, backend)| backend.exclusive);
        exclusive.map(|(name, _)| name.as_str().into()).collect()
    }

    /// A digest of what in the files decides what is done: the backends without their secrets, the plugins
    /// behind them, and the settings that bind plans. A plan that was saved or is resumed has to be applied under the same.
    pub fn digest(&self) -> String {
        let counts: Vec<String> = self
            .sources()
            .map(|source| counts(&source.table()).to_string())
            .filter(|text| !text.is_empty())
            .collect();
        hex::encode(Sha256::digest(counts.join("\n# on top\n")))
    }

    /// A path in the operator's own file, which counts from where that lies.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        match &self.own {
            Some(own) => own.resolve(path),
            None => path.to_owned(),
        }
    }
}

/// What in a file decides what is done.
fn counts(table: &toml::Table) -> toml::Table {
    let mut counts = toml::Table::new();
    for name in ["backends", "plugins", "owners"] {
        if let Some(part) = table.get(name) {
            counts.insert(name.to_owned(), without_secrets(part.clone()));
        }
    }
    for row in rows_of(None).filter(|row| row.binds_plans) {
        if let Some(value) = table.get(row.key) {
            counts.insert(row.key.to_owned(), value.clone());
        }
    }
    for group in GROUPS {
        let binding = rows_of(Some(group.name)).filter(|row| row.binds_plans);
        let binding: Vec<&str> = binding.map(|row| row.group_and_name().1).collect();
        if let (false, Some(toml::Value::Table(part))) = (binding.is_empty(), table.get(group.name))
        {
            let part = part
                .iter()
                .filter(|(key, _)| binding.contains(&key.as_str()));
            let part: toml::Table = part.map(|(k, v)| (k.clone(), v.clone())).collect();
            counts.insert(group.name.to_owned(), part.into());
        }
    }
    counts
}

/// Words in the names of keys that hold a secret, or say where one is.
const SECRET: [&str; 4] = ["key", "token", "secret", "password"];

fn without_secrets(value: toml::Value) -> toml::Value {
    match value {
        toml::Value::Table(table) => table
            .into_iter()
            .filter(|(key, _)| !SECRET.iter().any(|word| key.contains(word)))
            .map(|(key, value)| (key, without_secrets(value)))
            .collect::<toml::Table>()
            .into(),
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str, is_project: bool) -> ConfigFile {
        let path = PathBuf::from("tbengine.toml");
        ConfigFile {
            file: read::file(&path, text).unwrap(),
            path,
            is_project,
            text: text.into(),
        }
    }

    fn digest(text: &str) -> String {
        let own = Some(source(text, false));
        let config = Config {
            own,
            ..Config::default()
        };
        config.digest()
    }

    /// What a project's file says on top of an own one, or why it may not.
    fn on_top(own: &str, project: &str) -> Result<Config, String> {
        let both = Config::of(Some(source(own, false)), Some(source(project, true)));
        both.map_err(|error| {
            let Error::Config { message, hints } = error else {
                panic!("{error}");
            };
            format!("{message}|{}", hints.join("|"))
        })
    }

    #[test]
    fn the_digest_is_of_what_decides() {
        let base =
            "[backends.d]\nkind = \"daytona\"\napi-key = \"a\"\n[safeguards]\nmin-age = \"5m\"\n";
        let same = [
            base.replace("\"a\"", "\"b\""),
            format!("policy = \"aggressive\"\n# a comment\n{base}"),
            format!("{base}[state]\ndir = \"/x\"\n"),
        ];
        for text in same {
            assert_eq!(digest(base), digest(&text), "{text}");
        }
        let other = [
            base.replace("5m", "6m"),
            base.replace("daytona", "docker"),
            base.replace("backends.d", "backends.e"),
            format!("{base}[retry]\nattempts = 2\n"),
            format!("{base}[plugins.p]\npath = \"p.so\"\nsha256 = \"any\"\n"),
            format!("{base}[owners.kind]\nenabled = false\n"),
            base.replace("[safeguards]", "exclusive = true\n[safeguards]"),
            String::new(),
        ];
        for text in other {
            assert_ne!(digest(base), digest(&text), "{text}");
        }
    }

    #[test]
    fn a_projects_file_never_widens_what_the_users_own_allows() {
        let pin = "0".repeat(64);
        let own = "[safeguards]\nmin-age = \"5m\"\nmax-delete = 10\nmax-unknown-running = 3\nquarantine-after = 2\n\
                   [backends.mine]\nkind = \"docker\"\n[policies.mine]\nbuiltin = \"default\"\n";
        let none = "";
        for (own, project, line, says) in [
            (
                none,
                "[policies.aggressive]\nbuiltin = \"default\"",
                1,
                "built-in policy",
            ),
            (
                none,
                "[policies.p]\npath = \"p.wasm\"",
                2,
                "without `sha256`",
            ),
            (none, "policy = \"./p.wasm\"", 1, "may delete more"),
            (none, "policy = \"aggressive\"", 1, "may delete more"),
            (
                "policy = \"harbor\"",
                "policy = \"default\"",
                1,
                "may delete more",
            ),
            (
                none,
                "[safeguards]\npolicies = [\"./veto.wasm\"]",
                2,
                "without its digest",
            ),
            (
                own,
                "[policies.mine]\nbuiltin = \"aggressive\"",
                1,
                "your own file configures policy",
            ),
            (
                none,
                "[policies.p]\nbuiltin = \"default\"\nlimits = { memory = \"1GiB\" }",
                3,
                "`memory` is more",
            ),
            (
                own,
                "[backends.mine]\nkind = \"docker\"",
                1,
                "your own file configures backend",
            ),
            (
                none,
                "[backends.x]\nkind = \"mycloud\"\nregion = \"y\"",
                2,
                "would add an account",
            ),
            (
                none,
                "[backends.d]\nkind = \"daytona\"",
                2,
                "would add an account",
            ),
            (
                own,
                "[backends.other]\nkind = \"docker\"",
                1,
                "which backends there are, such as `mine`",
            ),
            (
                none,
                "[backends.d]\nkind = \"docker\"\nexclusive = true",
                3,
                "claims everything",
            ),
            (none, "[plugins.p]\npath = \"p.so\"", 1, "plugins run code"),
            (none, "[state]\ndir = \"/x\"", 2, "`dir` would move"),
            (none, "[state]\nlock = \"1h\"", 2, "`lock` would"),
            (none, "[state]\nkeep = \"1h\"", 2, "`keep` would"),
            (
                none,
                "[safeguards]\nmin-age = \"1ns\"",
                2,
                "lower the minimum age (it is 1m without this file",
            ),
            (
                own,
                "[safeguards]\nmin-age = \"4m\"",
                2,
                "it is 5m without this file, and 4m here",
            ),
            (
                none,
                "[safeguards]\nunknown-lease-age = \"29d\"",
                2,
                "unknown leases",
            ),
            (
                none,
                "[safeguards]\nmax-delete = 6",
                2,
                "refused without it",
            ),
            (
                none,
                "[safeguards]\nmax-delete = \"1%\"",
                2,
                "refused without it",
            ),
            (
                own,
                "[safeguards]\nmax-delete = 11",
                2,
                "it is 10 without this file",
            ),
            (
                own,
                "[safeguards]\nmax-delete = \"1%\"",
                2,
                "refused without it",
            ),
            (
                own,
                "[safeguards]\nmax-unknown-running = 4",
                2,
                "unknown owner",
            ),
            (
                none,
                "[safeguards]\nmax-plan-age = \"2h\"",
                2,
                "older plans",
            ),
            (own, "[safeguards]\nquarantine-after = 3", 2, "more often"),
            (own, "[safeguards]\nquarantine-after = 0", 2, "more often"),
            (none, "[safeguards]\nstop-timeout = \"9s\"", 2, "sooner"),
        ] {
            let error = on_top(own, project).map(|_| project).unwrap_err();
            assert!(
                error.starts_with(&format!("tbengine.toml:{line}: ")),
                "{error}"
            );
            assert!(error.contains(says), "{error}");
            assert!(
                error.contains("|put it into ~/.config/tbengine/tbengine.toml"),
                "{error}"
            );
        }
        for key in [
            "host",
            "context",
            "tls-dir",
            "api-url",
            "api-key",
            "api-key-file",
            "proxy",
        ] {
            let text = format!("[backends.d]\nkind = \"docker\"\n{key} = \"x\"\n");
            let error = on_top(none, &text).unwrap_err();
            assert!(
                error.starts_with(&format!("tbengine.toml:3: `{key}`")),
                "{error}"
            );
        }
        for (own, project) in [
            (
                none,
                format!("[policies.p]\npath = \"p.wasm\"\nsha256 = \"{pin}\""),
            ),
            (
                none,
                "[backends.docker]\nkind = \"docker\"\n[backends.m]\nkind = \"memory\"".into(),
            ),
            (
                none,
                "[safeguards]\nmax-delete = 5\nmin-age = \"1m\"\nstop-timeout = \"10s\"".into(),
            ),
            (
                own,
                "[safeguards]\nmax-delete = 9\nquarantine-after = 1\nmax-unknown-running = 0"
                    .into(),
            ),
            (
                "[safeguards]\nquarantine-after = 0",
                "[safeguards]\nquarantine-after = 9".into(),
            ),
            (
                "[safeguards]\nmax-delete = \"20%\"",
                "[safeguards]\nmax-delete = \"19%\"".into(),
            ),
        ] {
            on_top(own, &project).unwrap();
        }
    }

    #[test]
    fn every_safeguard_says_what_a_projects_file_may_do() {
        for group in ["safeguards", "state"] {
            for row in rows_of(Some(group)) {
                // Vetoes are added to those of the user, and only take steps away.
                let is_checked = !matches!(row.project, settings::table::Project::Any);
                assert_eq!(is_checked, row.field != "vetoes", "{}", row.key);
            }
        }
    }

    #[test]
    fn a_projects_file_lies_on_top_of_the_users_own() {
        let own = "policy = \"aggressive\"\n[safeguards]\nmin-age = \"5m\"\nmax-plan-age = \"30m\"\n\
                   policies = [\"one\"]\n[backends.mine]\nkind = \"docker\"\n[policies.one]\npath = \"v/one.wasm\"\n";
        let project = "policy = \"default\"\n[safeguards]\nmin-age = \"6m\"\npolicies = [\"two\"]\n\
                       [policies.two]\npath = \"two.wasm\"\nsha256 = \"0\"\n[owners.ours]\nwhat = \"kept\"\nname = 'db-.*'\n";
        let both = on_top(own, project).unwrap();
        let settings = Settings::new(both.file.settings.clone());
        assert_eq!(settings.policy.value, "default");
        assert_eq!(settings.min_age.value, Duration::from_secs(360));
        assert_eq!(settings.max_plan_age.value, Duration::from_secs(1800));
        // What the user vetoes no file of a project takes away.
        assert_eq!(settings.vetoes.value, ["one", "two"]);
        assert!(both.file.backends.contains_key("mine"));
        assert!(both.owners().unwrap().get("ours").is_some());
        assert_ne!(both.digest(), on_top(own, "").unwrap().digest());
        assert_eq!(
            both.pointer(&["policies", "two", "sha256"]),
            "tbengine.toml:7"
        );
        assert_eq!(
            both.pointer(&["policies", "one", "sha256"]),
            "tbengine.toml:8"
        );
    }

    #[test]
    fn a_projects_file_says_what_is_kept_and_claims_nothing() {
        let ours = "[owners.evals]\nwhat = \"benchmark\"\nlabels = [\"team=evals\"]\nsure = true\n";
        let error = on_top("", ours).unwrap_err();
        assert!(
            error.contains("tbengine.toml:1: somebody else may"),
            "{error}"
        );
        on_top(ours, "").unwrap();
    }
}
