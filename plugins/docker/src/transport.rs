//! Requests on the daemon's socket: only those this backend ever needs, each under the negotiated
//! API version, with bounded replies.
//!
//! bollard sends its requests through [`Transport`] too. It would drop the version from the path and
//! the `Retry-After` of a refusal.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use bollard::BollardRequest;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::de::DeserializeOwned;
use tbengine_sdk::http::{Call, JsonError, decode};
use tbengine_sdk::{Error, ErrorKind, Result};

use crate::api_version::ApiVersion;
use crate::connect::{Dialler, MAX_REPLY};
use crate::context::Endpoint;
use crate::error::RequestError;
use crate::refusal;
use crate::wire::Version;

const MAX_REFUSAL: usize = 64 << 10;

/// A connection pool to one daemon. Clones share it.
#[derive(Clone)]
pub(crate) struct Transport(Arc<Inner>);

struct Inner {
    client: Client<Dialler, Empty<Bytes>>,
    authority: String,
    shown: String,
    pinned: Option<ApiVersion>,
    /// The minor number of the version spoken, 0 while unknown.
    spoken: AtomicU16,
}

type BollardResponse =
    Pin<Box<dyn Future<Output = Result<Response<Incoming>, bollard::errors::Error>> + Send>>;

/// A decoded reply with what its headers said.
pub(crate) struct Reply<T> {
    pub(crate) value: T,
    /// What the daemon supports, if it said so.
    pub(crate) version: Option<ApiVersion>,
    /// Whether this is Podman and not Docker.
    pub(crate) is_podman: bool,
}

