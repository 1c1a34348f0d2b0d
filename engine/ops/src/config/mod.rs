//! The configuration file, and what is in force once variables and flags are applied.
//!
//! - [`find`]: which file
//! - [`mod@file`]: what it may say
//! - [`param`]: how it writes parameters of policies
//! - [`read`]: from text to [`file::File`], with errors that point at the line
//! - [`trust`]: what a file may not say because of where it lies
//! - [`settings`]: what can be set, by a table; file < variable < flag, and where each value came from

pub mod file;
pub mod find;
pub mod param;
pub mod read;
pub mod settings;
pub mod trust;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tbengine_engine::owners::{Owners, Trust, line_of};

pub use file::File;
pub use find::ConfigLocation;
pub use settings::Settings;

use crate::error::Error;
use crate::world::World;
use settings::{GROUPS, rows_of};

/// The configuration file as it was read; empty if there is none.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// What it says.
    pub file: File,
    /// Where it lies.
    pub location: Option<ConfigLocation>,
    /// Its text, to point at lines.
    text: String,
}

impl Config {
    /// Finds, reads and checks the file.
    ///
    /// # Errors
    /// If it cannot be read, says what it may not, or was named and is not there.
    pub fn load(world: &World, named: Option<&Path>) -> Result<Self, Error> {
        let Some(location) = find::find(world, named) else {
            return Ok(Self::default());
        };
        let text = read::text(&location.path)?;
        let file = read::file(&location.path, &text)?;
        let config = Self {
            file,
            location: Some(location),
            text,
        };
        config.check()?;
        Ok(config)
    }

    /// Refuses what the file may not say because of where it lies.
    fn check(&self) -> Result<(), Error> {
        if let Some(location) = &self.location {
            trust::check(&self.file, location, |keys| self.pointer(keys))?;
        }
        // Most files say nothing of owners, and most commands need none.
        if !self.file.owners.is_empty() {
            self.owners()?;
        }
        Ok(())
    }

    /// The path of the file, with the line of a key if it is there, for messages.
    pub fn pointer(&self, keys: &[&str]) -> String {
        let path = self
            .path()
            .map_or_else(|| "tbengine.toml".into(), |path| path.display().to_string());
        match line_of(&self.text, keys) {
            Some(line) => format!("{path}:{line}"),
            None => path,
        }
    }

    /// The path of the file.
    pub fn path(&self) -> Option<&Path> {
        self.location
            .as_ref()
            .map(|location| location.path.as_path())
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
        let trust = match &self.location {
            Some(location) => trust::of_owners(location),
            None => Trust::Own,
        };
        let owners = built_in.with(&self.file.owners, trust);
        owners.map_err(|complaint| {
            let keys = complaint.at.iter().map(String::as_str);
            let keys: Vec<&str> = std::iter::once("owners").chain(keys).collect();
            Error::config(format!("{}: {}", self.pointer(&keys), complaint.message))
        })
    }

    /// The backends in whose accounts everything is the operator's.
    pub fn exclusive(&self) -> Vec<Arc<str>> {
        let backends = self.file.backends.iter();
        let exclusive = backends.filter(|(_, backend)| backend.exclusive);
        exclusive.map(|(name, _)| name.as_str().into()).collect()
    }

    /// A digest of what in the file decides what is done: the backends without their secrets, the plugins
    /// behind them, and the settings that bind plans. A plan that was saved or is resumed has to be applied under the same.
    pub fn digest(&self) -> String {
        let table: toml::Table = self.text.parse().unwrap_or_default();
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
            if let (false, Some(toml::Value::Table(part))) =
                (binding.is_empty(), table.get(group.name))
            {
                let part = part
                    .iter()
                    .filter(|(key, _)| binding.contains(&key.as_str()));
                let part: toml::Table = part.map(|(k, v)| (k.clone(), v.clone())).collect();
                counts.insert(group.name.to_owned(), part.into());
            }
        }
        hex::encode(Sha256::digest(counts.to_string()))
    }

    /// A path in the file, which counts from where the file lies.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        match self.path().and_then(Path::parent) {
            Some(folder) => folder.join(path),
            None => path.to_owned(),
        }
    }
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

    fn digest(text: &str) -> String {
        Config {
            text: text.into(),
            ..Config::default()
        }
        .digest()
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
}
