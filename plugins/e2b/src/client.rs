//! One request, and the one place that maps refusals.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url, redirect};
use serde::Deserialize;
use tbengine_sdk::error::NOBODY_LISTENS;
use tbengine_sdk::{Error, ErrorKind, Result};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use crate::config::Settings;

/// A page of 100 sandboxes with large metadata is far below this.
const MAX_ANSWER: usize = 32 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The service with one key.
pub(crate) struct Client {
    http: reqwest::Client,
    service: Url,
    key: String,
}

/// The body of a success, and where the next page begins.
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    pub(crate) next: Option<String>,
}

impl Client {
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let internal = |error: &dyn std::fmt::Display| {
            Error::new(ErrorKind::Internal, format!("no client: {error}"))
        };
        let mut key = HeaderValue::from_str(&settings.key.0)
            .map_err(|_| Error::new(ErrorKind::Denied, "the key has invalid characters"))?;
        key.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", key);
        let http = reqwest::Client::builder()
            .user_agent(concat!("tbengine-e2b/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .tls_backend_preconfigured(tls().map_err(|error| internal(&error))?)
            // Whoever could redirect us would get the key.
            .redirect(redirect::Policy::none())
            // Attempts are the engine's to count.
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|error| internal(&error.without_url()))?;
        Ok(Self {
            http,
            service: settings.service.clone(),
            key: settings.key.0.clone(),
        })
    }

    /// The service's address, for people.
    pub(crate) fn shown(&self) -> &str {
        self.service.as_str().trim_end_matches('/')
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Answer> {
        let mut url = self.service.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        tracing::debug!(%method, path = path.join("/"), "asking E2B");
        let response = self.http.request(method, url).send().await;
        let response = response.map_err(|error| self.broken(error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.body(response).await?;
        if status.is_success() {
            let next = headers.get("x-next-token");
            let next = next.and_then(|token| token.to_str().ok());
            return Ok(Answer {
                body,
                next: next.filter(|token| !token.is_empty()).map(str::to_owned),
            });
        }
        Err(self.refused(status, &headers, &body))
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(error))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                let text = format!("{} answered more than 32 MiB", self.shown());
                return Err(Error::new(ErrorKind::Transient, text));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn broken(&self, error: reqwest::Error) -> Error {
        let error = error.without_url();
        let unavailable = Error::new(
            ErrorKind::Unavailable,
            format!("{} does not answer: {error}", self.shown()),
        );
        let causes = std::iter::successors(error.source(), |cause| (*cause).source());
        let refused = causes
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .any(|cause| cause.kind() == io::ErrorKind::ConnectionRefused);
        if refused {
            return unavailable.with_code(NOBODY_LISTENS);
        }
        unavailable
    }

    /// What the service refuses, and what the engine does next.
    fn refused(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        #[derive(Default, Deserialize)]
        struct Refusal {
            #[serde(default)]
            message: String,
        }
        let kind = match status.as_u16() {
            400 | 422 => ErrorKind::Invalid,
            401 => ErrorKind::Denied,
            403 => ErrorKind::Forbidden,
            404 => ErrorKind::NotFound,
            409 => ErrorKind::Conflict,
            429 => ErrorKind::RateLimited,
            502..=504 => ErrorKind::Unavailable,
            500..=599 => ErrorKind::Transient,
            _ => ErrorKind::Internal,
        };
        let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
        // A service may repeat what it was sent.
        let said = refusal.message.replace(&self.key, "***");
        let said: String = said.chars().take(400).collect();
        let message = match said.as_str() {
            "" => format!("E2B answered {status}"),
            said => said.to_owned(),
        };
        let mut error = Error::new(kind, message).with_code(format!("e2b:{}", status.as_u16()));
        if kind == ErrorKind::Denied {
            error =
                error.with_hint("check E2B_API_KEY; it is a key of the team, not an access token");
        }
        // The limits are 20,000 requests in 30 seconds; the service says how long to wait.
        let wait = ["retry-after", "ratelimit-reset"].iter().find_map(|name| {
            headers
                .get(*name)?
                .to_str()
                .ok()?
                .trim()
                .parse::<u64>()
                .ok()
        });
        match wait {
            Some(seconds) if kind == ErrorKind::RateLimited => {
                error.with_retry_after(Duration::from_secs(seconds.min(3600)))
            }
            _ => error,
        }
    }
}

/// TLS with the certificates that the system trusts.
fn tls() -> std::result::Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
