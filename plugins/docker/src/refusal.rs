//! What each status of the daemon means: the table, and how long it asks to wait.
//!
//! Statuses decide, together with what was asked. Texts change between versions of the daemon, so
//! they only tell apart what has the same status.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use tbengine_sdk::{ErrorKind, Kind};

const MAX_WAIT: Duration = Duration::from_secs(3600);

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
        kind: Some(Kind::CONTAINER),
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
    pub(crate) status: StatusCode,
    /// The daemon's own message, or `None` if the text is not the daemon's.
    pub(crate) message: Option<String>,
    pub(crate) retry_after: Option<Duration>,
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

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
    pub(crate) fn classify(&self, call: Call) -> (ErrorKind, Option<&'static str>) {
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
                Some("a proxy in front of Docker requires credentials"),
            ),

            // Deleting a network, 403 is not about permissions.
            (403, Delete, Some(Kind::NETWORK)) if self.says("active endpoints") => {
                (ErrorKind::Dependency, None)
            }
            (403, Delete, Some(Kind::NETWORK))
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
            (409, Delete, Some(Kind::VOLUME | Kind::NETWORK)) => (ErrorKind::Dependency, None),
            (409, Delete, Some(Kind::IMAGE)) if self.says("multiple repositories") => (
                ErrorKind::Conflict,
                Some("the image has several tags; delete it with force, or remove the tags first"),
            ),
            (409, Delete, Some(Kind::IMAGE)) => (ErrorKind::Dependency, None),
            // Running, paused or restarting.
            (409, ..) => (ErrorKind::Conflict, None),

            (408 | 504, ..) => (ErrorKind::Transient, None),
            (429, ..) => (ErrorKind::RateLimited, None),
            (502 | 503, ..) => (ErrorKind::Unavailable, None),
            (500, Stop | Delete, _) if self.is_host_policy() => (
                ErrorKind::Unsupported,
                Some(
                    "the daemon's host forbids it (AppArmor, snap, read-only or immutable files); fix it on the host",
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

pub(crate) const NOT_DOCKER: &str = "point DOCKER_HOST or `host` at a Docker or Podman socket";

/// How long to wait: seconds, or a date that counts from the response's own, since we have no clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds)
            .ok()
            .map(|wait| wait.min(MAX_WAIT));
    }
    let date = |text: &str| {
        jiff::fmt::rfc2822::parse(text)
            .ok()
            .map(|date| date.timestamp())
    };
    let now = date(headers.get(header::DATE)?.to_str().ok()?)?;
    let wait = Duration::try_from(date(text)?.duration_since(now)).unwrap_or_default();
    Some(wait.min(MAX_WAIT))
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

        let container = Call::delete(Kind::CONTAINER);
        let network = Call::delete(Kind::NETWORK);
        let volume = Call::delete(Kind::VOLUME);
        let image = Call::delete(Kind::IMAGE);
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
        assert_eq!(wait(&[("retry-after", "999999")]), Some(MAX_WAIT));
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
