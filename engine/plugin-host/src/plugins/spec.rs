//! Plugins as the configuration names them, and what they are loaded with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

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
    /// A program that speaks the protocol on its standard input and output.
    Program {
        /// Its path or bare file name.
        path: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
}

/// How long plugins may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To say what they are, and to open a backend.
    pub open: Duration,
    /// To answer a request.
    pub call: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            open: Duration::from_secs(10),
            call: tbengine_sdk::backend::CALL_TIMEOUT,
        }
    }
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
}
