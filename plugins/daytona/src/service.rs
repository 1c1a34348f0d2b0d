//! What each status of the service means: the table.
//!
//! Statuses decide, together with what was asked. Texts change between versions of the service, so
//! they only tell apart what has the same status.

use serde_json::Value;
use tbengine_sdk::http::{Call, Provider, Refusal, StatusCode};
use tbengine_sdk::{ErrorKind, Kind};

use crate::credential::Credential;
use crate::error::NAME;

/// The throttler that counts refused credentials only, and no request that we go on to make.
const FAILED_AUTH: &str = "failed-auth";

/// Daytona, as one credential sees it.
pub(crate) struct Service {
    pub(crate) credential: Credential,
}

impl Provider for Service {
    fn name(&self) -> &'static str {
        NAME
    }

    fn address_hint(&self) -> &'static str {
        NOT_DAYTONA
    }

    fn tls_hint(&self) -> &'static str {
        "check the api url; for a private authority set `ca-file` or SSL_CERT_FILE"
    }

    fn message(&self, status: StatusCode, body: &[u8]) -> Option<String> {
        own_words(status, body)
    }

    fn classify(&self, refusal: &Refusal, call: Call) -> (ErrorKind, Option<&'static str>) {
        classify(refusal, call)
    }

    fn masked_status(&self, body: &[u8]) -> Option<u16> {
        embedded_status(body)
    }

    /// A handful of refusals blocks the whole address, for good keys too.
    fn stops_when_denied(&self) -> bool {
        true
    }

    fn traffic(&self, call: Call) -> &'static str {
        match call {
            Call::Stop | Call::Archive | Call::Delete(Kind::SANDBOX) => "lifecycle",
            Call::Read(_) | Call::Relabel | Call::Delete(_) => "general",
        }
    }

    fn counts(&self, throttler: &str) -> bool {
        throttler != FAILED_AUTH
    }
}

/// Whether it is the answer to a path that the service does not have.
fn is_unknown_path(refusal: &Refusal) -> bool {
    refusal.message.as_ref().is_none_or(|message| {
        [
            "Cannot GET ",
            "Cannot POST ",
            "Cannot PUT ",
            "Cannot DELETE ",
        ]
        .iter()
        .any(|start| message.starts_with(start))
    })
}

/// The table of the statuses.
fn classify(refusal: &Refusal, call: Call) -> (ErrorKind, Option<&'static str>) {
    use Call::{Archive, Delete, Read, Stop};

    match (refusal.status.as_u16(), call) {
        (400, Delete(Kind::SANDBOX)) if refusal.says("fork") => (
            ErrorKind::Dependency,
            Some("delete the sandboxes that were forked from it first"),
        ),
        // It is being made or being removed.
        (400, Delete(Kind::VOLUME)) => (ErrorKind::Transient, None),
        // It is in no state that can be stopped, or archived; the caller looks in which.
        (400, Archive) if refusal.says("ephemeral") => (ErrorKind::Unsupported, None),
        (400, Stop | Archive) => (ErrorKind::Conflict, None),
        (400 | 422, Read(_)) => (ErrorKind::Invalid, None),

        (401, _) => (ErrorKind::Denied, Some(REFUSED)),
        (403, Delete(Kind::SNAPSHOT)) if refusal.says("general snapshot") => (
            ErrorKind::Unsupported,
            Some("the snapshot belongs to daytona"),
        ),
        (403, Read(None | Some(Kind::SANDBOX | Kind::SNAPSHOT))) => {
            (ErrorKind::Denied, Some(BLOCKED))
        }
        (403, _) if refusal.message.is_none() => (ErrorKind::Denied, Some(BLOCKED)),
        (403, Delete(kind)) => (ErrorKind::Forbidden, Some(delete_permission(kind))),
        (403, Stop | Archive) => (
            ErrorKind::Forbidden,
            Some("use a key with the permission write:sandboxes"),
        ),
        (403, Read(_)) => (
            ErrorKind::Forbidden,
            Some("use a key with the permission read:volumes"),
        ),

        // Only the service's own words say that something is gone; a gateway knows nothing of it.
        (404, _) if !is_unknown_path(refusal) => (ErrorKind::NotFound, None),
        (300..=399 | 404 | 405, _) => (ErrorKind::Invalid, Some(NOT_DAYTONA)),

        (409, Delete(Kind::VOLUME)) => (
            ErrorKind::Dependency,
            Some("delete the sandboxes that use it first"),
        ),
        // Something else is being done to it; the caller looks whether that is its deletion.
        (409, _) => (ErrorKind::Transient, None),

        (408 | 504, _) => (ErrorKind::Transient, None),
        (429, _) => (ErrorKind::RateLimited, None),
        (501, _) => (ErrorKind::Unsupported, None),
        (502 | 503 | 520..=527 | 530, _) => (ErrorKind::Unavailable, None),
        (500, Delete(_) | Stop | Archive) => (ErrorKind::Transient, Some(WEDGED)),
        (500..=599, _) => (ErrorKind::Transient, None),
        _ => (ErrorKind::Internal, None),
    }
}

const REFUSED: &str = "set a valid DAYTONA_API_KEY; no more requests are sent with this one, because repeated failures block the IP address";
const BLOCKED: &str =
    "check whether the organization is suspended, or a proxy or firewall is in between";
const WEDGED: &str = "if this persists the sandbox is stuck; contact Daytona support";
const NOT_DAYTONA: &str = "check DAYTONA_API_URL or `api-url`; it usually ends in /api";

