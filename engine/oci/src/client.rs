//! The protocol of one registry: requests to one of its repositories, what it wants to see before it answers,
//! what is read and written there, and what a refusal means.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use reqwest::{Method, Response, StatusCode, Url, redirect};
use serde::Deserialize;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use crate::challenge::Challenge;
use crate::error::{Doing, Error};
use crate::failure;
use crate::keychain::{Credentials, Keychain};
use crate::manifest::{MANIFEST, Written};
use crate::reference::{Digest, Reference};

/// A manifest of a policy has less than a thousandth of this; in bytes. Tokens are no larger.
pub(crate) const MAX_MANIFEST: usize = 1 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Registries send readers to where their blobs lie, which is one step.
const MAX_REDIRECTS: usize = 5;

/// An index is asked for as well, so that it can be distinguished from a missing one.
const ACCEPTED: &str =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";
const BINARY: &str = "application/octet-stream";
/// The tag of a reference without one.
const LATEST: &str = "latest";
/// What a registry made of what it was sent.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// One repository of a registry.
pub(crate) struct Client {
    http: reqwest::Client,
    reference: Reference,
    /// Everything that is asked for lies below.
    base: Url,
    doing: Doing,
    keychain: Keychain,
    /// What the registry wanted to see.
    authorization: Option<HeaderValue>,
    /// Where the credentials behind that come from.
    source: Option<String>,
}