impl Transport {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// `Invalid` if the TLS files or the pinned version cannot be used.
    pub(crate) fn new(endpoint: &Endpoint, pinned: Option<ApiVersion>) -> Result<Self> {
        if let Some(version) = pinned {
            supported(version, &endpoint.shown)?;
        }
        // The client sends a request again only if it never left: then the pooled connection was
        // already closed. The engine decides about everything else.
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(20))
            .build(Dialler::new(endpoint)?);
        Ok(Self(Arc::new(Inner {
            client,
            authority: endpoint.authority(),
            shown: endpoint.shown.clone(),
            pinned,
            spoken: AtomicU16::new(0),
        })))
    }

    /// The daemon's address, for people.
    pub(crate) fn shown(&self) -> &str {
        &self.0.shown
    }

    /// The version that requests carry from now on: agreed on once, by the cheapest request.
    pub(crate) async fn version(&self) -> Result<ApiVersion> {
        if let spoken @ 1.. = self.0.spoken.load(Ordering::Relaxed) {
            return Ok(ApiVersion::of_minor(spoken));
        }
        let call = Call::Read(None);
        let response = self
            .send(Method::GET, "/_ping")
            .await
            .map_err(|broken| self.error(call, broken))?;
        self.adopt(version_of(response.headers())).await
    }

    /// Adopts what the daemon said it supports.
    ///
    /// # Errors
    /// `Invalid` if it supports no version that this backend knows.
    pub(crate) async fn adopt(&self, daemon: Option<ApiVersion>) -> Result<ApiVersion> {
        let version = match (self.0.pinned, daemon) {
            (Some(pinned), _) => pinned,
            (None, Some(daemon)) => daemon,
            // Some proxies drop the header.
            (None, None) => {
                let reply: Reply<Version> = self
                    .get("/version")
                    .await
                    .map_err(|broken| self.error(Call::Read(None), broken))?;
                reply
                    .value
                    .api_version
                    .parse()
                    .map_err(|_| self.not_docker())?
            }
        };
        supported(version, self.shown())?;
        let spoken =
            version.min(ApiVersion::NEWEST.max(self.0.pinned.unwrap_or(ApiVersion::NEWEST)));
        self.0.spoken.store(spoken.minor(), Ordering::Relaxed);
        Ok(spoken)
    }

    /// Reads JSON under the agreed version.
    pub(crate) async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let version = self.version().await?;
        let path = format!("/v{version}{path}");
        let reply = self
            .get(&path)
            .await
            .map_err(|broken| self.error(Call::Read(None), broken))?;
        Ok(reply.value)
    }

    /// Like [`Transport::read`], with `None` for what does not exist.
    pub(crate) async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        match self.read(path).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// Reads JSON without a version in the path: what the daemon answers by default.
    pub(crate) async fn read_unversioned<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Reply<T>> {
        self.get(path)
            .await
            .map_err(|broken| self.error(Call::Read(None), broken))
    }

    /// What bollard found, with `None` for what does not exist.
    pub(crate) fn found<T>(&self, answer: Result<T, bollard::errors::Error>) -> Result<Option<T>> {
        let failure = match answer {
            Ok(found) => return Ok(Some(found)),
            Err(failure) => RequestError::from_bollard(failure),
        };
        match self.error(Call::Read(None), failure) {
            error if error.kind == ErrorKind::NotFound => Ok(None),
            error => Err(error),
        }
    }

    /// What a failure means for the engine.
    pub(crate) fn error(&self, call: Call, broken: RequestError) -> Error {
        broken.classify(call, self.shown())
    }

    /// The error for a server that is not a Docker daemon.
    pub(crate) fn not_docker(&self) -> Error {
        RequestError::Json(JsonError::NotJson).classify(Call::Read(None), self.shown())
    }

    /// This transport in the form that bollard takes.
    pub(crate) fn for_bollard(
        &self,
    ) -> impl Fn(BollardRequest) -> BollardResponse + Send + Sync + 'static {
        let transport = self.clone();
        move |request| {
            let transport = transport.clone();
            Box::pin(async move {
                let path = request
                    .uri()
                    .path_and_query()
                    .map_or("/", |path| path.as_str());
                let sent = match transport.version().await {
                    Ok(version) => {
                        transport
                            .send(request.method().clone(), &format!("/v{version}{path}"))
                            .await
                    }
                    Err(error) => Err(RequestError::Classified(Box::new(error))),
                };
                sent.map_err(|broken| bollard::errors::Error::IOError {
                    err: std::io::Error::other(broken),
                })
            })
        }
    }

    /// Opens a stream that ends when the daemon ends it.
    pub(crate) async fn stream(&self, path: &str) -> Result<Incoming> {
        let version = self.version().await?;
        let response = self.send(Method::GET, &format!("/v{version}{path}")).await;
        let response = response.map_err(|broken| self.error(Call::Read(None), broken))?;
        Ok(response.into_body())
    }

    /// The daemon's own clock, in whole seconds since 1970. `None` where it does not say.
    ///
    /// # Errors
    /// `Unsupported` for Podman, whose events are others.
    pub(crate) async fn second_of_docker(&self) -> Result<Option<i64>> {
        let response = self.send(Method::GET, "/_ping").await;
        let response = response.map_err(|broken| self.error(Call::Read(None), broken))?;
        let headers = response.headers();
        if headers.contains_key("libpod-api-version") {
            let message = "the events of Podman are not followed";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let date = headers.get(http::header::DATE);
        let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date.to_str().ok()?).ok());
        Ok(date.map(|date| date.timestamp().as_second()))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Reply<T>, RequestError> {
        let response = self.send(Method::GET, path).await?;
        let headers = response.headers();
        let (version, is_podman) = (
            version_of(headers),
            headers.contains_key("libpod-api-version"),
        );
        let body = collect(response, MAX_REPLY).await?;
        let value = decode(&body)?;
        Ok(Reply {
            value,
            version,
            is_podman,
        })
    }

    async fn send(&self, method: Method, path: &str) -> Result<Response<Incoming>, RequestError> {
        if !is_allowed(&method, path) {
            return Err(RequestError::Forbidden(format!("{method} {path}")));
        }
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.0.authority))
            .body(Empty::new())
            .map_err(|error| RequestError::Forbidden(format!("{path}: {error}")))?;
        let response = self.0.client.request(request).await?;
        let status = response.status();
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(response);
        }
        let headers = response.headers().clone();
        // A refusal whose text got lost is still a refusal.
        let body = collect(response, MAX_REFUSAL).await.unwrap_or_default();
        Err(RequestError::Refused(refusal::read(
            status, &headers, &body,
        )))
    }
}

