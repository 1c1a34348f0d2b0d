//! What each status of the daemon means: the table.
//!
//! Statuses decide, together with what was asked. Texts change between versions of the daemon, so
//! they only tell apart what has the same status.

use serde::Deserialize;
use tbengine_sdk::http::{Call, HeaderMap, Refusal, StatusCode, Wait};
use tbengine_sdk::{ErrorKind, Kind};

/// The daemon's own refusals are JSON with a message; what is anything else is a proxy's.
pub(crate) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refusal {
    #[derive(Deserialize)]
    struct Message {
        message: String,
    }
    let message = serde_json::from_slice::<Message>(body);
    Refusal {
        status,
        message: message.ok().map(|body| body.message),
        retry_after: Wait::of(headers).longest(),
    }
}

/// The table of the statuses.
pub(crate) fn classify(refusal: &Refusal, call: Call) -> (ErrorKind, Option<&'static str>) {
    use Call::Delete;

    match (refusal.status.as_u16(), call) {
        (400, _) if refusal.says("client version") => (
            ErrorKind::Invalid,
            Some("set `api-version` to one that the daemon supports"),
        ),
        (400, _) if refusal.message.is_none() => (
            ErrorKind::Invalid,
            Some("if the port uses TLS, set DOCKER_TLS_VERIFY=1 or `tls-dir`"),
        ),
        (401, _) => (
            ErrorKind::Denied,
            Some("a proxy in front of Docker requires credentials"),
        ),

        // Deleting a network, 403 is not about permissions.
        (403, Delete(Kind::NETWORK)) if refusal.says("active endpoints") => {
            (ErrorKind::Dependency, None)
        }
        (403, Delete(Kind::NETWORK)) if refusal.says("pre-defined") || refusal.says("ingress") => (
            ErrorKind::Unsupported,
            Some("docker needs this network itself"),
        ),
        (403, _) => (
            ErrorKind::Denied,
            Some(
                "an authorization plugin or a proxy in front of the daemon forbids this; allow it there",
            ),
        ),

        // Only the daemon's own words say that something is gone; a proxy knows nothing about it.
        (404, _) if refusal.message.is_some() && !refusal.says("page not found") => {
            (ErrorKind::NotFound, None)
        }
        (300..=399 | 404 | 405, _) => (ErrorKind::Invalid, Some(NOT_DOCKER)),

        // Podman's own: it lives and dies with its pod.
        (409 | 500, Call::Stop | Delete(Kind::CONTAINER)) if refusal.says("infra container") => (
            ErrorKind::Unsupported,
            Some("remove its pod: `podman pod rm POD`"),
        ),

        (409, Delete(_)) if refusal.says("already in progress") => (ErrorKind::InProgress, None),
        (409, Delete(Kind::VOLUME | Kind::NETWORK)) => (ErrorKind::Dependency, None),
        (409, Delete(Kind::IMAGE)) if refusal.says("multiple repositories") => (
            ErrorKind::Conflict,
            Some("the image has several tags; delete it with force, or remove the tags first"),
        ),
        (409, Delete(Kind::IMAGE)) => (ErrorKind::Dependency, None),
        // Running, paused or restarting.
        (409, _) => (ErrorKind::Conflict, None),

        (408 | 504, _) => (ErrorKind::Transient, None),
        (429, _) => (ErrorKind::RateLimited, None),
        (502 | 503, _) => (ErrorKind::Unavailable, None),
        (500, Call::Stop | Delete(_)) if is_host_policy(refusal) => (
            ErrorKind::Unsupported,
            Some(
                "the daemon's host forbids it (AppArmor, snap, read-only or immutable files); fix it on the host",
            ),
        ),
        // Busy mounts, wedged shims, failing drivers: another try often works.
        (500..=599, _) => (ErrorKind::Transient, None),
        _ => (ErrorKind::Internal, None),
    }
}

fn is_host_policy(refusal: &Refusal) -> bool {
    [
        "permission denied",
        "operation not permitted",
        "read-only file system",
    ]
    .iter()
    .any(|cause| refusal.says(cause))
}

pub(crate) const NOT_DOCKER: &str = "point DOCKER_HOST or `host` at a Docker or Podman socket";

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Call = Call::Read(None);

    fn refusal(status: u16, body: &str) -> Refusal {
        let status = StatusCode::from_u16(status).unwrap();
        read(status, &HeaderMap::new(), body.as_bytes())
    }

    fn kind(status: u16, call: Call, message: &str) -> ErrorKind {
        let body = serde_json::json!({ "message": message }).to_string();
        classify(&refusal(status, &body), call).0
    }

    #[test]
    fn each_row_of_the_table() {
        use ErrorKind::{Conflict, Denied, Dependency, InProgress, Internal, Invalid, NotFound};
        use ErrorKind::{RateLimited, Transient, Unavailable, Unsupported};

        let container = Call::Delete(Kind::CONTAINER);
        let network = Call::Delete(Kind::NETWORK);
        let volume = Call::Delete(Kind::VOLUME);
        let image = Call::Delete(Kind::IMAGE);
        for (status, call, message, want) in [
            (404, container, "No such container: 12ab", NotFound),
            (404, READ, "no such image: sha256:12", NotFound),
            (404, READ, "page not found", Invalid),
            (301, READ, "", Invalid),
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
            (409, Call::Stop, "Container x is not running", Conflict),
            (
                500,
                container,
                "container 12 is the infra container of pod 34 and cannot be removed without removing the pod",
                Unsupported,
            ),
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
                Call::Stop,
                "cannot kill container: permission denied",
                Unsupported,
            ),
            (500, READ, "open /x: permission denied", Transient),
            (
                400,
                READ,
                "client version 1.47 is too new. Maximum supported API version is 1.41",
                Invalid,
            ),
            (400, container, "bad parameter", Internal),
            (401, READ, "unauthorized", Denied),
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
            (502, READ, "bad gateway", Unavailable),
            (503, READ, "starting", Unavailable),
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
                classify(&refusal(404, body), READ).0,
                ErrorKind::Invalid,
                "{body}"
            );
        }
    }
}
