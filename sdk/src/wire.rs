//! The documents that travel between tbengine and a plugin outside of it, whichever way they go: through
//! the C interface, or as lines on standard input and output. `protocol/v2.md` describes them for
//! authors in other languages; its examples are read by a test.

use std::collections::BTreeMap;
use std::pin::Pin;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::backend::{Backend, Capabilities, DeleteOptions, ListRequest, StopOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::identity::Identity;
use crate::powers::{AttachRequest, FindRequest, ObserveRequest, WatchRequest};
use crate::registration::OpenRequest;
use crate::resource::Resource;
use crate::time::Timestamp;

mod documents;
mod lines;
mod listing;
#[cfg(feature = "schema")]
pub mod schema;
#[cfg(feature = "schema")]
mod texts;

pub use documents::{Acts, Detach, Disks, Empty, Found, NewLabels, Rights, Samples, Targets};
pub use lines::{AnswerLine, CallLine, Hello, HostLine, RawAnswer};
pub use listing::{read_page, write_page};

/// The version of the protocol that this crate implements.
pub const PROTOCOL: u32 = 2;

/// The largest body of an answer, in bytes. What is larger is refused, since a listing has pages.
pub const MAX_BODY: usize = 64 << 20;

/// What a plugin says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Descriptor {
    /// The plugin's name, for people.
    pub name: String,
    /// The plugin's own version, for people.
    pub version: String,
    /// The version of the protocol that it implements; see [`PROTOCOL`].
    pub protocol: u32,
    /// What it was built with, for people, like `tbengine-sdk 0.1.0`.
    #[serde(default)]
    pub sdk: String,
    /// The kinds of backend that it brings.
    pub kinds: Vec<KindDescriptor>,
}

/// One kind of backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct KindDescriptor {
    /// The kind, as `kind = "…"` in the configuration names it.
    pub kind: String,
    /// One line on what it reaches.
    #[serde(default)]
    pub about: String,
    /// Whether it answers the methods of a fixture, so that the whole conformance kit can be run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fixture: bool,
}

/// What a backend is opened with; [`OpenRequest`] as it travels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Open {
    /// Which of the plugin's kinds.
    pub kind: String,
    /// The configured name; goes into every [`Identity`].
    pub name: String,
    /// The backend's own table of the configuration, without `kind`.
    #[serde(default)]
    pub config: serde_json::Value,
    /// The variables of the environment that the configuration passes to the plugin.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The time at which it is opened.
    pub now: Timestamp,
    /// Whether the conformance kit opens it and will call the methods of a fixture.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fixture: bool,
}

impl Open {
    /// The request for a backend of this kind.
    pub fn new(kind: &str, request: &OpenRequest) -> Self {
        Self {
            kind: kind.to_owned(),
            name: request.name.to_string(),
            config: request.config.clone(),
            environment: (*request.environment).clone(),
            now: request.now,
            fixture: false,
        }
    }

    /// What the plugin's own code is opened with.
    pub fn into_request(self) -> OpenRequest {
        OpenRequest {
            name: self.name.into(),
            config: self.config,
            environment: self.environment.into(),
            now: self.now,
        }
    }
}

/// What was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Opened {
    /// What this backend can do, with its configuration.
    pub capabilities: Capabilities,
}

/// An answer that is an error. The status beside it says the kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Failure {
    /// What happened, for people.
    pub message: String,
    /// The provider's own code, like `docker:409`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// How long the provider asked to wait, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// What the operator can do about it, as one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The longest message that is kept of a plugin's error, in characters.
const MAX_MESSAGE: usize = 4000;

impl Failure {
    /// Reads the body of an error. A body that is not such a document is taken as the message itself.
    pub fn read(kind: ErrorKind, body: &[u8]) -> Error {
        let failure: Failure = serde_json::from_slice(body).unwrap_or_else(|_| Failure {
            message: String::from_utf8_lossy(body).into_owned(),
            ..Failure::default()
        });
        let mut error = Error::new(
            kind,
            failure
                .message
                .chars()
                .take(MAX_MESSAGE)
                .collect::<String>(),
        );
        if error.message.is_empty() {
            error.message = format!("the plugin answered `{kind}` without a message");
        }
        error.code = failure.code;
        error.retry_after = failure.retry_after_ms.map(std::time::Duration::from_millis);
        error.hint = failure.hint;
        error
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self {
            message: error.message.clone(),
            code: error.code.clone(),
            retry_after_ms: error
                .retry_after
                .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            hint: error.hint.clone(),
        }
    }
}

/// A resource to act on, and how: the request of `get`, `stop`, `delete`, `archive` and `relabel`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Aim_{O}"))]
#[serde(rename_all = "kebab-case")]
pub struct Aim<O> {
    /// The resource.
    pub target: Identity,
    /// How; empty for `get` and `archive`.
    #[serde(flatten)]
    pub options: O,
}

/// The options of a method that has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NoOptions {}

/// The answer of `get`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Read {
    /// What is there under the id now, or `None`. The key must be there: an answer without it is a mistake of
    /// the plugin, and must not prove that the resource is gone.
    #[serde(deserialize_with = "present")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "schema::nullable::<Resource>")
    )]
    pub resource: Option<Resource>,
}

/// Reads what may be null and may not be missing.
fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// A request of a backend: one variant for each method of [`Backend`] that reaches the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// `check`
    Check,
    /// `list`
    List(ListRequest),
    /// `get`
    Get(Aim<NoOptions>),
    /// `stop`
    Stop(Aim<StopOptions>),
    /// `delete`
    Delete(Aim<DeleteOptions>),
    /// `archive`
    Archive(Aim<NoOptions>),
    /// `rights`
    Rights(Acts),
    /// `disks`
    Disks,
    /// `watch`
    Watch(WatchRequest),
    /// `sample`
    Sample(Targets),
    /// `find`
    Find(FindRequest),
    /// `relabel`
    Relabel(Aim<NewLabels>),
    /// `attach`
    Attach(AttachRequest),
    /// `observed`
    Observed(ObserveRequest),
    /// `detach`
    Detach(Detach),
}

