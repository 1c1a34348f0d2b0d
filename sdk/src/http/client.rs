//! One request: pace, key, limits, refusal.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use ::http::{HeaderMap, Method, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answer::Answer;
use super::builder::Builder;
use super::call::Call;
use super::endpoint::Endpoint;
use super::failure::{bounded, cause, too_large};
use super::json::{self, JsonError};
use super::pacer::Pacer;
use super::provider::Provider;
use super::refusal::Refusal;
use super::resolver::{ForbiddenAddress, LookupError};
use super::tls::rustls;
use super::wait::{Wait, answered};
use crate::error::{Error, ErrorKind, NOBODY_LISTENS, Result};
use crate::time::Timestamp;

/// What services call the number of a request, by which their support finds it.
const REQUEST_IDS: [&str; 4] = ["x-request-id", "request-id", "x-amzn-requestid", "cf-ray"];
/// A longer one is not one, in bytes.
const MAX_REQUEST_ID: usize = 64;

/// One service at one address, with one key.
pub struct Client<P> {
    pub(super) http: reqwest::Client,
    pub(super) parts: Builder<P>,
    pub(super) pacer: Pacer,
    /// The first refusal of the key, if nothing is sent any more after it.
    pub(super) denied: OnceLock<Error>,
    /// Whether the service has answered as such. From then on a foreign answer is a gateway's hiccup, and no sign
    /// that the address is wrong.
    pub(super) is_known: AtomicBool,
    /// The service's clock when it last answered, in milliseconds; 0 if it has not said.
    pub(super) clock: AtomicI64,
}

impl<P: Provider> fmt::Debug for Client<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (provider, address) = (self.name(), self.shown());
        write!(f, "Client({provider} at {address})")
    }
}

impl<P: Provider> Client<P> {
    /// Begins a client of a service at an address.
    pub fn builder(endpoint: Endpoint, provider: P) -> Builder<P> {
        Builder::new(endpoint, provider)
    }

    /// What it was made with.
    pub fn provider(&self) -> &P {
        &self.parts.provider
    }

    /// The service's address, for people.
    pub fn shown(&self) -> &str {
        self.parts.endpoint.shown()
    }

    /// The service's clock when it last answered, to the second, if it says.
    pub fn clock(&self) -> Option<Timestamp> {
        match self.clock.load(Ordering::Relaxed) {
            0 => None,
            ms => Some(Timestamp::from_unix_ms(ms)),
        }
    }

    /// Whether an error is the answer to a request with this status.
    pub fn has_status(&self, error: &Error, status: u16) -> bool {
        error.code.as_deref() == Some(&Refusal::code(self.name(), status))
    }

