//! The lines that travel between the host and a plugin that runs as a program.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// One line from the host to a plugin that runs as a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", untagged)]
pub enum HostLine {
    /// A request.
    Call(CallLine),
    /// Asks for an early end of a request that may already be answered. An answer is still owed.
    Cancel {
        /// The request's id.
        cancel: u64,
    },
}

/// A request to a plugin that runs as a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct CallLine {
    /// The number of this request. Never used twice.
    pub id: u64,
    /// The method: `hello` first, `open` second, then those of
    /// [`Request`](super::Request).
    pub method: String,
    /// How long the host waits for the answer, in milliseconds; 0 means that it does not say.
    #[serde(default)]
    pub deadline_ms: u64,
    /// The document of the request.
    pub request: serde_json::Value,
}

/// The answer of a plugin that runs as a program: one line for each request, in any order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct AnswerLine {
    /// The number of the request.
    pub id: u64,
    /// `ok`, `cancelled` or the word of an [`ErrorKind`](crate::ErrorKind).
    pub status: String,
    /// The document of the answer, or of the error.
    #[serde(default)]
    pub body: serde_json::Value,
}

/// An [`AnswerLine`] whose document is not looked into: a page is long, and is read elsewhere.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RawAnswer<'a> {
    /// The number of the request.
    pub id: u64,
    /// `ok`, `cancelled` or the word of an [`ErrorKind`](crate::ErrorKind).
    pub status: String,
    /// The document, or `None` if it is null or not there.
    #[serde(borrow, default)]
    pub body: Option<&'a RawValue>,
}

/// The request of `hello`, which a plugin that runs as a program answers with its [`Descriptor`](super::Descriptor).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Hello {
    /// The version of the protocol that the host supports.
    pub protocol: u32,
    /// The host, for people, like `tbengine 0.1.0`.
    pub host: String,
}
