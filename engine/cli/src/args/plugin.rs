//! The arguments of `plugin`.

use std::path::PathBuf;

use clap::Subcommand;

use super::values;

/// What to do with plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// List the backend kinds that are built in or provided by configured plugins
    List,
    /// Show a plugin's description, its digest and the table that configures it
    Inspect {
        /// The name of a configured plugin, or a path to a library or program
        plugin: String,
    },
    /// Run the conformance tests on a plugin, in a separate process
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        /// The name of a configured plugin, or a path to a library or program
        plugin: String,
        /// Only run tests whose name contains this text
        #[arg(long, value_name = "TEXT", env = "TBENGINE_ONLY")]
        only: Option<String>,
    },
    /// Runs trials for `check`, from the given one on
    #[command(hide = true)]
    CheckInside {
        /// As for `check`
        plugin: String,
        /// The number of the first trial
        from: usize,
    },
    /// Loads a library and ends, before another process loads it
    #[command(hide = true)]
    LoadInside {
        /// The library
        file: PathBuf,
    },
    /// Create a working plugin from a template
    #[command(after_help = NEW_EXAMPLES)]
    New {
        /// The language
        #[arg(value_enum)]
        language: Language,
        /// The kind of backend: small letters, digits and hyphens
        #[arg(value_parser = values::kind_of_backend)]
        name: String,
        /// Where to write it [default: ./NAME]
        #[arg(long = "dir", value_name = "DIR", env = "TBENGINE_DIR")]
        folder: Option<PathBuf>,
        /// The directory of tbengine-sdk for a plugin in Rust, instead of the published version
        #[arg(long, value_name = "DIR", env = "TBENGINE_SDK")]
        sdk: Option<PathBuf>,
    },
}

const CHECK_EXAMPLES: &str = "\
Backends of the plugin's kinds are checked with their settings from the configuration file, other kinds without any.
Without a fixture a plugin is only read from; nothing is stopped or deleted.

Examples:
  tbengine plugin check ./libmycloud.so
  tbengine plugin check ./mycloud.py --config test.toml
  tbengine plugin check mycloud --only cursor";

const NEW_EXAMPLES: &str = "\
Examples:
  tbengine plugin new python mycloud && tbengine plugin check mycloud/mycloud.py
  tbengine plugin new rust mycloud --dir crates/mycloud";

/// A language that there is a template for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// A dynamic library with tbengine-sdk
    Rust,
    /// A dynamic library with the C header
    C,
    /// A program, with nothing but the standard library
    Python,
}
