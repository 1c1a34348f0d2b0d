//! Why a plugin is not used.

use std::path::PathBuf;

use tbengine_sdk::wire::PROTOCOL;
use tbengine_sdk::{Error, ErrorKind};

use crate::trust::TrustError;

/// Why a plugin is not used. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// Its file may not be run.
    #[error("plugin `{name}` is refused: {source}")]
    Trust {
        /// The plugin.
        name: String,
        /// Why.
        source: TrustError,
    },
    /// The loader refused the library, or its table is broken.
    #[error("plugin `{name}` cannot be loaded from {}: {reason}", path.display())]
    Load {
        /// The plugin.
        name: String,
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The library lacks the symbol.
    #[error(
        "{} (plugin `{name}`) is not a tbengine plugin: it does not export `{}`. A crate needs crate-type \
         [\"cdylib\"] and the feature `cdylib` of tbengine-sdk; C needs TBE_EXPORT before the function",
        path.display(),
        tbengine_sdk::abi::ENTRY
    )]
    NotAPlugin {
        /// The plugin.
        name: String,
        /// Its file.
        path: PathBuf,
    },
    /// The library returned no table.
    #[error(
        "plugin `{name}` ({}) refuses this host, tbengine {}, which supports version 2 of the C interface: it may \
         be too new; upgrade tbengine, or build the plugin with tbengine-sdk {}",
        path.display(),
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_VERSION")
    )]
    RefusedHost {
        /// The plugin.
        name: String,
        /// Its file.
        path: PathBuf,
    },
    /// It implements another version.
    #[error(
        "plugin `{name}` ({}) implements {plugin}, and this is tbengine {}, which supports version {PROTOCOL}: \
         upgrade the older one",
        path.display(),
        env!("CARGO_PKG_VERSION")
    )]
    Version {
        /// The plugin.
        name: String,
        /// Its file.
        path: PathBuf,
        /// What it implements.
        plugin: String,
    },
    /// The descriptor makes no sense.
    #[error("plugin `{name}` ({}) has an invalid description: {reason}", path.display())]
    Descriptor {
        /// The plugin.
        name: String,
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file was loaded before and has changed since, in place.
    #[error(
        "plugin `{name}`: {} was loaded before and has changed since; restart tbengine",
        path.display()
    )]
    Changed {
        /// The plugin.
        name: String,
        /// Its file.
        path: PathBuf,
    },
    /// A program did not start or did not answer.
    #[error("plugin `{name}` ({}) does not work: {source}", path.display())]
    Start {
        /// The plugin.
        name: String,
        /// Its file.
        path: PathBuf,
        /// What happened.
        source: Error,
    },
    /// Two providers of one kind.
    #[error(
        "both {first} and plugin `{second}` provide the backend kind `{kind}`: remove one of them from [plugins]"
    )]
    TwoProviders {
        /// The kind.
        kind: String,
        /// One of them.
        first: String,
        /// The other one.
        second: String,
    },
}

impl PluginError {
    /// The plugin that it is about.
    pub fn name(&self) -> &str {
        match self {
            Self::Trust { name, .. }
            | Self::Load { name, .. }
            | Self::NotAPlugin { name, .. }
            | Self::RefusedHost { name, .. }
            | Self::Version { name, .. }
            | Self::Descriptor { name, .. }
            | Self::Changed { name, .. }
            | Self::Start { name, .. }
            | Self::TwoProviders { second: name, .. } => name,
        }
    }

    /// Whether the configuration has to change before anything is done: its code may not be run, or two plugins
    /// bring one kind. Any other is a plugin that does not work, and costs the backends that need it.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Trust { source, .. } => !source.is_missing(),
            Self::TwoProviders { .. } => true,
            _ => false,
        }
    }

    /// The same as the error of a backend that needs the plugin.
    pub fn to_backend_error(&self) -> Error {
        let hint = match self {
            Self::Start { source, .. } => source.hint.clone(),
            _ => None,
        };
        let error = Error::new(ErrorKind::Internal, self.to_string());
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}