fn delete_permission(kind: Kind) -> &'static str {
    match kind {
        Kind::SNAPSHOT => "use a key with the permission delete:snapshots",
        Kind::VOLUME => "use a key with the permission delete:volumes",
        _ => "use a key with the permission delete:sandboxes",
    }
}

/// The message of an error of the service itself: JSON that repeats the status. Anything else is a
/// gateway's, and proves nothing about a resource.
fn own_words(status: StatusCode, body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let repeated = body.get("statusCode")?.as_u64()?;
    if repeated != u64::from(status.as_u16()) {
        return None;
    }
    match body.get("message")? {
        Value::String(message) => Some(message.clone()),
        Value::Array(messages) => Some(
            messages
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join("; "),
        ),
        _ => None,
    }
}

/// The status of an error that was sent as a success, as broken gateways do.
fn embedded_status(body: &[u8]) -> Option<u16> {
    /// No error is longer, and what is longer is not read twice.
    const MAX_MASKED_ERROR: usize = 16 << 10;

    if body.len() > MAX_MASKED_ERROR {
        return None;
    }
    let body: Value = serde_json::from_slice(body).ok()?;
    let status = body.get("statusCode")?.as_u64()?.try_into().ok()?;
    (status >= 400 && body.get("message").is_some()).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> Refusal {
        let status = StatusCode::from_u16(status).unwrap();
        Refusal {
            status,
            message: own_words(status, body.as_bytes()),
            retry_after: None,
        }
    }

    fn kind(status: u16, call: Call, message: &str) -> ErrorKind {
        let body = serde_json::json!({
            "path": "/api/sandbox/x", "timestamp": "2026-01-01T00:00:00Z",
            "statusCode": status, "error": "E", "message": message,
        });
        classify(&refusal(status, &body.to_string()), call).0
    }

    #[test]
    fn each_row_of_the_table() {
        use ErrorKind::{Conflict, Denied, Dependency, Forbidden, Internal, Invalid, NotFound};
        use ErrorKind::{RateLimited, Transient, Unavailable, Unsupported};

        let delete = Call::Delete(Kind::SANDBOX);
        let snapshot = Call::Delete(Kind::SNAPSHOT);
        let volume = Call::Delete(Kind::VOLUME);
        let read = Call::Read(Some(Kind::SANDBOX));
        for (status, call, message, want) in [
            (301, read, "", Invalid),
            (
                400,
                delete,
                "Cannot delete sandbox which has active fork children. The forks must be deleted first.",
                Dependency,
            ),
            (400, delete, "bad", Internal),
            (400, read, "Invalid cursor provided: x", Invalid),
            (
                400,
                Call::Stop,
                "Sandbox is not in a stoppable state",
                Conflict,
            ),
            (
                400,
                volume,
                "Volume must be in a ready or error state",
                Transient,
            ),
            (400, Call::Archive, "Sandbox is not stopped", Conflict),
            (
                400,
                Call::Archive,
                "Ephemeral sandboxes cannot be archived",
                Unsupported,
            ),
            (401, read, "Invalid credentials", Denied),
            (401, delete, "Invalid credentials", Denied),
            (403, delete, "Access denied", Forbidden),
            (403, Call::Stop, "Access denied", Forbidden),
            (403, Call::Archive, "Access denied", Forbidden),
            (403, snapshot, "Access denied", Forbidden),
            (
                403,
                snapshot,
                "You cannot delete a general snapshot",
                Unsupported,
            ),
            (
                403,
                Call::Read(Some(Kind::VOLUME)),
                "Access denied",
                Forbidden,
            ),
            (403, read, "Organization is suspended", Denied),
            (404, read, "Sandbox with ID or name x not found", NotFound),
            (404, delete, "Sandbox with ID or name x not found", NotFound),
            (404, read, "Cannot GET /sandbox/x", Invalid),
            (405, read, "no", Invalid),
            (408, delete, "slow", Transient),
            (409, delete, "Sandbox state change in progress", Transient),
            (
                409,
                delete,
                "Sandbox was modified by another operation",
                Transient,
            ),
            (409, volume, "Volume is in use", Dependency),
            (418, read, "teapot", Internal),
            (
                429,
                delete,
                "ThrottlerException: Too Many Requests",
                RateLimited,
            ),
            (500, delete, "An unexpected error occurred.", Transient),
            (500, read, "An unexpected error occurred.", Transient),
            (501, read, "no", Unsupported),
            (502, read, "no", Unavailable),
            (
                503,
                read,
                "Service is currently under maintenance.",
                Unavailable,
            ),
            (504, delete, "no", Transient),
            (522, delete, "no", Unavailable),
        ] {
            assert_eq!(
                kind(status, call, message),
                want,
                "{status} {call:?} {message}"
            );
        }
    }

    #[test]
    fn only_the_service_itself_can_say_that_something_is_gone() {
        for body in [
            "",
            "<html>not found</html>",
            "{}",
            r#"{"message":"no Route matched with those values"}"#,
            r#"{"statusCode":200,"message":"Sandbox not found"}"#,
            r#"{"statusCode":404,"message":"Cannot GET /api/api/sandbox/x"}"#,
            r#"{"statusCode":404,"message":null}"#,
        ] {
            let (kind, hint) = classify(&refusal(404, body), Call::Read(Some(Kind::SANDBOX)));
            assert_eq!(kind, ErrorKind::Invalid, "{body}");
            assert!(hint.unwrap().contains("DAYTONA_API_URL"));
        }
    }

    #[test]
    fn a_firewalls_refusal_is_not_about_a_permission() {
        let (kind, _) = classify(
            &refusal(403, "<html>blocked</html>"),
            Call::Delete(Kind::SANDBOX),
        );
        assert_eq!(kind, ErrorKind::Denied);
    }
}
