//! Opening backends: those that are linked in, and those of plugins, loaded or started, trusted or refused. The
//! engine does not know this crate, so checkers of memory look at it without building the engine.
//!
//! The modules, in the order data flows:
//!
//! - [`plugins`]: the plugins that the configuration names, and which kinds they bring
//! - [`trust`]: whether the code of a plugin may be run
//! - `dynamic`: plugins that are dynamic libraries
//! - [`stdio`]: plugins that are programs
//! - [`remote`]: a backend whose code is elsewhere
//! - [`kit`]: the conformance kit for plugins
//!
//! And what all of them use:
//!
//! - `descriptor`: what a plugin says about itself
//! - `error`: why a plugin is not used
//! - `hiding`: a channel whose errors show no secret
//! - `log`: messages of plugins, in the log
//! - `secrets`: values that no message may show
//! - `timeouts`: how long plugins may take

mod descriptor;
mod dynamic;
mod error;
mod hiding;
pub mod kit;
mod log;
pub mod plugins;
pub mod remote;
mod secrets;
pub mod stdio;
mod timeouts;
pub mod trust;

use std::sync::Arc;

use tbengine_sdk::host::{OpenBackend, closest};
use tbengine_sdk::{Error, ErrorKind, OpenRequest, Registration};

pub use dynamic::elsewhere::inside as load_inside;
pub use error::PluginError;
pub use plugins::{Code, Plugin, PluginOptions, PluginSpec, Plugins};
pub use timeouts::Timeouts;

/// Why a backend could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No plugin implements the kind.
    #[error("no backend kind `{kind}`{}; known: {known}", suggestion(.similar))]
    UnknownKind {
        /// The kind that was asked for.
        kind: String,
        /// A known kind that is written alike.
        similar: Option<String>,
        /// Every known kind.
        known: String,
    },
    /// None of the plugins that work brings the kind, and others do not work.
    #[error("failed to open backend `{name}`: {source}")]
    NoProvider {
        /// The configured name of the backend.
        name: Arc<str>,
        /// What is wrong with the plugins that do not work.
        source: Error,
    },
    /// The plugin refused its configuration.
    #[error("failed to open backend `{name}`: {source}")]
    Refused {
        /// The configured name of the backend.
        name: Arc<str>,
        /// What the plugin said.
        source: Error,
    },
}

fn suggestion(similar: &Option<String>) -> String {
    similar
        .as_ref()
        .map_or_else(String::new, |kind| format!(" (did you mean `{kind}`?)"))
}

/// What is wrong with the plugins that do not work, one of which may bring what is missing.
fn no_provider(plugins: &Plugins) -> Error {
    let mut errors = plugins.broken().iter().map(PluginError::to_backend_error);
    let first = errors.next();
    let first = first.unwrap_or_else(|| Error::new(ErrorKind::Internal, "no plugin brings it"));
    errors.fold(first, |all, next| Error {
        message: format!("{}; {}", all.message, next.message),
        ..all
    })
}

/// Opens a backend of a kind that is linked into this program. Does no I/O.
///
/// # Errors
/// [`OpenError`] if no such kind exists or the plugin refuses the configuration.
pub fn open(kind: &str, request: OpenRequest) -> Result<OpenBackend, OpenError> {
    open_with(&Plugins::default(), kind, request)
}

/// Opens a backend of a kind that is linked into this program or brought by a plugin. Does no I/O but
/// starting the process of a plugin that is a program.
///
/// # Errors
/// [`OpenError`] if no such kind exists or the plugin refuses the configuration.
pub fn open_with(
    plugins: &Plugins,
    kind: &str,
    request: OpenRequest,
) -> Result<OpenBackend, OpenError> {
    let name = request.name.clone();
    let registrations = Registration::all();
    let opened = match registrations.iter().find(|known| known.kind == kind) {
        Some(registration) => (registration.open)(request),
        None => match plugins.open(kind, &request) {
            Some(opened) => opened,
            None if !plugins.broken().is_empty() => {
                return Err(OpenError::NoProvider {
                    name,
                    source: no_provider(plugins),
                });
            }
            None => {
                let built_in = registrations.iter().map(|known| known.kind);
                let known: Vec<&str> = built_in.chain(plugins.kinds()).collect();
                return Err(OpenError::UnknownKind {
                    kind: kind.to_owned(),
                    similar: closest(kind, known.iter().copied()),
                    known: known.join(", "),
                });
            }
        },
    };
    match opened {
        Ok(backend) => Ok(OpenBackend::new(name, kind, backend.into())),
        Err(source) => Err(OpenError::Refused { name, source }),
    }
}
