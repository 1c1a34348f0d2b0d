//! What one service says otherwise than most.

use ::http::StatusCode;

use super::call::Call;
use super::refusal::Refusal;
use crate::error::ErrorKind;

/// What one service says otherwise than most. Each method but the name has the usual answer.
pub trait Provider: Send + Sync + 'static {
    /// The service's name in messages and codes: one word in small letters.
    fn name(&self) -> &'static str;

    /// What to do if what answers is not the service, as one sentence for the operator.
    fn address_hint(&self) -> &'static str {
        "check the address of the API"
    }

    /// What to do if the certificate is not trusted.
    fn tls_hint(&self) -> &'static str {
        "check the address of the API; for a private authority set SSL_CERT_FILE"
    }

    /// The service's own message in the body of a refusal, or `None` if the text is not the service's.
    fn message(&self, status: StatusCode, body: &[u8]) -> Option<String> {
        let _ = status;
        Refusal::usual_message(body)
    }

    /// What a refusal means, and what to do about it. A service that means something else by a status matches that,
    /// and leaves the others to [`Refusal::usual_kind`].
    fn classify(&self, refusal: &Refusal, call: Call) -> (ErrorKind, Option<&'static str>) {
        let kind = refusal.usual_kind(call);
        let is_elsewhere = kind == ErrorKind::Invalid
            && (refusal.message.is_none() || refusal.status.is_redirection());
        (kind, is_elsewhere.then(|| self.address_hint()))
    }

    /// The status of an error that was sent as a success, as some gateways do.
    fn masked_status(&self, body: &[u8]) -> Option<u16> {
        let _ = body;
        None
    }

    /// Whether nothing more is sent once a key was refused: for services that lock an address out after a few.
    fn stops_when_denied(&self) -> bool {
        false
    }

    /// What a request is counted as, where the service counts some apart from others; any word.
    fn traffic(&self, call: Call) -> &'static str {
        let _ = call;
        ""
    }

    /// Whether a throttler counts requests that are still to be made.
    fn counts(&self, throttler: &str) -> bool {
        let _ = throttler;
        true
    }
}
