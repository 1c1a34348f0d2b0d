//! The answer to the client where the daemon cannot answer, in the form that the docker command shows.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;

use crate::connect::ConnectError;
use crate::error::classify_connection;

/// Why there is no answer of the daemon.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the body of this request is larger than {} MiB", .0 >> 20)]
    RequestTooLarge(usize),
    #[error("the daemon's reply is larger than {} MiB", .0 >> 20)]
    ReplyTooLarge(usize),
    #[error("the request broke off: {0}")]
    Cut(hyper::Error),
    #[error(transparent)]
    Unreachable(#[from] ConnectError),
    #[error(transparent)]
    Lost(#[from] hyper::Error),
}

impl Failure {
    /// The reply for the client. `shown` is the daemon's address.
    pub(super) fn into_reply(self, shown: &str) -> Response<Full<Bytes>> {
        let (status, error) = match &self {
            Failure::RequestTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, None),
            Failure::Cut(_) => (StatusCode::BAD_REQUEST, None),
            Failure::ReplyTooLarge(_) => (StatusCode::BAD_GATEWAY, None),
            Failure::Lost(error) => (
                StatusCode::BAD_GATEWAY,
                Some(classify_connection(error, shown)),
            ),
            Failure::Unreachable(error) => (
                StatusCode::SERVICE_UNAVAILABLE,
                Some(classify_connection(error, shown)),
            ),
        };
        let what = match error {
            Some(error) => match error.hint {
                Some(hint) => format!("{} ({hint})", error.message),
                None => error.message,
            },
            None => self.to_string(),
        };
        let body = json!({ "message": format!("tbengine's labelling socket: {what}") });
        let mut reply = Response::new(Full::new(Bytes::from(body.to_string())));
        *reply.status_mut() = status;
        reply
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        reply
    }
}
