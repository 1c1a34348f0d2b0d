//! The errors that no answer of the service brings: what is configured, and what was seen before.

use tbengine_sdk::{Error, ErrorKind, Kind};

/// The error for what is configured and cannot be used.
pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

/// The error for what is not there.
pub(crate) fn gone(kind: Kind) -> Error {
    Error::new(ErrorKind::NotFound, format!("no such {kind}"))
}

/// The error for what is being deleted already.
pub(crate) fn in_progress() -> Error {
    Error::new(ErrorKind::InProgress, "its deletion is already in progress")
}