    /// Reads JSON. The parts of the path are escaped, so none can leave its place.
    ///
    /// # Errors
    /// What [`Client::send`] answers, `Internal` if the answer does not fit, and `Invalid` if it is not JSON.
    pub async fn read<T: DeserializeOwned>(
        &self,
        call: Call,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T> {
        let answer = self.send(call, Method::GET, path, query).await?;
        self.decode(&answer)
    }

    /// Reads the JSON of an answer.
    ///
    /// # Errors
    /// `Internal` if it does not fit, `Invalid` if it is not JSON, `Transient` if it ends early.
    pub fn decode<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T> {
        match json::decode(&answer.body) {
            Ok(value) => {
                self.is_known.store(true, Ordering::Relaxed);
                Ok(value)
            }
            Err(error) => Err(self.unreadable(error)),
        }
    }

    /// The error for JSON in an unknown form, where that shows only later.
    pub fn unexpected(&self) -> Error {
        let text = format!("unexpected response format from {}", self.shown());
        Error::new(ErrorKind::Internal, text)
    }

    /// Sends a request, and answers a success.
    ///
    /// # Errors
    /// What the provider's table says of a refusal; `Unavailable` if the connection broke, `Transient` if the answer
    /// took too long, `Invalid` if what answers is not the service, `Internal` if the answer is too large, and
    /// `RateLimited` if its turn is too far away to wait for it here.
    pub async fn send(
        &self,
        call: Call,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Answer> {
        self.send_with(call, method, path, query, None).await
    }

    /// Sends a request with a document in JSON, and answers a success.
    ///
    /// # Errors
    /// What [`Client::send`] answers, and `Internal` if the document cannot be written.
    pub async fn send_json(
        &self,
        call: Call,
        method: Method,
        path: &[&str],
        document: &impl Serialize,
    ) -> Result<Answer> {
        let document = serde_json::to_vec(document)
            .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
        self.send_with(call, method, path, &[], Some(document))
            .await
    }

    async fn send_with(
        &self,
        call: Call,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        document: Option<Vec<u8>>,
    ) -> Result<Answer> {
        self.check_key()?;
        let traffic = self.provider().traffic(call);
        let permit = self.pacer.turn(traffic).await.map_err(|wait| {
            let text = format!("rate limited by {}", self.name());
            Error::new(ErrorKind::RateLimited, text).with_retry_after(wait)
        })?;
        // The key may have been refused during the wait.
        self.check_key()?;
        tracing::debug!(%method, path = path.join("/"), "asking {}", self.name());
        bounded(self.parts.call_timeout, call.changes(), async {
            let url = self.parts.endpoint.url(path, query);
            let mut request = self.http.request(method, url);
            if let Some(document) = document {
                let json = "application/json";
                request = request.header(header::CONTENT_TYPE, json).body(document);
            }
            let sent = request.send().await;
            let response = sent.map_err(|error| self.broken(&error.without_url()))?;
            let (status, headers) = (response.status(), response.headers().clone());
            if let Some(clock) = answered(&headers) {
                self.clock.store(clock.as_millisecond(), Ordering::Relaxed);
            }
            let wait = (status == StatusCode::TOO_MANY_REQUESTS).then(|| Wait::of(&headers));
            permit.learn(&headers, wait, |throttler| {
                self.provider().counts(throttler)
            });
            let body = self.body(response).await;
            match status.is_success() {
                true => self.accepted(status, headers, body?),
                // A refusal whose text is cut off is a refusal all the same.
                false => Err(self.refused(call, status, &headers, &body.unwrap_or_default())),
            }
        })
        .await
    }

    fn name(&self) -> &'static str {
        self.provider().name()
    }

    fn accepted(&self, status: StatusCode, headers: HeaderMap, body: Vec<u8>) -> Result<Answer> {
        match self.provider().masked_status(&body) {
            // What it was about may have happened.
            Some(masked) => Err(Error::new(
                ErrorKind::Transient,
                format!(
                    "{} reported success with an error {masked} in the body",
                    self.name()
                ),
            )),
            None => Ok(Answer {
                status,
                headers,
                body,
            }),
        }
    }

    fn refused(&self, call: Call, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        let refusal = Refusal {
            status,
            message: self.provider().message(status, body),
            retry_after: Wait::of(headers).longest(),
        };
        let meaning = self.provider().classify(&refusal, call);
        let redact = |text: &str| self.redact(text);
        let mut error = refusal.into_error(self.name(), self.shown(), meaning, redact);
        if let Some(id) = request_id(headers) {
            tracing::debug!(request = id, %status, "{} refused", self.name());
            // Where the service is at fault, its support will ask for it.
            if status.is_server_error() {
                error.message = format!("{} (request {})", error.message, self.redact(id));
            }
        }
        if status == StatusCode::UNAUTHORIZED && self.provider().stops_when_denied() {
            return self.denied.get_or_init(|| error).clone();
        }
        match refusal.message {
            None if !status.is_redirection() && status != StatusCode::UNAUTHORIZED => {
                self.downgrade_if_known(error)
            }
            _ => error,
        }
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

    /// Fails if the key was refused before.
    fn check_key(&self) -> Result<()> {
        match self.denied.get() {
            Some(denied) => Err(denied.clone()),
            None => Ok(()),
        }
    }

    fn redact(&self, text: &str) -> String {
        let secrets = self.parts.secrets.iter();
        secrets.fold(text.to_owned(), |text, secret| secret.redact(&text))
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<Vec<u8>> {
        let max = self.parts.max_answer;
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > max => {
                    return Err(too_large(max, self.shown()));
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(body),
                Err(error) => return Err(self.broken(&error.without_url())),
            }
        }
    }

    fn unreadable(&self, error: JsonError) -> Error {
        let hint = self.provider().address_hint();
        self.downgrade_if_known(error.into_error(self.name(), self.shown(), hint))
    }

    /// The table of broken connections.
    fn broken(&self, error: &(dyn StdError + 'static)) -> Error {
        let (shown, hint) = (self.shown(), self.provider().address_hint());
        let unavailable =
            |what: &str| Error::new(ErrorKind::Unavailable, format!("{shown} {what}"));
        if let Some(forbidden) = cause::<ForbiddenAddress>(error) {
            return Error::new(ErrorKind::Invalid, forbidden.to_string()).with_hint(hint);
        }
        if let Some(unknown) = cause::<LookupError>(error) {
            return unavailable(&format!("cannot be looked up: {unknown}")).with_hint(hint);
        }
        if let Some(tls) = cause::<rustls::Error>(error) {
            use rustls::CertificateError::{BadSignature, UnknownIssuer};
            let message = match tls {
                // A bad signature is that of an authority with the name of a trusted one and another key.
                rustls::Error::InvalidCertificate(UnknownIssuer | BadSignature) => {
                    format!("the certificate of {shown} is signed by an untrusted authority")
                }
                other => format!("tls with {shown} failed: {other}"),
            };
            return Error::new(ErrorKind::Invalid, message).with_hint(self.provider().tls_hint());
        }
        let request = cause::<reqwest::Error>(error);
        if request.is_some_and(|error| error.is_timeout() && error.is_connect()) {
            return unavailable("did not accept the connection in time");
        }
        match cause::<io::Error>(error).map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => unavailable("refused the connection")
                .with_code(NOBODY_LISTENS)
                .with_hint(hint),
            _ if request.is_some_and(reqwest::Error::is_connect) => {
                unavailable("cannot be reached").with_hint(hint)
            }
            _ => unavailable("closed the connection before the answer was complete"),
        }
    }
}

/// The number of a request, if it is one that can be shown.
fn request_id(headers: &HeaderMap) -> Option<&str> {
    let mut names = REQUEST_IDS.iter();
    let id = names.find_map(|name| headers.get(*name))?.to_str().ok()?;
    let is_plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic());
    (is_plain && id.len() <= MAX_REQUEST_ID).then_some(id)
}