/// The few requests that this backend makes. A process that has the socket is root, so nothing else may
/// ever leave here, whatever a bug or a strange id makes of a path.
fn is_allowed(method: &Method, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let path = match path.strip_prefix("/v1.") {
        Some(rest) => rest.trim_start_matches(|digit: char| digit.is_ascii_digit()),
        None => path,
    };
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let name_of_image = |name: &[&str]| {
        !name.is_empty()
            && name.len() <= MAX_NAME_SEGMENTS
            && name.iter().all(|part| is_part_of_name(part))
    };
    if segments
        .iter()
        .any(|segment| matches!(*segment, "" | "." | ".." | "prune"))
    {
        return false;
    }
    matches!(
        (method.as_str(), &segments[..]),
        (
            "GET",
            ["_ping" | "events" | "info" | "version" | "networks" | "volumes"]
                | ["containers" | "images", "json"]
                | ["containers" | "images", _, "json"]
                | ["networks" | "volumes", _]
                | ["system", "df"]
        ) | ("POST", ["containers", _, "kill"])
            | (
                "DELETE",
                ["containers" | "networks" | "volumes" | "images", _]
            )
    ) || match (method.as_str(), &segments[..]) {
        ("GET", ["images", name @ .., "json"]) | ("DELETE", ["images", name @ ..]) => {
            name_of_image(name)
        }
        _ => false,
    }
}

/// The most parts that the name of an image has: a registry and its path.
const MAX_NAME_SEGMENTS: usize = 16;

/// Whether this may be a part of the name of an image, like `host:5000`, `library` or `alpine:3.20`. Nothing in it
/// could be taken for anything else in a path.
fn is_part_of_name(part: &str) -> bool {
    part.bytes().all(|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':' | b'@')
    })
}

async fn collect(response: Response<Incoming>, limit: usize) -> Result<Bytes, RequestError> {
    match Limited::new(response.into_body(), limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => match error.downcast::<hyper::Error>() {
            Ok(error) => Err(RequestError::Cut(*error)),
            Err(_) => Err(RequestError::TooLarge(limit)),
        },
    }
}

fn version_of(headers: &HeaderMap) -> Option<ApiVersion> {
    headers.get("api-version")?.to_str().ok()?.parse().ok()
}

fn supported(version: ApiVersion, shown: &str) -> Result<()> {
    if version >= ApiVersion::OLDEST {
        return Ok(());
    }
    let oldest = ApiVersion::OLDEST;
    Err(Error::new(
        ErrorKind::Invalid,
        format!("the daemon at {shown} supports API {version}; {oldest} or newer is needed"),
    )
    .with_hint("use Docker 20.10 or newer, or Podman 3 or newer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_known_requests_may_leave() {
        for (method, path) in [
            (Method::GET, "/_ping"),
            (Method::GET, "/v1.41/events?since=1"),
            (Method::GET, "/v1.41/containers/json?all=1"),
            (Method::POST, "/v1.41/containers/abc/kill?signal=TERM"),
            (Method::DELETE, "/v1.47/containers/abc?v=true"),
            (Method::DELETE, "/volumes/x"),
            (Method::GET, "/v1.41/images/host:5000/a/b:1/json"),
            (Method::DELETE, "/v1.41/images/host:5000/a/b@sha256:1"),
        ] {
            assert!(is_allowed(&method, path), "{path}");
        }
        for (method, path) in [
            (Method::GET, "/v1.41/containers/abc/export"),
            (Method::GET, "/v1.41/containers/abc/archive?path=/"),
            (Method::POST, "/v1.41/containers/prune"),
            (Method::POST, "/containers/create"),
            (Method::POST, "/v1.41/containers/abc/exec"),
            (Method::POST, "/v1.41/volumes/prune?all=1"),
            (Method::DELETE, "/containers/"),
            (Method::DELETE, "/containers"),
            (Method::DELETE, "/v1.41/volumes/../containers/abc"),
            (Method::DELETE, "/v1.41/networks/a/b"),
            (Method::PUT, "/containers/abc/archive"),
            (Method::DELETE, "/v1.41/images/a/../../containers/abc"),
            (Method::DELETE, "/v1.41/images/a/%2e%2e/b"),
            (Method::GET, "/v1.41/images/a/b/get"),
            (Method::POST, "/v1.41/images/a/b/push"),
        ] {
            assert!(!is_allowed(&method, path), "{path}");
        }
    }
}
