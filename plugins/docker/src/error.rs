//! What went wrong with a request, and what that means for the engine. Statuses have their own table
//! in `refusal`; this one is for connections and bodies.

use std::error::Error as StdError;
use std::io;

use tbengine_sdk::error::NOBODY_LISTENS;
use tbengine_sdk::http::{Call, JsonError, Refusal, cause, shortened, too_large};
use tbengine_sdk::{Error, ErrorKind};

use crate::connect::{ConnectError, EndlessReply};
use crate::refusal::{self, NOT_DOCKER};

/// The daemon's name in messages and codes.
const NAME: &str = "docker";

/// A request that did not come to a good end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("refused with {}", .0.status)]
    Refused(Refusal),
    #[error(transparent)]
    Client(#[from] hyper_util::client::legacy::Error),
    /// The reply ended before its end.
    #[error(transparent)]
    Cut(hyper::Error),
    #[error("a reply of more than {0} bytes")]
    TooLarge(usize),
    /// Not the JSON that we know.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A failure of bollard's.
    #[error("{0}")]
    Unexpected(String),
    /// A request that this backend must not make.
    #[error("{0}")]
    Forbidden(String),
    /// Judged already.
    #[error(transparent)]
    Classified(Box<Error>),
}

impl RequestError {
    /// What it means for the engine. `shown` is the daemon's address.
    pub(crate) fn classify(self, call: Call, shown: &str) -> Error {
        match self {
            RequestError::Refused(refusal) => {
                let meaning = refusal::classify(&refusal, call);
                refusal.into_error(NAME, shown, meaning, str::to_owned)
            }
            RequestError::Client(error) => classify_connection(&error, shown),
            RequestError::Cut(error) => classify_connection(&error, shown),
            RequestError::TooLarge(limit) => too_large(limit, shown),
            RequestError::Json(error) => error.into_error(NAME, shown, NOT_DOCKER),
            RequestError::Unexpected(what) => Error::new(
                ErrorKind::Internal,
                format!(
                    "unexpected response format from {shown}: {}",
                    shortened(&what)
                ),
            ),
            RequestError::Forbidden(request) => Error::new(
                ErrorKind::Internal,
                format!("a request that must never be made: {}", shortened(&request)),
            ),
            RequestError::Classified(error) => *error,
        }
    }

    /// What a failed call of bollard means; our own failures travel inside of its I/O error.
    pub(crate) fn from_bollard(error: bollard::errors::Error) -> Self {
        use bollard::errors::Error as Bollard;
        match error {
            Bollard::IOError { err } => match err.downcast::<RequestError>() {
                Ok(broken) => broken,
                Err(other) => RequestError::Unexpected(other.to_string()),
            },
            Bollard::HyperResponseError { err } => RequestError::Cut(err),
            // Without what it found there, which may be a secret. Text that is not JSON fits no type.
            Bollard::JsonDataError { message, column } => {
                let is_json = message.contains("expected ") && !message.starts_with("expected ")
                    || message.starts_with("missing field");
                match is_json {
                    true => RequestError::Unexpected(format!("it does not fit at column {column}")),
                    false => JsonError::NotJson.into(),
                }
            }
            Bollard::JsonSerdeError { err } if err.is_eof() => JsonError::Truncated.into(),
            other => RequestError::Unexpected(other.to_string()),
        }
    }
}

/// The error for what is not there.
pub(crate) fn gone() -> Error {
    Error::new(ErrorKind::NotFound, "it no longer exists")
}

/// The table of broken connections.
pub(crate) fn classify_connection(error: &(dyn StdError + 'static), shown: &str) -> Error {
    if let Some(EndlessReply(limit)) = cause(error) {
        return too_large(*limit, shown);
    }
    let unavailable = |what: &str| Error::new(ErrorKind::Unavailable, format!("{shown} {what}"));
    let invalid = |what: String, hint| Error::new(ErrorKind::Invalid, what).with_hint(hint);

    if let Some(tls) = cause::<tokio_rustls::rustls::Error>(error) {
        return invalid(
            format!("tls with {shown} failed: {tls}"),
            "check ca.pem, cert.pem and key.pem, and that the port uses TLS",
        );
    }
    match cause::<ConnectError>(error) {
        Some(ConnectError::Socket(failure)) => match failure.kind() {
            io::ErrorKind::NotFound => unavailable("does not exist")
                .with_code(NOBODY_LISTENS)
                .with_hint("start docker, or set DOCKER_HOST or `host` to the daemon's address"),
            io::ErrorKind::ConnectionRefused => unavailable("refused the connection")
                .with_code(NOBODY_LISTENS)
                .with_hint("start docker, or set DOCKER_HOST or `host` to the daemon's address"),
            io::ErrorKind::PermissionDenied => {
                Error::new(ErrorKind::Denied, format!("no permission to open {shown}"))
                    .with_hint("run as root or as a member of the group `docker`")
            }
            _ => unavailable(&format!("cannot be reached: {failure}")),
        },
        Some(ConnectError::Name(failure)) if failure.to_string().contains("emporary failure") => {
            unavailable(&format!("cannot be looked up now: {failure}"))
        }
        Some(ConnectError::Name(failure)) => invalid(
            format!("unknown host in {shown}: {failure}"),
            "check DOCKER_HOST or `host`",
        ),
        Some(ConnectError::Tls(failure)) => {
            unavailable(&format!("failed the tls handshake: {failure}"))
        }
        Some(ConnectError::TimedOut) => unavailable("did not accept the connection in time"),
        None if cause::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) => invalid(
            format!("{shown} does not speak HTTP"),
            "if the port uses TLS, set DOCKER_TLS_VERIFY=1 or `tls-dir`",
        ),
        None => unavailable("closed the connection before the answer was complete"),
    }
}

#[cfg(test)]
mod tests {
    use tbengine_sdk::http::{HeaderMap, StatusCode};

    use super::*;

    fn refusal(status: u16, body: &str) -> Refusal {
        let status = StatusCode::from_u16(status).unwrap();
        refusal::read(status, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn pages_of_proxies_do_not_end_up_in_messages() {
        let error = RequestError::Refused(refusal(502, "<html><script>x</script></html>"))
            .classify(Call::Read(None), "tcp://x:1");
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert!(!error.message.contains('<'), "{error}");
        assert_eq!(error.code.as_deref(), Some("docker:502"));
    }

    #[test]
    fn a_socket_that_may_not_be_opened_is_denied() {
        let failure = ConnectError::Socket(io::ErrorKind::PermissionDenied.into());
        let error = classify_connection(&failure, "unix:///var/run/docker.sock");
        assert_eq!(error.kind, ErrorKind::Denied);
        assert!(
            error.message.contains("no permission")
                && error.hint.unwrap().contains("group `docker`")
        );
        let tls = ConnectError::Tls(io::Error::other(
            tokio_rustls::rustls::Error::HandshakeNotComplete,
        ));
        assert_eq!(
            classify_connection(&io::Error::other(tls), "x").kind,
            ErrorKind::Invalid
        );
        let reset = ConnectError::Tls(io::ErrorKind::ConnectionReset.into());
        assert_eq!(
            classify_connection(&reset, "x").kind,
            ErrorKind::Unavailable
        );
    }
}
