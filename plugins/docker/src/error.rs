//! What each refusal and each broken connection means: one table for the statuses, one for the rest.
//!
//! Statuses decide, together with what was asked. Texts change between versions of the daemon, so
//! they only tell apart what has the same status.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use tbengine_sdk::{Error, ErrorKind, Kind};

use crate::connect::ConnectError;

/// What was asked of the daemon.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    verb: Verb,
    kind: Option<Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Read,
    Stop,
    Delete,
}

impl Call {
    pub(crate) const READ: Self = Self {
        verb: Verb::Read,
        kind: None,
    };
    pub(crate) const STOP: Self = Self {
        verb: Verb::Stop,
        kind: Some(Kind::Container),
    };

    pub(crate) const fn delete(kind: Kind) -> Self {
        Self {
            verb: Verb::Delete,
            kind: Some(kind),
        }
    }
}

/// A status that is not a success.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    /// The daemon's own message, or `None` if the text is not the daemon's.
    message: Option<String>,
    retry_after: Option<Duration>,
}

/// A request that did not come to a good end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("refused with {}", .0.status)]
    Refused(Refusal),
    #[error(transparent)]
    Client(#[from] hyper_util::client::legacy::Error),
    /// The reply ended before its end.
    #[error(transparent)]
    Cut(hyper::Error),
    #[error("a reply of more than {0} bytes")]
    TooLarge(usize),
    #[error("a reply that is not JSON")]
    NotJson { truncated: bool },
    /// JSON, but not of the form we know.
    #[error("{0}")]
    Unexpected(String),
    /// A request that this backend must not make.
    #[error("{0}")]
    Forbidden(String),
    /// Judged already.
    #[error(transparent)]
    Classified(Box<Error>),
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

const LONGEST_MESSAGE: usize = 400;
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

impl Refusal {
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let message = serde_json::from_slice::<Message>(body)
            .ok()
            .map(|body| body.message);
        Self {
            status,
            message,
            retry_after: retry_after(headers),
        }
    }

    fn says(&self, part: &str) -> bool {
        self.message
            .as_ref()
            .is_some_and(|message| message.to_ascii_lowercase().contains(part))
    }

    /// The table of the statuses.
    fn classify(&self, call: Call) -> (ErrorKind, Option<&'static str>) {
        use Verb::{Delete, Read, Stop};

        match (self.status.as_u16(), call.verb, call.kind) {
            (400, ..) if self.says("client version") => (
                ErrorKind::Invalid,
                Some("set `api-version` to one that the daemon supports"),
            ),
            (400, ..) if self.message.is_none() => (
                ErrorKind::Invalid,
                Some("if the port speaks TLS, set DOCKER_TLS_VERIFY=1 or `tls-dir`"),
            ),
            (401, ..) => (
                ErrorKind::Denied,
                Some("whatever guards the daemon wants credentials"),
            ),

            // Deleting a network, 403 is not about permissions.
            (403, Delete, Some(Kind::Network)) if self.says("active endpoints") => {
                (ErrorKind::Dependency, None)
            }
            (403, Delete, Some(Kind::Network))
                if self.says("pre-defined") || self.says("ingress") =>
            {
                (
                    ErrorKind::Unsupported,
                    Some("docker needs this network itself"),
                )
            }
            (403, ..) => (
                ErrorKind::Denied,
                Some(
                    "an authorization plugin or a proxy in front of the daemon forbids this; allow it there",
                ),
            ),

            // Only the daemon's own words say that something is gone; a proxy knows nothing about it.
            (404, ..) if self.message.is_some() && !self.says("page not found") => {
                (ErrorKind::NotFound, None)
            }
            (300..=399 | 404 | 405, ..) => (ErrorKind::Invalid, Some(NOT_DOCKER)),

            (409, Delete, _) if self.says("already in progress") => (ErrorKind::InProgress, None),
            (409, Delete, Some(Kind::Volume | Kind::Network)) => (ErrorKind::Dependency, None),
            (409, Delete, Some(Kind::Image)) if self.says("multiple repositories") => (
                ErrorKind::Conflict,
                Some("the image has several tags; delete it with force, or remove the tags first"),
            ),
            (409, Delete, Some(Kind::Image)) => (ErrorKind::Dependency, None),
            // Running, paused or restarting.
            (409, ..) => (ErrorKind::Conflict, None),

            (408 | 504, ..) => (ErrorKind::Transient, None),
            (429, ..) => (ErrorKind::RateLimited, None),
            (502 | 503, ..) => (ErrorKind::Unavailable, None),
            (500, Stop | Delete, _) if self.is_host_policy() => (
                ErrorKind::Unsupported,
                Some(
                    "the daemon's host forbids it (AppArmor, snap, read-only or immutable files); mend that there",
                ),
            ),
            // Busy mounts, wedged shims, failing drivers: another try often works.
            (500..=599, Read | Stop | Delete, _) => (ErrorKind::Transient, None),
            _ => (ErrorKind::Internal, None),
        }
    }

    fn is_host_policy(&self) -> bool {
        [
            "permission denied",
            "operation not permitted",
            "read-only file system",
        ]
        .iter()
        .any(|cause| self.says(cause))
    }
}

