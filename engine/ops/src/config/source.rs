//! A configuration file that was read.

use std::path::{Path, PathBuf};

use tbengine_engine::owners::line_of;

use super::file::File;
use super::read;
use super::trust::{self, Role};
use crate::error::Error;
use crate::input::{Input, MAX_CONFIG};
use crate::operator::Operator;

/// A configuration file that was read.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Whether it was found in the working directory without being named.
    pub is_project: bool,
    /// Its text, to point at lines.
    pub(super) text: String,
    /// What it says.
    pub file: File,
}

impl ConfigFile {
    /// Reads a file that nobody else may write.
    ///
    /// # Errors
    /// If it cannot be read, belongs to somebody else, or makes no sense.
    pub(super) fn read(path: &Path, is_project: bool, operator: Operator) -> Result<Self, Error> {
        let failed = |error| Error::config(format!("failed to read {}: {error}", path.display()));
        let input = Input::open(path).map_err(failed)?;
        let role = match is_project {
            true => Role::Project,
            false => Role::Own,
        };
        trust::check(path, &input, role, operator)?;
        let text = input.text(MAX_CONFIG).map_err(failed)?;
        Ok(Self {
            file: read::file(path, &text)?,
            path: path.to_owned(),
            is_project,
            text,
        })
    }

    /// Its path, with the line of a key if it is there, for messages.
    pub fn pointer(&self, keys: &[&str]) -> String {
        let path = self.path.display();
        match line_of(&self.text, keys) {
            Some(line) => format!("{path}:{line}"),
            None => path.to_string(),
        }
    }

    /// Whether it says something about a key.
    pub(super) fn says(&self, keys: &[&str]) -> bool {
        let (Some((first, rest)), table) = (keys.split_first(), self.table()) else {
            return false;
        };
        let value = table.get(*first);
        let found = rest
            .iter()
            .try_fold(value, |value, key| Some(value?.get(*key)));
        found.flatten().is_some()
    }

    /// A path in it, which counts from where it lies.
    pub(super) fn resolve(&self, path: &Path) -> PathBuf {
        match self.path.parent() {
            Some(folder) => folder.join(path),
            None => path.to_owned(),
        }
    }

    /// What it says, as tables.
    pub(super) fn table(&self) -> toml::Table {
        self.text.parse().unwrap_or_default()
    }
}
