//! What a request that came to no good end means for the engine. Statuses have their own table in
//! `refusal`; this one is for connections and bodies.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use tbengine_sdk::error::NOBODY_LISTENS;
use tbengine_sdk::{Error, ErrorKind};
use tokio_rustls::rustls;

use crate::endpoint::ForbiddenAddress;
use crate::refusal::{Call, NOT_DAYTONA, Refusal};

const MAX_MESSAGE: usize = 400;

/// The error for a refused request. `redact` takes the credential out of what the service wrote.
pub(crate) fn refused(
    refusal: &Refusal,
    call: Call,
    shown: &str,
    redact: impl Fn(&str) -> String,
) -> Error {
    let (kind, hint) = refusal.classify(call);
    let code = refusal.status.as_u16();
    let message = match &refusal.message {
        // Redacted before it is cut: half a key is still half a key.
        Some(message) => format!("daytona answered {code}: {}", shortened(&redact(message))),
        None => format!(
            "{shown} answered {} in an unexpected format; is it the daytona API?",
            refusal.status
        ),
    };
    let mut error = Error::new(kind, message).with_code(code_of(code));
    error.retry_after = refusal.retry_after;
    error.hint = hint.map(str::to_owned);
    error
}

/// The code of a status.
pub(crate) fn code_of(status: u16) -> String {
    format!("daytona:{status}")
}

/// Whether an error is the answer to a request with this status.
pub(crate) fn has_status(error: &Error, status: u16) -> bool {
    error.code.as_deref() == Some(&code_of(status))
}

/// The error for a call that took too long.
pub(crate) fn timed_out(changes: bool, limit: Duration) -> Error {
    let limit = humantime::format_duration(limit);
    let message = if changes {
        format!("no answer within {limit}; outcome unknown")
    } else {
        format!("no answer within {limit}")
    };
    Error::new(ErrorKind::Transient, message)
}

/// The table of broken connections. Nothing of the request is repeated.
pub(crate) fn broken(error: &(dyn StdError + 'static), shown: &str) -> Error {
    let unavailable = |what: &str| Error::new(ErrorKind::Unavailable, format!("{shown} {what}"));
    if let Some(forbidden) = cause::<ForbiddenAddress>(error) {
        return Error::new(ErrorKind::Invalid, forbidden.to_string()).with_hint(NOT_DAYTONA);
    }
    if let Some(tls) = cause::<rustls::Error>(error) {
        let message = match tls {
            // A bad signature is that of an authority with the name of a trusted one and another key.
            rustls::Error::InvalidCertificate(
                rustls::CertificateError::UnknownIssuer | rustls::CertificateError::BadSignature,
            ) => format!("the certificate of {shown} is signed by an untrusted authority"),
            other => format!("tls with {shown} failed: {other}"),
        };
        return Error::new(ErrorKind::Invalid, message).with_hint(
            "check the api url; for a private authority set `ca-file` or SSL_CERT_FILE",
        );
    }
    let request = cause::<reqwest::Error>(error);
    if request.is_some_and(|error| error.is_timeout() && error.is_connect()) {
        return unavailable("did not accept the connection in time");
    }
    match cause::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => unavailable("refused the connection")
            .with_code(NOBODY_LISTENS)
            .with_hint("check that the service is up, and DAYTONA_API_URL or `api-url`"),
        _ if request.is_some_and(|error| error.is_connect()) => unavailable("cannot be reached")
            .with_hint("check the network, and DAYTONA_API_URL or `api-url`"),
        _ => unavailable("closed the connection before the answer was complete"),
    }
}

/// The error for an answer of more than `limit` bytes, which is too large to be one.
pub(crate) fn too_large(limit: usize, shown: &str) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!(
            "the service at {shown} answered with more than {} MB",
            limit >> 20
        ),
    )
}

/// The error for a success whose body is not what was asked for.
pub(crate) fn unreadable(error: &serde_json::Error, shown: &str) -> Error {
    if error.is_eof() {
        return Error::new(
            ErrorKind::Transient,
            format!("the service at {shown} sent an incomplete answer"),
        );
    }
    if error.is_syntax() {
        return Error::new(
            ErrorKind::Invalid,
            format!("{shown} does not speak the daytona API"),
        )
        .with_hint(NOT_DAYTONA);
    }
    unexpected(shown)
}

/// The error for an error that was sent as a success. What it was about may have happened.
pub(crate) fn masked_error(status: u64) -> Error {
    Error::new(
        ErrorKind::Transient,
        format!("daytona reported success with an error {status} in the body"),
    )
}

/// The error for JSON in an unknown form. The JSON is not repeated: it may hold secrets of sandboxes.
pub(crate) fn unexpected(shown: &str) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("unexpected response format from {shown}"),
    )
}

/// The first error of a type among an error and its causes. I/O errors hide what they wrap.
fn cause<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(found) = wrapped.and_then(|wrapped| cause::<E>(wrapped)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use tbengine_sdk::Kind;

    use super::*;

    #[test]
    fn pages_of_gateways_do_not_end_up_in_messages() {
        let page = b"<html><script>x</script></html>";
        let refusal = Refusal::new(StatusCode::BAD_GATEWAY, &HeaderMap::new(), page);
        let error = refused(&refusal, Call::Read(None), "https://x", str::to_owned);
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert!(!error.message.contains('<'), "{error}");
        assert!(has_status(&error, 502) && !has_status(&error, 503));
    }

    #[test]
    fn long_messages_are_cut_between_characters_and_after_redaction() {
        let message = format!("{}canary", "é".repeat(MAX_MESSAGE - 3));
        let body = serde_json::json!({"statusCode": 500, "message": message}).to_string();
        let refusal = Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            &HeaderMap::new(),
            body.as_bytes(),
        );
        let call = Call::Delete(Kind::SANDBOX);
        let error = refused(&refusal, call, "x", |text| {
            text.replace("canary", "<hidden>")
        });
        assert!(error.message.chars().count() < MAX_MESSAGE + 40);
        assert!(!error.message.contains("can"), "{error}");
    }

    #[test]
    fn a_forbidden_address_is_found_under_other_errors() {
        let inner = crate::endpoint::Endpoint::parse("https://169.254.1.1").unwrap_err();
        assert_eq!(inner.kind, ErrorKind::Invalid);
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(broken(&reset, "x").kind, ErrorKind::Unavailable);
        let tls = io::Error::other(tokio_rustls::rustls::Error::HandshakeNotComplete);
        assert_eq!(broken(&tls, "x").kind, ErrorKind::Invalid);
    }
}
