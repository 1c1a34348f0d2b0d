//! What a fault does to a reply.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt;

use crate::error::ApiError;
use crate::faults::plan::Fault;

/// The address from which clouds give out credentials.
const METADATA: &str = "http://169.254.169.254/latest/meta-data/iam/security-credentials/";

/// The connection closes without a reply, or in the middle of one.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the connection is lost")]
pub(crate) struct ConnectionLost;

/// The reply of a fault that keeps the request from having an effect.
pub(crate) async fn instead(fault: Fault) -> Result<Response, ConnectionLost> {
    Ok(match fault {
        Fault::Status(status) => ApiError {
            status,
            error: "Internal Server Error",
            message: "An unexpected error occurred.".into(),
        }
        .into_response(),
        Fault::Gateway => (
            StatusCode::BAD_GATEWAY,
            [(CONTENT_TYPE, "text/html")],
            "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n",
        )
            .into_response(),
        Fault::Maintenance => ApiError::maintenance().into_response(),
        Fault::TooManyRequests => {
            let mut response = ApiError::throttled().into_response();
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
        Fault::Redirect => (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, METADATA)]).into_response(),
        Fault::ErrorWithSuccess => (
            [(CONTENT_TYPE, "application/json")],
            ApiError::unexpected().body("/", ""),
        )
            .into_response(),
        Fault::Hang(ms) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            return Err(ConnectionLost);
        }
        Fault::LostRequest
        | Fault::LostReply
        | Fault::Slow(_)
        | Fault::Truncated
        | Fault::CutOff
        | Fault::Endless => return Err(ConnectionLost),
    })
}

/// The reply after a fault that lets the request have its effect.
pub(crate) async fn spoil(fault: Fault, response: Response) -> Result<Response, ConnectionLost> {
    let (mut parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|_| ConnectionLost)?.to_bytes();
    let half = body.slice(..body.len() / 2);
    let body = match fault {
        Fault::Slow(ms) => drip(body, Duration::from_millis(ms)),
        Fault::Truncated => {
            parts.headers.insert(CONTENT_LENGTH, half.len().into());
            Body::from(half)
        }
        Fault::CutOff => {
            parts.headers.insert(CONTENT_LENGTH, body.len().into());
            Body::from_stream(stream::iter([Ok(half), Err(ConnectionLost)]))
        }
        Fault::Endless => {
            parts.headers.remove(CONTENT_LENGTH);
            let spaces = Bytes::from_static(&[b' '; 64 * 1024]);
            Body::from_stream(stream::repeat(Ok::<_, Infallible>(spaces)))
        }
        _ => return Err(ConnectionLost),
    };
    Ok(Response::from_parts(parts, body))
}

/// One byte at a time.
fn drip(body: Bytes, pause: Duration) -> Body {
    Body::from_stream(stream::unfold(body, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let byte = rest.split_to(1);
        Some((Ok::<_, Infallible>(byte), rest))
    }))
}
