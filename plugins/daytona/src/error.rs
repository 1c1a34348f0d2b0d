//! The errors that no answer of the service brings: what is configured, and what was seen before; and which answer
//! an error was.

use tbengine_sdk::http::Refusal;
use tbengine_sdk::{Error, ErrorKind, Kind};

/// The service's name in messages and codes.
pub(crate) const NAME: &str = "daytona";

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

/// Whether an error is the answer to a request with this status.
pub(crate) fn has_status(error: &Error, status: u16) -> bool {
    error.code.as_deref() == Some(&Refusal::code(NAME, status))
}