impl Request {
    /// The name of the method, as it travels.
    pub const fn method(&self) -> &'static str {
        match self {
            Request::Check => "check",
            Request::List(_) => "list",
            Request::Get(_) => "get",
            Request::Stop(_) => "stop",
            Request::Delete(_) => "delete",
            Request::Archive(_) => "archive",
            Request::Rights(_) => "rights",
            Request::Disks => "disks",
            Request::Watch(_) => "watch",
            Request::Sample(_) => "sample",
            Request::Find(_) => "find",
            Request::Relabel(_) => "relabel",
            Request::Attach(_) => "attach",
            Request::Observed(_) => "observed",
            Request::Detach(_) => "detach",
        }
    }

    /// The document of the request.
    pub fn body(&self) -> Vec<u8> {
        match self {
            Request::Check | Request::Disks => b"{}".to_vec(),
            Request::List(request) => encode(request),
            Request::Get(aim) | Request::Archive(aim) => encode(aim),
            Request::Stop(aim) => encode(aim),
            Request::Delete(aim) => encode(aim),
            Request::Rights(acts) => encode(acts),
            Request::Watch(request) => encode(request),
            Request::Sample(targets) => encode(targets),
            Request::Find(request) => encode(request),
            Request::Relabel(aim) => encode(aim),
            Request::Attach(request) => encode(request),
            Request::Observed(request) => encode(request),
            Request::Detach(request) => encode(request),
        }
    }

    /// Reads a request.
    ///
    /// # Errors
    /// `Unsupported` if the method is not known, `Invalid` if the document does not fit it.
    pub fn read(method: &[u8], body: &[u8]) -> Result<Self> {
        Ok(match method {
            b"check" => {
                decode_empty("check", body)?;
                Request::Check
            }
            b"list" => Request::List(decode("list", body)?),
            b"get" => Request::Get(decode("get", body)?),
            b"stop" => Request::Stop(decode("stop", body)?),
            b"delete" => Request::Delete(decode("delete", body)?),
            b"archive" => Request::Archive(decode("archive", body)?),
            b"rights" => Request::Rights(decode("rights", body)?),
            b"disks" => {
                decode_empty("disks", body)?;
                Request::Disks
            }
            b"watch" => Request::Watch(decode("watch", body)?),
            b"sample" => Request::Sample(decode("sample", body)?),
            b"find" => Request::Find(decode("find", body)?),
            b"relabel" => Request::Relabel(decode("relabel", body)?),
            b"attach" => Request::Attach(decode("attach", body)?),
            b"observed" => Request::Observed(decode("observed", body)?),
            b"detach" => Request::Detach(decode("detach", body)?),
            unknown => return Err(unknown_method(unknown)),
        })
    }

    /// Lets a backend answer, and gives the document of the answer.
    ///
    /// # Errors
    /// What the backend answers.
    pub async fn run(self, backend: &dyn Backend) -> Result<Vec<u8>> {
        Ok(match self {
            Request::Check => encode(&backend.check().await?),
            Request::List(request) => write_page(&backend.list(request).await?),
            Request::Get(aim) => encode(&Read {
                resource: backend.get(&aim.target).await?,
            }),
            Request::Stop(aim) => encode(&backend.stop(&aim.target, aim.options).await?),
            Request::Delete(aim) => encode(&backend.delete(&aim.target, aim.options).await?),
            Request::Archive(aim) => encode(&backend.archive(&aim.target).await?),
            Request::Rights(Acts { acts }) => encode(&Rights {
                rights: backend.rights(acts).await?,
            }),
            Request::Disks => encode(&Disks {
                disks: backend.disks().await?,
            }),
            Request::Watch(request) => encode(&backend.watch(request).await?),
            Request::Sample(Targets { targets }) => encode(&Samples {
                samples: backend.sample(targets).await?,
            }),
            Request::Find(request) => encode(&Found {
                resources: backend.find(request).await?,
            }),
            Request::Relabel(aim) => {
                backend.relabel(&aim.target, aim.options.labels).await?;
                encode(&Empty {})
            }
            Request::Attach(request) => encode(&backend.attach(request).await?),
            Request::Observed(request) => encode(&backend.observed(request).await?),
            Request::Detach(Detach { attachment }) => {
                backend.detach(&attachment).await?;
                encode(&Empty {})
            }
        })
    }
}

/// The error for a method that is not known.
pub fn unknown_method(method: &[u8]) -> Error {
    let method: String = String::from_utf8_lossy(method).chars().take(40).collect();
    Error::new(
        ErrorKind::Unsupported,
        format!("there is no method `{method}`"),
    )
}

/// The answer in the making.
pub type Work = Pin<Box<dyn Future<Output = Result<Vec<u8>>> + Send>>;

/// Writes a document.
pub fn encode<T: Serialize>(document: &T) -> Vec<u8> {
    // Every document here is a struct with text keys, so nothing can fail.
    serde_json::to_vec(document).unwrap_or_default()
}

/// Reads the document of a request that says nothing.
fn decode_empty(method: &str, body: &[u8]) -> Result<()> {
    decode::<serde_json::Map<String, serde_json::Value>>(method, body).map(drop)
}

/// Reads the document of a request.
///
/// # Errors
/// `Invalid` if it does not fit.
pub fn decode<T: DeserializeOwned>(method: &str, body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| {
        Error::new(
            ErrorKind::Invalid,
            format!("the request of `{method}` does not fit: {error}"),
        )
    })
}
