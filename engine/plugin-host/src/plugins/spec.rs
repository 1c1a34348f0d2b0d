//! Plugins as the configuration names them, and what they are loaded with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::timeouts::Timeouts;

/// A plugin as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginSpec {
    /// The name of its table.
    pub name: String,
    /// Its code.
    pub code: Code,
    /// The digest that the file must have, `any`, or `None` if nothing is written, which is an error.
    pub sha256: Option<String>,
    /// The variables of the environment that it gets.
    pub variables: Vec<String>,
}

/// The code of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// A dynamic library, by its path or bare file name.
    Library(PathBuf),
    /// A program that implements the protocol on its standard input and output.
    Program {
        /// Its path or bare file name.
        path: PathBuf,
        /// Its arguments. Those that are files are code as well, as far as anybody knows.
        arguments: Vec<String>,
        /// The digests that arguments must have that are files, by their paths as they are written there.
        pins: BTreeMap<String, String>,
    },
}

/// What plugins are loaded with.
#[derive(Clone, Debug, Default)]
pub struct PluginOptions {
    /// Where bare file names are looked up, in this order.
    pub places: Vec<PathBuf>,
    /// The process environment, of which a plugin gets what its table names.
    pub environment: Arc<BTreeMap<String, String>>,
    /// How long plugins may take.
    pub timeouts: Timeouts,
    /// A program that answers to `plugin load-inside FILE` by [`load_inside`](crate::load_inside). Libraries are loaded
    /// in it first, so that one which ends the process or never returns is an error. Without it they are not.
    pub loader: Option<PathBuf>,
}
