//! A status that is not a success.

use std::time::Duration;

use ::http::StatusCode;
use serde_json::Value;

use super::call::Call;
use super::failure::shortened;
use crate::error::{Error, ErrorKind};

/// A status that is not a success, and what came with it.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// The provider's own message, or `None` if the text is not the provider's: a gateway knows nothing of
    /// resources, so what it says proves nothing about one.
    pub message: Option<String>,
    /// How long it asks to wait.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// The message of most services: JSON with one of `message`, `detail` and `error`, as a text or an object with
    /// a `message`.
    pub fn usual_message(body: &[u8]) -> Option<String> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let said = ["message", "detail", "error"].map(|key| body.get(key));
        said.into_iter().flatten().find_map(|said| {
            let text = said.as_str().or_else(|| said.get("message")?.as_str())?;
            (!text.is_empty()).then(|| text.to_owned())
        })
    }

    /// Whether the provider's own message has this part, which is in small letters.
    pub fn says(&self, part: &str) -> bool {
        self.message
            .as_ref()
            .is_some_and(|message| message.to_ascii_lowercase().contains(part))
    }

    /// The meaning of a status at a service that means by it what everybody does.
    ///
    /// | status | kind |
    /// |---|---|
    /// | 400, 422 | `Invalid` for a read, else `Internal`: one odd resource is not a reason to stop |
    /// | 401 | `Denied` |
    /// | 403 | `Forbidden`; `Denied` without a message of the provider |
    /// | 404, 410 | `NotFound`; `Invalid` without a message of the provider |
    /// | 3xx, 405 | `Invalid` |
    /// | 409, 412 | `Conflict` |
    /// | 408, 423, 425, 504, other 5xx | `Transient` |
    /// | 429 | `RateLimited` |
    /// | 501 | `Unsupported` |
    /// | 502, 503, and 52x of gateways | `Unavailable` |
    /// | else | `Internal` |
    pub fn usual_kind(&self, call: Call) -> ErrorKind {
        let is_own = self.message.is_some();
        match self.status.as_u16() {
            400 | 422 if !call.changes() => ErrorKind::Invalid,
            401 => ErrorKind::Denied,
            403 if is_own => ErrorKind::Forbidden,
            403 => ErrorKind::Denied,
            404 | 410 if is_own => ErrorKind::NotFound,
            300..=399 | 404 | 405 | 410 => ErrorKind::Invalid,
            409 | 412 => ErrorKind::Conflict,
            408 | 423 | 425 | 504 => ErrorKind::Transient,
            429 => ErrorKind::RateLimited,
            501 => ErrorKind::Unsupported,
            502 | 503 | 520..=527 | 530 => ErrorKind::Unavailable,
            500..=599 => ErrorKind::Transient,
            _ => ErrorKind::Internal,
        }
    }

    /// The code of a provider's status in [`Error::code`].
    pub fn code(provider: &str, status: u16) -> String {
        format!("{provider}:{status}")
    }

    /// The error for it, with what a provider's table says of it. `shown` is the provider's address; `redact` takes
    /// secrets out of what was answered, before that is cut: half a key is still half a key.
    pub fn into_error(
        &self,
        provider: &str,
        shown: &str,
        (kind, hint): (ErrorKind, Option<&'static str>),
        redact: impl Fn(&str) -> String,
    ) -> Error {
        let code = self.status.as_u16();
        let message = match &self.message {
            Some(message) => format!(
                "{provider} answered {code}: {}",
                shortened(&redact(message))
            ),
            None => format!(
                "{shown} answered {} in an unexpected format; is it the {provider} API?",
                self.status
            ),
        };
        Error {
            retry_after: self.retry_after,
            hint: hint.map(str::to_owned),
            ..Error::new(kind, message).with_code(Self::code(provider, code))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::failure::MAX_MESSAGE;
    use super::*;
    use crate::kind::Kind;

    fn refusal(status: u16, message: Option<&str>) -> Refusal {
        Refusal {
            status: StatusCode::from_u16(status).unwrap(),
            message: message.map(str::to_owned),
            retry_after: None,
        }
    }

    #[test]
    fn each_row_of_the_table() {
        use ErrorKind::{Conflict, Denied, Forbidden, Internal, Invalid, NotFound, RateLimited};
        use ErrorKind::{Transient, Unavailable, Unsupported};

        let (read, delete) = (Call::Read(None), Call::Delete(Kind::SANDBOX));
        for (status, call, own, foreign) in [
            (302, read, Invalid, Invalid),
            (400, read, Invalid, Invalid),
            (400, delete, Internal, Internal),
            (401, read, Denied, Denied),
            (403, delete, Forbidden, Denied),
            (404, delete, NotFound, Invalid),
            (405, delete, Invalid, Invalid),
            (408, read, Transient, Transient),
            (409, delete, Conflict, Conflict),
            (410, read, NotFound, Invalid),
            (418, read, Internal, Internal),
            (422, read, Invalid, Invalid),
            (423, delete, Transient, Transient),
            (429, read, RateLimited, RateLimited),
            (500, read, Transient, Transient),
            (501, delete, Unsupported, Unsupported),
            (502, read, Unavailable, Unavailable),
            (503, delete, Unavailable, Unavailable),
            (504, delete, Transient, Transient),
            (522, delete, Unavailable, Unavailable),
        ] {
            let kind = |message| refusal(status, message).usual_kind(call);
            assert_eq!(kind(Some("no")), own, "{status} {call:?}");
            assert_eq!(kind(None), foreign, "{status} {call:?}, not the provider's");
        }
    }

    #[test]
    fn messages_are_found_where_services_put_them() {
        for (body, want) in [
            (r#"{"message":"no"}"#, Some("no")),
            (r#"{"detail":"no"}"#, Some("no")),
            (r#"{"error":{"code":7,"message":"no"}}"#, Some("no")),
            (r#"{"error":"no"}"#, Some("no")),
            (r#"{"message":"","error":"no"}"#, Some("no")),
            (r#"{"message":7}"#, None),
            ("[]", None),
            ("", None),
            ("<html>no</html>", None),
        ] {
            let found = Refusal::usual_message(body.as_bytes());
            assert_eq!(found.as_deref(), want, "{body}");
        }
    }

    #[test]
    fn long_messages_are_cut_between_characters_and_after_redaction() {
        let message = format!("{}canary", "é".repeat(MAX_MESSAGE - 3));
        let refusal = refusal(500, Some(&message));
        let error = refusal.into_error("x", "https://x", (ErrorKind::Transient, None), |text| {
            text.replace("canary", "<hidden>")
        });
        assert!(error.message.chars().count() < MAX_MESSAGE + 40);
        assert!(!error.message.contains("can"), "{error}");
        assert_eq!(error.code.as_deref(), Some("x:500"));
    }
}
