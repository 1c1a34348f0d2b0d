//! One request: pace, credential, size limit, refusal.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use reqwest::redirect;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tbengine_sdk::{Error, ErrorKind, Kind, Result, Timestamp};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use crate::config::Settings;
use crate::credential::Credential;
use crate::endpoint::Endpoint;
use crate::error::invalid;
use crate::failure;
use crate::headers;
use crate::pacer::{Pacer, Traffic};
use crate::refusal::{self, Call, Refusal};

/// A page of 200 sandboxes with the largest labels is far below this.
const MAX_ANSWER: usize = 64 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Below the time after which gateways close idle connections, usually a minute.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);
const SOURCE: HeaderName = HeaderName::from_static("x-daytona-source");
const ORGANIZATION: HeaderName = HeaderName::from_static("x-daytona-organization-id");

/// The service at one endpoint, with one credential.
pub(crate) struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
    credential: Credential,
    pacer: Pacer,
    /// The first refusal of the credential. Nothing is sent any more after it: a handful of refusals
    /// blocks the whole address, for good keys too.
    refused: OnceLock<Error>,
    /// Whether the service has answered as such. From then on a foreign answer is a gateway's hiccup,
    /// and no sign that the address is wrong.
    is_known: AtomicBool,
    /// The service's clock when it last answered, in milliseconds; 0 if it has not said.
    clock: AtomicI64,
}

impl Client {
    pub(crate) fn new(settings: &Settings, credential: Credential) -> Result<Self> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, credential.header());
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(SOURCE, HeaderValue::from_static("tbengine"));
        if let Some(organization) = &credential.organization {
            headers.insert(ORGANIZATION, organization.clone());
        }
        let internal = |error: String| Error::new(ErrorKind::Internal, error);
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("tbengine/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .tls_backend_preconfigured(tls(settings.ca_file.as_deref())?)
            .dns_resolver(Arc::new(settings.endpoint.resolver()))
            // Whoever could redirect us would get the credential.
            .redirect(redirect::Policy::none())
            // Attempts are the engine's to count.
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_CONNECTION);
        if let Some(proxy) = &settings.proxy {
            let proxy = reqwest::Proxy::all(proxy.clone())
                .map_err(|error| internal(error.without_url().to_string()))?;
            builder = builder.proxy(proxy);
        }
        let http = builder
            .build()
            .map_err(|error| internal(error.without_url().to_string()))?;
        Ok(Self {
            http,
            endpoint: settings.endpoint.clone(),
            credential,
            pacer: Pacer::default(),
            refused: OnceLock::new(),
            is_known: AtomicBool::new(false),
            clock: AtomicI64::new(0),
        })
    }

    pub(crate) fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The service's address, for people.
    pub(crate) fn shown(&self) -> &str {
        self.endpoint.shown()
    }

    /// The service's clock when it last answered, to the second, if it says.
    pub(crate) fn clock(&self) -> Option<Timestamp> {
        match self.clock.load(Ordering::Relaxed) {
            0 => None,
            ms => Some(Timestamp::from_unix_ms(ms)),
        }
    }

    /// Reads JSON.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        call: Call,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T> {
        let body = self.send(call, Method::GET, path, query).await?;
        match serde_json::from_slice(&body) {
            Ok(answer) => {
                self.is_known.store(true, Ordering::Relaxed);
                Ok(answer)
            }
            Err(error) => Err(self.downgrade_if_known(failure::unreadable(&error, self.shown()))),
        }
    }

    /// Sends a request and answers the body of a success.
    pub(crate) async fn send(
        &self,
        call: Call,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Vec<u8>> {
        self.send_with(call, method, path, query, None).await
    }

    /// Sends a request with a document.
    pub(crate) async fn put(&self, call: Call, path: &[&str], document: &Value) -> Result<Vec<u8>> {
        self.send_with(call, Method::PUT, path, &[], Some(document))
            .await
    }

    async fn send_with(
        &self,
        call: Call,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        document: Option<&Value>,
    ) -> Result<Vec<u8>> {
        let traffic = match call {
            Call::Stop | Call::Archive | Call::Delete(Kind::SANDBOX) => Traffic::Lifecycle,
            Call::Read(_) | Call::Relabel | Call::Delete(_) => Traffic::General,
        };
        self.check_credential()?;
        let permit = self.pacer.turn(traffic).await.map_err(|wait| {
            Error::new(ErrorKind::RateLimited, "rate limited by daytona").with_retry_after(wait)
        })?;
        // The credential may have been refused during the wait.
        self.check_credential()?;
        let broken = |error: reqwest::Error| failure::broken(&error.without_url(), self.shown());
        let url = self.endpoint.url(path, query);
        let mut request = self.http.request(method, url);
        if let Some(document) = document {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(document.to_string());
        }
        let response = request.send().await.map_err(broken)?;
        let status = response.status();
        permit.learn(
            response.headers(),
            status == http::StatusCode::TOO_MANY_REQUESTS,
        );
        let headers = response.headers().clone();
        if let Some(clock) = headers::clock(&headers) {
            self.clock.store(clock.as_unix_ms(), Ordering::Relaxed);
        }
        let body = self.body(response).await;
        if status.is_success() {
            let body = body?;
            return match refusal::embedded_status(&body) {
                Some(status) => Err(failure::masked_error(status)),
                None => Ok(body),
            };
        }
        // A refusal whose text is cut off is a refusal all the same.
        let refusal = Refusal::new(status, &headers, &body.unwrap_or_default());
        let error = failure::refused(&refusal, call, self.shown(), |text| {
            self.credential.redact(text)
        });
        if status == http::StatusCode::UNAUTHORIZED {
            return Err(self.refused.get_or_init(|| error).clone());
        }
        Err(match refusal.message {
            None if !status.is_redirection() => self.downgrade_if_known(error),
            _ => error,
        })
    }

    /// Takes a foreign answer for a passing fault, if the service is known to be there.
    fn downgrade_if_known(&self, error: Error) -> Error {
        match error.kind.is_critical() && self.is_known.load(Ordering::Relaxed) {
            true => Error {
                kind: ErrorKind::Transient,
                ..error
            },
            false => error,
        }
    }

    /// Fails if the credential was refused before.
    fn check_credential(&self) -> Result<()> {
        match self.refused.get() {
            Some(refused) => Err(refused.clone()),
            None => Ok(()),
        }
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > MAX_ANSWER => {
                    return Err(failure::too_large(MAX_ANSWER, self.shown()));
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(body),
                Err(error) => return Err(failure::broken(&error.without_url(), self.shown())),
            }
        }
    }
}

/// TLS with the certificates that the system trusts, and those in a file.
fn tls(file: Option<&Path>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = file {
        let wrong = |what: String| invalid(format!("`ca-file` {}: {what}", file.display()));
        let found = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
            .map_err(|error| wrong(error.to_string()))?;
        if roots.add_parsable_certificates(found).0 == 0 {
            return Err(wrong("it has no certificate".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