const NOT_DOCKER: &str = "point DOCKER_HOST or `host` at a Docker or Podman socket";

impl Broken {
    /// What it means for the engine. `shown` is the daemon's address.
    pub(crate) fn classify(self, call: Call, shown: &str) -> Error {
        let invalid =
            |message: String, hint| Error::new(ErrorKind::Invalid, message).with_hint(hint);
        match self {
            Broken::Refused(refusal) => {
                let (kind, hint) = refusal.classify(call);
                let code = refusal.status.as_u16();
                let message = match &refusal.message {
                    Some(message) => format!("docker answered {code}: {}", shortened(message)),
                    None => format!(
                        "what answers at {shown} answered {}, and not in docker's words",
                        refusal.status
                    ),
                };
                let mut error = Error::new(kind, message).with_code(format!("docker:{code}"));
                error.retry_after = refusal.retry_after;
                error.hint = hint.map(str::to_owned);
                error
            }
            Broken::Client(error) => classify_connection(&error, shown),
            Broken::Cut(error) => classify_connection(&error, shown),
            Broken::TooLarge(limit) => Error::new(
                ErrorKind::Internal,
                format!(
                    "the daemon at {shown} answered with more than {} MB",
                    limit >> 20
                ),
            ),
            Broken::NotJson { truncated: true } => Error::new(
                ErrorKind::Transient,
                format!("the daemon at {shown} sent only the beginning of its answer"),
            ),
            Broken::NotJson { truncated: false } => invalid(
                format!("what answers at {shown} does not speak the Docker API"),
                NOT_DOCKER,
            ),
            Broken::Unexpected(what) => Error::new(
                ErrorKind::Internal,
                format!(
                    "the daemon at {shown} answered in an unknown form: {}",
                    shortened(&what)
                ),
            ),
            Broken::Forbidden(request) => Error::new(
                ErrorKind::Internal,
                format!("a request that must never be made: {}", shortened(&request)),
            ),
            Broken::Classified(error) => *error,
        }
    }

    /// What a failed call of bollard means; our own failures travel inside of its I/O error.
    pub(crate) fn from_bollard(error: bollard::errors::Error) -> Self {
        use bollard::errors::Error as Bollard;
        match error {
            Bollard::IOError { err } => match err.downcast::<Broken>() {
                Ok(broken) => broken,
                Err(other) => Broken::Unexpected(other.to_string()),
            },
            Bollard::HyperResponseError { err } => Broken::Cut(err),
            other => Broken::Unexpected(other.to_string()),
        }
    }
}

/// The error for a call that took too long.
pub(crate) fn timed_out(verb_changes: bool, limit: Duration) -> Error {
    let limit = humantime::format_duration(limit);
    let message = if verb_changes {
        format!("no answer within {limit}, so the outcome is unknown")
    } else {
        format!("no answer within {limit}")
    };
    Error::new(ErrorKind::Transient, message)
}

