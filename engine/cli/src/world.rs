//! What this process reads of the world: the environment, the clock, chance, terminals. Nothing else does.

use std::collections::BTreeMap;
use std::io::{IsTerminal, stderr, stdin, stdout};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tbengine_sdk::Timestamp;

/// What the world looked like when the process started.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// The environment; variables that are not UTF-8 are left out.
    pub(crate) environment: Arc<BTreeMap<String, String>>,
    /// The time.
    pub(crate) now: Timestamp,
    /// The id of this run.
    pub(crate) run: Arc<str>,
    /// Whether someone can be asked: standard input and error are terminals.
    pub(crate) interactive: bool,
    /// Whether the standard output is a terminal.
    pub(crate) stdout_is_terminal: bool,
    /// Whether the standard error is a terminal.
    pub(crate) stderr_is_terminal: bool,
}

impl World {
    /// Looks at the world.
    pub(crate) fn look() -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let ms = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        Self {
            environment: Arc::new(environment),
            now: Timestamp::from_unix_ms(ms),
            run: run_id(ms.unsigned_abs(), fastrand::u128(..)).into(),
            interactive: stdin().is_terminal() && stderr().is_terminal(),
            stdout_is_terminal: stdout().is_terminal(),
            stderr_is_terminal: stderr().is_terminal(),
        }
    }

    /// A variable of the environment, unless it is unset or empty.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.environment
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// tbengine's folder under an XDG directory, like `XDG_CACHE_HOME` or else `~/.cache`.
    pub(crate) fn directory(&self, variable: &str, under_home: &str) -> Option<PathBuf> {
        // The XDG specification says that relative paths are to be ignored.
        let named = self
            .variable(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute());
        let base = named.or_else(|| Some(PathBuf::from(self.variable("HOME")?).join(under_home)));
        base.filter(|path| path.is_absolute())
            .map(|path| path.join("tbengine"))
    }

    /// Where compiled policies are kept.
    pub(crate) fn policy_cache(&self) -> Option<PathBuf> {
        Some(self.directory("XDG_CACHE_HOME", ".cache")?.join("wasm"))
    }

    /// Where runs are remembered, unless told otherwise.
    pub(crate) fn state_dir(&self) -> Option<PathBuf> {
        self.directory("XDG_STATE_HOME", ".local/state")
    }
}

/// A UUID of version 7: later runs sort after earlier ones.
fn run_id(unix_ms: u64, random: u128) -> String {
    let mut bits = u128::from(unix_ms) << 80 | random & ((1 << 80) - 1);
    bits = bits & !(0xf << 76) | 0x7 << 76;
    bits = bits & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{bits:032x}");
    let (a, rest) = hex.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    format!("{a}-{b}-{c}-{d}-{e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_are_uuids_of_version_7_and_sort_by_time() {
        let id = run_id(0x0192_3456_789a, u128::MAX);
        assert_eq!(id, "01923456-789a-7fff-bfff-ffffffffffff");
        assert_eq!(run_id(1, 0), "00000000-0001-7000-8000-000000000000");
        assert!(run_id(1, u128::MAX) < run_id(2, 0));
    }
}