/// What gives tokens answers one of these.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Client {
    /// Prepares to speak with a registry, without TLS if `plain`. Nothing is sent.
    pub(crate) fn new(
        reference: &Reference,
        doing: Doing,
        plain: bool,
        keychain: Keychain,
    ) -> Result<Self, Error> {
        let start = |why: String| Error::Start {
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
                match is_safe && attempt.previous().len() <= MAX_REDIRECTS {
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

    /// Reads the manifest behind the reference: by its digest, if it has one.
    pub(crate) async fn manifest(&mut self) -> Result<(Vec<u8>, Digest), Error> {
        let name = match &self.reference.digest {
            Some(digest) => digest.to_string(),
            None => self.tag().to_owned(),
        };
        let url = self.url(&format!("manifests/{name}"))?;
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(ACCEPTED))]);
        let response = self.send(Method::GET, url, headers, None).await?;
        let bytes = self.success(response, "a manifest", MAX_MANIFEST).await?;
        let found = Digest::of(&bytes);
        if let Some(expected) = self.reference.digest.clone() {
            self.compare("a manifest", expected, &found)?;
        }
        Ok((bytes, found))
    }

    /// Reads the policy with this digest, which has at most `largest` bytes.
    pub(crate) async fn policy(
        &mut self,
        digest: &Digest,
        largest: usize,
    ) -> Result<Vec<u8>, Error> {
        let url = self.url(&format!("blobs/{digest}"))?;
        let response = self.send(Method::GET, url, HeaderMap::new(), None).await?;
        let bytes = self.success(response, "a policy", largest).await?;
        self.compare("a policy", digest.clone(), &Digest::of(&bytes))?;
        Ok(bytes)
    }

    /// Writes a policy and what describes it; the tag comes last, so that it never names a part.
    pub(crate) async fn push(&mut self, wasm: Bytes, written: Written) -> Result<Digest, Error> {
        self.upload(wasm).await?;
        self.upload(written.config.into()).await?;
        let digest = Digest::of(&written.manifest);
        let url = self.url(&format!("manifests/{}", self.tag()))?;
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(MANIFEST))]);
        let response = self
            .send(Method::PUT, url, headers, Some(written.manifest.into()))
            .await?;
        if !response.status().is_success() {
            return Err(self.refusal(&response));
        }
        // Who rewrites what it is sent has another digest for it than the one that is printed.
        let kept = response.headers().get(CONTENT_DIGEST);
        match kept.and_then(|kept| kept.to_str().ok()?.parse::<Digest>().ok()) {
            Some(kept) if kept != digest => Err(Error::Rewritten {
                host: self.host().to_owned(),
                sent: digest,
                kept,
            }),
            _ => Ok(digest),
        }
    }

    /// Sends bytes, unless they are there.
    async fn upload(&mut self, bytes: Bytes) -> Result<(), Error> {
        let digest = Digest::of(&bytes);
        let url = self.url(&format!("blobs/{digest}"))?;
        let there = self.send(Method::HEAD, url, HeaderMap::new(), None).await?;
        match there.status() {
            StatusCode::OK => return Ok(()),
            StatusCode::NOT_FOUND => {}
            _ => return Err(self.refusal(&there)),
        }
        let url = self.url("blobs/uploads/")?;
        let begun = self
            .send(Method::POST, url, HeaderMap::new(), Some(Bytes::new()))
            .await?;
        if begun.status() != StatusCode::ACCEPTED {
            return Err(self.refusal(&begun));
        }
        let url = self.place(&begun, &digest)?;
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(BINARY))]);
        let ended = self.send(Method::PUT, url, headers, Some(bytes)).await?;
        match ended.status().is_success() {
            true => Ok(()),
            false => Err(self.refusal(&ended)),
        }
    }

    /// Where the registry wants to have an upload.
    fn place(&self, begun: &Response, digest: &Digest) -> Result<Url, Error> {
        let mut url = begun
            .headers()
            .get(LOCATION)
            .and_then(|location| begun.url().join(location.to_str().ok()?).ok())
            .ok_or_else(|| Error::Unexpected {
                host: self.host().to_owned(),
                what: "without an upload location".to_owned(),
            })?;
        if !self.is_safe(&url) {
            return Err(Error::Redirect {
                host: self.host().to_owned(),
                what: "the upload to an unencrypted address",
            });
        }
        url.query_pairs_mut()
            .append_pair("digest", &digest.to_string());
        Ok(url)
    }

    async fn success(
        &self,
        response: Response,
        what: &'static str,
        limit: usize,
    ) -> Result<Vec<u8>, Error> {
        match response.status() {
            StatusCode::OK => self.read(response, what, limit).await,
            _ => Err(self.refusal(&response)),
        }
    }

    fn compare(&self, what: &'static str, expected: Digest, found: &Digest) -> Result<(), Error> {
        match expected == *found {
            true => Ok(()),
            false => Err(Error::WrongDigest {
                host: self.host().to_owned(),
                what,
                expected,
                found: found.clone(),
            }),
        }
    }

    fn tag(&self) -> &str {
        self.reference.tag.as_deref().unwrap_or(LATEST)
    }

    /// A URL of the repository.
    fn url(&self, path: &str) -> Result<Url, Error> {
        self.base.join(path).map_err(|error| Error::Start {
            what: "address the registry",
            why: error.to_string(),
        })
    }

    /// Sends a request, and once more with what the registry wants to see.
    async fn send(
        &mut self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Option<Bytes>,
    ) -> Result<Response, Error> {
        let response = self.send_once(&method, &url, &headers, &body).await?;
        // The server that we were redirected to gets nothing, and so has nothing to demand.
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
    ) -> Result<Response, Error> {
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

    async fn answered(&self, request: reqwest::RequestBuilder) -> Result<Response, Error> {
        let sent = request.send().await;
        sent.map_err(|error| failure::broken(&error, self.host()))
    }

    /// Reads an answer to its end, or until it is larger than it can be.
    async fn read(
        &self,
        mut response: Response,
        what: &'static str,
        limit: usize,
    ) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await;
            match chunk.map_err(|error| failure::broken(&error, self.host()))? {
                None => return Ok(body),
                Some(chunk) if body.len() + chunk.len() > limit => {
                    return Err(Error::TooLarge {
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
    fn host(&self) -> &str {
        &self.reference.host
    }

    /// Whether a URL is the registry's own, and credentials for it may go there.
    fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// Whether something may go to a URL that the registry named.
    fn is_safe(&self, url: &Url) -> bool {
        may_go_to(url, self.base.scheme() == "http")
    }

    fn unexpected(&self, what: &str) -> Error {
        Error::Unexpected {
            host: self.host().to_owned(),
            what: what.to_owned(),
        }
    }

    /// Finds what the registry wants to see; false if that is not to be had.
    async fn authorize(&mut self, headers: &HeaderMap) -> Result<bool, Error> {
        let mut challenges = headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| Challenge::read(value.to_str().ok()?));
        let Some(challenge) = challenges.next() else {
            return Ok(false);
        };
        let credentials = self.keychain.find(&self.reference.host).await?;
        self.source = credentials.as_ref().map(|found| found.source.clone());
        let value = match (challenge, &credentials) {
            (Challenge::Basic, None) => return Ok(false),
            (Challenge::Basic, Some(credentials)) => basic(credentials),
            (Challenge::Bearer { realm, service }, credentials) => {
                let token = self.token(&realm, service, credentials.as_ref()).await?;
                format!("Bearer {token}")
            }
        };
        self.authorization = Some(self.secret(&value)?);
        Ok(true)
    }

    fn secret(&self, value: &str) -> Result<HeaderValue, Error> {
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            self.unexpected("a token with characters that are not allowed in a header")
        })?;
        value.set_sensitive(true);
        Ok(value)
    }

    async fn token(
        &self,
        realm: &str,
        service: Option<String>,
        credentials: Option<&Credentials>,
    ) -> Result<String, Error> {
        let mut url =
            Url::parse(realm).map_err(|_| self.unexpected("a token service that is not a URL"))?;
        if !self.is_safe(&url) {
            return Err(Error::Redirect {
                host: self.host().to_owned(),
                what: "the request for a token to an address that must not get credentials",
            });
        }
        let actions = match self.doing {
            Doing::Pull => "pull",
            Doing::Push => "pull,push",
        };
        let scope = format!("repository:{}:{actions}", self.reference.path());
        url.query_pairs_mut()
            .extend_pairs(service.map(|service| ("service", service)))
            .append_pair("scope", &scope);
        let mut request = self.http.get(url);
        if let Some(credentials) = credentials {
            request = request.header(AUTHORIZATION, self.secret(&basic(credentials))?);
        }
        let response = self.answered(request).await?;
        match response.status() {
            StatusCode::OK => {}
            // Some say so what they do not give to just anyone.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(self.unwelcome()),
            _ => return Err(self.refusal(&response)),
        }
        let body = self.read(response, "a token", MAX_MANIFEST).await?;
        serde_json::from_slice::<Token>(&body)
            .ok()
            .and_then(|answer| answer.token.or(answer.access_token))
            .ok_or_else(|| self.unexpected("an empty token"))
    }

    /// The registry wants to know who asks, or does not believe it.
    fn unwelcome(&self) -> Error {
        let host = self.host().to_owned();
        let repository = self.reference.repository.clone();
        match &self.source {
            None => Error::NoCredentials { host, repository },
            Some(source) => Error::RefusedCredentials {
                host,
                repository,
                source_name: source.clone(),
            },
        }
    }

    /// What an answer means that is not a success.
    fn refusal(&self, response: &Response) -> Error {
        let host = self.host().to_owned();
        let repository = self.reference.repository.clone();
        match (response.status(), self.doing) {
            (StatusCode::UNAUTHORIZED, _) => self.unwelcome(),
            (StatusCode::FORBIDDEN, doing) => Error::Forbidden {
                host,
                repository,
                doing,
            },
            (StatusCode::NOT_FOUND, Doing::Pull) => Error::Missing {
                reference: self.reference.to_string(),
            },
            (StatusCode::NOT_FOUND, Doing::Push) => Error::NoRepository { host, repository },
            (StatusCode::TOO_MANY_REQUESTS, _) => Error::Limited {
                host,
                after: retry_after(response.headers()),
            },
            (status, _) if status.is_server_error() => Error::Failed {
                host,
                status: status.as_u16(),
            },
            (status, _) => self.unexpected(&format!("status {}", status.as_u16())),
        }
    }
}

fn basic(credentials: &Credentials) -> String {
    let pair = format!("{}:{}", credentials.user, credentials.password);
    format!("Basic {}", STANDARD.encode(pair))
}

/// How long to wait, where that is given in seconds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .parse::<u32>()
        .ok()?;
    Some(Duration::from_secs(seconds.into()))
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