/// The table of broken connections.
fn classify_connection(error: &(dyn StdError + 'static), shown: &str) -> Error {
    let unavailable = |what: &str| Error::new(ErrorKind::Unavailable, format!("{shown} {what}"));
    let invalid = |what: String, hint| Error::new(ErrorKind::Invalid, what).with_hint(hint);

    if let Some(tls) = cause::<tokio_rustls::rustls::Error>(error) {
        return invalid(
            format!("tls with {shown} failed: {tls}"),
            "check ca.pem, cert.pem and key.pem, and that the port speaks TLS",
        );
    }
    match cause::<ConnectError>(error) {
        Some(ConnectError::Socket(failure)) => match failure.kind() {
            io::ErrorKind::NotFound => {
                unavailable("does not exist, so no docker daemon listens there")
                    .with_hint("start docker, or set DOCKER_HOST or `host` to the daemon's address")
            }
            io::ErrorKind::ConnectionRefused => {
                unavailable("refuses connections: no daemon listens there any more")
                    .with_hint("start docker, or set DOCKER_HOST or `host` to the daemon's address")
            }
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
            format!("the host of {shown} is not known: {failure}"),
            "check DOCKER_HOST or `host`",
        ),
        Some(ConnectError::Tls(failure)) => {
            unavailable(&format!("broke off the tls handshake: {failure}"))
        }
        Some(ConnectError::TimedOut) => unavailable("does not accept the connection in time"),
        None if cause::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) => invalid(
            format!("what answers at {shown} does not speak HTTP"),
            "if the port speaks TLS, set DOCKER_TLS_VERIFY=1 or `tls-dir`",
        ),
        None => unavailable("broke off the connection before its answer ended"),
    }
}

