//! What a client is made of.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::{Url, redirect};

use super::client::Client;
use super::endpoint::Endpoint;
use super::pacer::Pacer;
use super::provider::Provider;
use super::secret::Secret;
use super::tls::{self, Roots};
use crate::backend::CALL_TIMEOUT;
use crate::error::{Error, ErrorKind, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Below the time after which gateways close idle connections, usually a minute.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer that is read, unless it is configured, in bytes.
const MAX_ANSWER: usize = 64 << 20;

/// What a [`Client`] is made of.
#[derive(Debug)]
pub struct Builder<P> {
    pub(super) endpoint: Endpoint,
    pub(super) provider: P,
    pub(super) secrets: Vec<Secret>,
    pub(super) max_answer: usize,
    pub(super) call_timeout: Duration,
    headers: HeaderMap,
    user_agent: String,
    connect_timeout: Duration,
    ca_file: Option<PathBuf>,
    proxy: Option<Url>,
}

impl<P: Provider> Builder<P> {
    pub(super) fn new(endpoint: Endpoint, provider: P) -> Self {
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::ACCEPT, json);
        Self {
            endpoint,
            provider,
            secrets: Vec::new(),
            max_answer: MAX_ANSWER,
            call_timeout: CALL_TIMEOUT,
            headers,
            user_agent: concat!("tbengine/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: CONNECT_TIMEOUT,
            ca_file: None,
            proxy: None,
        }
    }

    /// Sends a key as `Authorization: Bearer …` with each request, and keeps it out of errors.
    #[must_use]
    pub fn bearer(self, key: &Secret) -> Self {
        self.secret(header::AUTHORIZATION, "Bearer ", key)
    }

    /// Sends a key in a header with each request, after a prefix, and keeps it out of errors.
    #[must_use]
    pub fn secret(mut self, name: HeaderName, prefix: &str, key: &Secret) -> Self {
        self.headers.insert(name, key.header(prefix));
        self.secrets.push(key.clone());
        self
    }

    /// Sends a header with each request.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Names the program to the service; `tbengine/` and a version unless it is set.
    #[must_use]
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// Trusts the authorities in a PEM file beside those of the system.
    #[must_use]
    pub fn ca_file(mut self, file: Option<PathBuf>) -> Self {
        self.ca_file = file;
        self
    }

    /// Sends requests through an HTTP proxy. Without it none is used, whatever the environment says.
    #[must_use]
    pub fn proxy(mut self, proxy: Option<Url>) -> Self {
        self.proxy = proxy;
        self
    }

    /// The largest answer that is read, in bytes; 64 MiB unless it is set.
    #[must_use]
    pub fn max_answer(mut self, bytes: usize) -> Self {
        self.max_answer = bytes;
        self
    }

    /// How long a connection may take; 10 s unless it is set.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How long one request may take as a whole, to the last byte of its answer; [`CALL_TIMEOUT`] unless it is set.
    #[must_use]
    pub fn call_timeout(mut self, limit: Duration) -> Self {
        self.call_timeout = limit;
        self
    }

    /// Makes the client. Nothing is sent.
    ///
    /// # Errors
    /// `Invalid` if the certificates cannot be read.
    pub fn build(mut self) -> Result<Client<P>> {
        let roots = match self.endpoint.is_plain() {
            true => Roots::Nobody,
            false => Roots::System(self.ca_file.as_deref()),
        };
        let mut tls = tls::configure(roots)?.with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut builder = reqwest::Client::builder()
            .user_agent(&self.user_agent)
            .default_headers(std::mem::take(&mut self.headers))
            .tls_backend_preconfigured(tls)
            .dns_resolver(Arc::new(self.endpoint.resolver()))
            // A server that could redirect us would get the key.
            .redirect(redirect::Policy::none())
            // Attempts are the engine's to count.
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .http1_only()
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(IDLE_TIMEOUT);
        let broken = |error: reqwest::Error| {
            Error::new(ErrorKind::Internal, error.without_url().to_string())
        };
        if let Some(proxy) = self.proxy.take() {
            builder = builder.proxy(reqwest::Proxy::all(proxy).map_err(broken)?);
        }
        Ok(Client {
            http: builder.build().map_err(broken)?,
            parts: self,
            pacer: Pacer::default(),
            denied: OnceLock::new(),
            is_known: false.into(),
            clock: 0.into(),
        })
    }
}
