//! Requests to one registry: where they go, and how much of the answers is read.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode, Url, redirect};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::error::{Doing, RegistryError};
use super::failure;
use super::keychain::Keychain;
use super::reference::Reference;

/// A manifest of a policy has less than a thousandth of this; in bytes. Tokens are no larger.
pub(super) const LARGEST_MANIFEST: usize = 1 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Registries send readers to where their blobs lie, which is one step.
const MOST_REDIRECTS: usize = 5;

/// One repository of a registry.
pub(super) struct Client {
    pub(super) http: reqwest::Client,
    pub(super) reference: Reference,
    /// Everything that is asked for lies below.
    base: Url,
    pub(super) doing: Doing,
    pub(super) keychain: Keychain,
    /// What the registry wanted to see.
    pub(super) authorization: Option<HeaderValue>,
    /// Where the credentials behind that come from.
    pub(super) source: Option<String>,
}

impl Client {
    /// Prepares to speak with a registry, without TLS if `plain`. Nothing is sent.
    pub(super) fn new(
        reference: &Reference,
        doing: Doing,
        plain: bool,
        keychain: Keychain,
    ) -> Result<Self, RegistryError> {
        let start = |why: String| RegistryError::Start {
            what: "set up HTTP",
            why,
        };
        let scheme = if plain { "http" } else { "https" };
        let base = format!(
            "{scheme}://{}/v2/{}/",
            reference.endpoint(),
            reference.path()
        );
        let base = Url::parse(&base).map_err(|error| start(error.to_string()))?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("tbengine/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls().map_err(|error| start(error.to_string()))?)
            .redirect(redirect::Policy::custom(move |attempt| {
                // From there anyone could answer; what was begun without TLS has nothing to lose.
                let is_safe = may_go_to(attempt.url(), plain);
                match is_safe && attempt.previous().len() <= MOST_REDIRECTS {
                    true => attempt.follow(),
                    false => attempt.error("not followed"),
                }
            }))
            .retry(reqwest::retry::never())
            .referer(false)
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT);
        if reference.is_loopback() {
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|error| start(error.without_url().to_string()))?;
        Ok(Self {
            http,
            reference: reference.clone(),
            base,
            doing,
            keychain,
            authorization: None,
            source: None,
        })
    }

    /// A URL of the repository.
    pub(super) fn url(&self, path: &str) -> Result<Url, RegistryError> {
        self.base.join(path).map_err(|error| RegistryError::Start {
            what: "address the registry",
            why: error.to_string(),
        })
    }

    /// Sends a request, and once more with what the registry wants to see.
    pub(super) async fn send(
        &mut self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Option<Bytes>,
    ) -> Result<Response, RegistryError> {
        let response = self.send_once(&method, &url, &headers, &body).await?;
        // Whoever we were redirected to gets nothing, and so has nothing to demand.
        let is_asked = response.status() == StatusCode::UNAUTHORIZED && self.is_own(response.url());
        if is_asked && self.authorization.is_none() && self.authorize(response.headers()).await? {
            return self.send_once(&method, &url, &headers, &body).await;
        }
        Ok(response)
    }

    async fn send_once(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        body: &Option<Bytes>,
    ) -> Result<Response, RegistryError> {
        let mut request = self
            .http
            .request(method.clone(), url.clone())
            .headers(headers.clone());
        if let Some(body) = body {
            request = request.body(body.clone());
        }
        if let Some(value) = self.authorization.as_ref().filter(|_| self.is_own(url)) {
            request = request.header(AUTHORIZATION, value.clone());
        }
        self.answered(request).await
    }

    pub(super) async fn answered(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<Response, RegistryError> {
        let sent = request.send().await;
        sent.map_err(|error| failure::broken(&error, self.host()))
    }

    /// Reads an answer to its end, or until it is larger than it can be.
    pub(super) async fn read(
        &self,
        mut response: Response,
        what: &'static str,
        limit: usize,
    ) -> Result<Vec<u8>, RegistryError> {
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await;
            match chunk.map_err(|error| failure::broken(&error, self.host()))? {
                None => return Ok(body),
                Some(chunk) if body.len() + chunk.len() > limit => {
                    return Err(RegistryError::TooLarge {
                        host: self.host().to_owned(),
                        what,
                        limit,
                    });
                }
                Some(chunk) => body.extend_from_slice(&chunk),
            }
        }
    }

    /// The registry, for people.
    pub(super) fn host(&self) -> &str {
        &self.reference.host
    }

    /// Whether a URL is the registry's own, and credentials for it may go there.
    fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// Whether something may go to a URL that the registry named.
    pub(super) fn is_safe(&self, url: &Url) -> bool {
        may_go_to(url, self.base.scheme() == "http")
    }

    pub(super) fn unexpected(&self, what: &str) -> RegistryError {
        RegistryError::Unexpected {
            host: self.host().to_owned(),
            what: what.to_owned(),
        }
    }
}

/// Whether something may go to a URL that a registry named, which itself has no TLS if `plain`.
fn may_go_to(url: &Url, plain: bool) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => plain,
        _ => false,
    }
}

/// TLS with the certificates that the system trusts.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