/// The first error of a type among an error and its causes. I/O errors hide what they wrap.
fn cause<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let wrapped = match error.downcast_ref::<ConnectError>() {
            Some(ConnectError::Tls(inner)) => inner.get_ref(),
            _ => error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref),
        };
        if let Some(found) = wrapped.and_then(|wrapped| cause::<E>(wrapped)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// How long to wait: seconds, or a date that counts from the response's own, since we have no clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds)
            .ok()
            .map(|wait| wait.min(LONGEST_WAIT));
    }
    let date = |text: &str| {
        jiff::fmt::rfc2822::parse(text)
            .ok()
            .map(|date| date.timestamp())
    };
    let now = date(headers.get(header::DATE)?.to_str().ok()?)?;
    let wait = Duration::try_from(date(text)?.duration_since(now)).unwrap_or_default();
    Some(wait.min(LONGEST_WAIT))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> Refusal {
        Refusal::new(
            StatusCode::from_u16(status).unwrap(),
            &HeaderMap::new(),
            body.as_bytes(),
        )
    }

    fn kind(status: u16, call: Call, message: &str) -> ErrorKind {
        let body = serde_json::json!({ "message": message }).to_string();
        refusal(status, &body).classify(call).0
    }

    #[test]
    fn each_row_of_the_table() {
        use ErrorKind::{Conflict, Denied, Dependency, InProgress, Internal, Invalid, NotFound};
        use ErrorKind::{RateLimited, Transient, Unavailable, Unsupported};

        let container = Call::delete(Kind::Container);
        let network = Call::delete(Kind::Network);
        let volume = Call::delete(Kind::Volume);
        let image = Call::delete(Kind::Image);
        for (status, call, message, want) in [
            (404, container, "No such container: 12ab", NotFound),
            (404, Call::READ, "no such image: sha256:12", NotFound),
            (404, Call::READ, "page not found", Invalid),
            (301, Call::READ, "", Invalid),
            (
                409,
                container,
                "removal of container x is already in progress",
                InProgress,
            ),
            (
                409,
                container,
                "You cannot remove a running container x.",
                Conflict,
            ),
            (
                409,
                container,
                "container is running: stop the container before removing",
                Conflict,
            ),
            (
                409,
                container,
                "You cannot remove a paused container x.",
                Conflict,
            ),
            (409, Call::STOP, "Container x is not running", Conflict),
            (
                500,
                container,
                "could not kill container: tried to kill container, but did not receive an exit event",
                Transient,
            ),
            (
                500,
                container,
                "unlinkat /var/lib/docker: device or resource busy",
                Transient,
            ),
            (
                500,
                container,
                "driver \"overlay2\" failed to remove root filesystem: directory not empty",
                Transient,
            ),
            (
                500,
                container,
                "could not kill container: permission denied",
                Unsupported,
            ),
            (
                500,
                container,
                "unlinkat /var/lib/docker: operation not permitted",
                Unsupported,
            ),
            (
                500,
                container,
                "mkdir /x: read-only file system",
                Unsupported,
            ),
            (
                500,
                Call::STOP,
                "cannot kill container: permission denied",
                Unsupported,
            ),
            (500, Call::READ, "open /x: permission denied", Transient),
            (
                400,
                Call::READ,
                "client version 1.47 is too new. Maximum supported API version is 1.41",
                Invalid,
            ),
            (400, container, "bad parameter", Internal),
            (401, Call::READ, "unauthorized", Denied),
            (
                403,
                container,
                "authorization denied by plugin casbin",
                Denied,
            ),
            (
                403,
                network,
                "error while removing network: network n id 1 has active endpoints",
                Dependency,
            ),
            (
                403,
                network,
                "bridge is a pre-defined network and cannot be removed",
                Unsupported,
            ),
            (
                403,
                network,
                "authorization denied by plugin casbin",
                Denied,
            ),
            (
                409,
                volume,
                "remove x: volume is in use - [12ab]",
                Dependency,
            ),
            (500, volume, "plugin nfs failed", Transient),
            (
                409,
                image,
                "conflict: unable to delete x (cannot be forced) - image is being used by running container y",
                Dependency,
            ),
            (
                409,
                image,
                "conflict: unable to delete x (must be forced) - image is being used by stopped container y",
                Dependency,
            ),
            (
                409,
                image,
                "conflict: unable to delete x (cannot be forced) - image has dependent child images",
                Dependency,
            ),
            (
                409,
                image,
                "conflict: unable to delete x (must be forced) - image is referenced in multiple repositories",
                Conflict,
            ),
            (429, container, "slow down", RateLimited),
            (502, Call::READ, "bad gateway", Unavailable),
            (503, Call::READ, "starting", Unavailable),
            (504, container, "gateway timeout", Transient),
            (418, container, "teapot", Internal),
        ] {
            assert_eq!(
                kind(status, call, message),
                want,
                "{status} {call:?} {message}"
            );
        }
    }

    #[test]
    fn only_the_daemon_can_say_that_something_is_gone() {
        for body in ["", "<html>not found</html>", "404 page not found", "{}"] {
            assert_eq!(
                refusal(404, body).classify(Call::READ).0,
                ErrorKind::Invalid,
                "{body}"
            );
        }
    }

    #[test]
    fn pages_of_proxies_do_not_end_up_in_messages() {
        let error = Broken::Refused(refusal(502, "<html><script>x</script></html>"))
            .classify(Call::READ, "tcp://x:1");
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

    #[test]
    fn long_messages_are_cut_between_characters() {
        let error = Broken::Refused(refusal(
            500,
            &serde_json::json!({"message": "é".repeat(9000)}).to_string(),
        ))
        .classify(Call::READ, "x");
        assert!(error.message.chars().count() < LONGEST_MESSAGE + 40);
    }

    #[test]
    fn retry_after_in_all_its_forms() {
        let wait = |fields: &[(&'static str, &str)]| {
            let headers = fields
                .iter()
                .map(|(name, value)| {
                    (
                        name.parse::<header::HeaderName>().unwrap(),
                        value.parse().unwrap(),
                    )
                })
                .collect();
            retry_after(&headers)
        };
        let date = ("date", "Fri, 06 Nov 2026 08:49:37 GMT");
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(
            wait(&[("retry-after", "0.5")]),
            Some(Duration::from_millis(500))
        );
        assert_eq!(wait(&[("retry-after", "-7")]), None);
        assert_eq!(wait(&[("retry-after", "1e300")]), None);
        assert_eq!(wait(&[("retry-after", "999999")]), Some(LONGEST_WAIT));
        assert_eq!(wait(&[("retry-after", "soon")]), None);
        let at = |time: &str| wait(&[date, ("retry-after", time)]);
        assert_eq!(
            at("Fri, 06 Nov 2026 08:50:07 GMT"),
            Some(Duration::from_secs(30))
        );
        assert_eq!(at("Fri, 06 Nov 2026 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(
            wait(&[("retry-after", "Fri, 06 Nov 2026 08:50:07 GMT")]),
            None
        );
    }
}
