//! Why an operation could not do its work.

use std::fmt;
use std::io;
use std::path::PathBuf;

use tbengine_engine::discover::ListFailure;
use tbengine_engine::plan::saved::Stale;
use tbengine_engine::policy::{ConfigError, EngineError, LoadError};
use tbengine_oci::ReferenceError;
use tbengine_plugin_host::{OpenError, PluginError};
use tbengine_store::{Damage, StoreError};

/// Why an operation could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line or the configuration makes no sense.
    #[error("{message}")]
    Config {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hints: Vec<String>,
    },
    /// A backend could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A plugin is not used.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// No policy can be loaded.
    #[error(transparent)]
    PolicyEngine(#[from] EngineError),
    /// A file is not a policy.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A policy could not be fetched from a registry, or pushed.
    #[error(transparent)]
    Registry(#[from] tbengine_oci::Error),
    /// The parameters do not fit the policy.
    #[error(transparent)]
    Parameters(#[from] ConfigError),
    /// A saved plan must not be applied any more.
    #[error("{plan} is stale: {source}")]
    Stale {
        /// Which plan, and where it is.
        plan: String,
        /// How to make a new one.
        hint: String,
        /// What differs.
        source: Stale,
    },
    /// A new plan would lack what a run has left to do, because that could not be listed.
    #[error(
        "not all that run {run} has left to do could be listed, so no new plan takes its place"
    )]
    NotReplaced {
        /// The run, which can still be resumed or replaced.
        run: String,
    },
    /// The record of a run that may have been left behind cannot be read.
    #[error(transparent)]
    Damage(Box<Damage>),
    /// Something could not be recorded, read or held.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The resources that exist before a lease is taken could not be listed completely.
    #[error("existing resources could not be listed, so the command was not started")]
    NoBaseline(Vec<ListFailure>),
    /// There is no directory to keep state in, because nobody named one and there is no home.
    #[error("no directory to {0}: HOME is not set")]
    NoStateDir(StatePurpose),
    /// The file of a result could not be written.
    #[error("failed to write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The process could not be set up.
    #[error("failed to {what}: {source}")]
    Start {
        /// What failed.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// It was stopped before it did anything.
    #[error("interrupted before anything was done")]
    Interrupted,
}

impl Error {
    /// An error of usage or configuration.
    pub fn config(message: impl Into<String>) -> Self {
        Self::Config {
            message: message.into(),
            hints: Vec::new(),
        }
    }

    /// The process could not be set up: it failed to do this.
    pub(crate) fn start(what: &'static str, source: io::Error) -> Self {
        Self::Start { what, source }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Self::Config { hints, .. } = &mut self {
            hints.push(hint.into());
        }
        self
    }
}

impl From<ReferenceError> for Error {
    fn from(error: ReferenceError) -> Self {
        Error::Registry(error.into())
    }
}

/// What a state directory is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatePurpose {
    /// To record runs.
    Runs,
    /// To keep leases.
    Leases,
}

impl fmt::Display for StatePurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            StatePurpose::Runs => "record runs in",
            StatePurpose::Leases => "keep leases in",
        })
    }
}
