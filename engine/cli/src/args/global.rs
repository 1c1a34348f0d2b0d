//! Flags of every command.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{ArgAction, Args, ValueEnum};

use super::tuning::EveryArgs;
use super::values;

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Configuration file [default: the one in the user's configuration directory, and on top of it ./tbengine.toml]
    #[arg(long, global = true, value_name = "FILE", env = "TBENGINE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Output format
    #[arg(long, short = 'O', global = true, value_enum, env = "TBENGINE_OUTPUT")]
    #[arg(default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// When to use colors; NO_COLOR is honored
    #[arg(long, global = true, value_enum, env = "TBENGINE_COLOR", default_value_t = When::Auto)]
    pub(crate) color: When,
    /// Increase log verbosity (-v, -vv, -vvv)
    #[arg(long, short, global = true, action = ArgAction::Count, env = "TBENGINE_VERBOSE")]
    pub(crate) verbose: u8,
    /// Only print errors on stderr
    #[arg(long, short, global = true, env = "TBENGINE_QUIET", value_parser = values::boolish())]
    #[arg(conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Directory of plugins that are named without a path
    #[arg(long, global = true, value_name = "DIR", env = "TBENGINE_PLUGIN_DIR")]
    pub(crate) plugin_dir: Option<PathBuf>,
    /// Settings that every command has.
    #[command(flatten)]
    pub(crate) settings: EveryArgs,
}

impl GlobalArgs {
    /// The options that say where configuration, state and plugins lie, for this program when it is started again.
    pub(crate) fn to_arguments(&self) -> Vec<OsString> {
        let options = [
            ("--config", self.config.as_deref()),
            ("--state-dir", self.state_dir()),
            ("--plugin-dir", self.plugin_dir.as_deref()),
        ];
        let named = options.into_iter();
        let named = named.filter_map(|(option, path)| Some([option.into(), path?.into()]));
        named.flatten().collect()
    }

    /// The directory for the records of runs, if one was named.
    pub(crate) fn state_dir(&self) -> Option<&Path> {
        let named = self.settings.given.state_dir.as_ref()?;
        named.value.as_deref()
    }
}

/// The output format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON object per line; `run` writes its events as they happen
    Jsonl,
    /// Comma-separated values with a header
    Csv,
}

impl Format {
    /// Whether what is written first stands by itself, whatever follows.
    pub(crate) fn comes_in_parts(self) -> bool {
        matches!(self, Format::Table | Format::Jsonl)
    }
}

/// When to do something that depends on the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal
    #[default]
    Auto,
    /// Even if the output is not a terminal
    Always,
    /// Not even on a terminal
    Never,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::args::Cli;

    #[test]
    fn this_program_started_again_finds_what_it_found() {
        let options = [
            "--config",
            "a.toml",
            "--state-dir",
            "/b",
            "--plugin-dir",
            "/c",
        ];
        let cli = Cli::try_parse_from([&["tbengine", "doctor"], &options[..]].concat()).unwrap();
        assert_eq!(cli.global.to_arguments(), options);
    }
}
