//! Error kinds that decide what the engine does next.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What [`Backend`](crate::Backend) methods return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as it decides what happens next.
///
/// Each backend maps its provider's answers to a kind in one `match` table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The resource does not exist. The engine counts a deletion as done.
    NotFound,
    /// A passing fault of this one resource: 5xx, timeout, busy mount. The engine tries again.
    Transient,
    /// The same change is already under way. The engine polls and spends no attempt.
    InProgress,
    /// The resource is not in the state the request assumed. The engine never forces it.
    Conflict,
    /// Something else still uses the resource. The engine puts it behind what holds it.
    Dependency,
    /// The provider asks for fewer requests. The engine holds the whole backend back.
    RateLimited,
    /// The provider cannot be reached. The engine probes until it answers, and then re-reads the
    /// resource, because a lost reply says nothing about what happened.
    Unavailable,
    /// Credentials are missing or refused. The engine stops this backend.
    Denied,
    /// The request or the configuration is wrong. The engine stops this backend.
    Invalid,
    /// The credentials may not do this to this sort of resource, but may well do other things. The
    /// engine ends this step as denied and continues with the others.
    Forbidden,
    /// The provider cannot do this to this resource, ever.
    Unsupported,
    /// The provider accepted the request and will not complete it, or cannot now, and asking again does
    /// not help. The engine reports the resource as stuck.
    Stuck,
    /// A fault in the backend's own code.
    Internal,
}

impl ErrorKind {
    /// Whether the kind concerns the whole backend and no resource pays an attempt for it.
    pub const fn gates_backend(self) -> bool {
        matches!(self, ErrorKind::RateLimited | ErrorKind::Unavailable)
    }

    /// Whether it makes no sense to send this backend anything more.
    pub const fn is_critical(self) -> bool {
        matches!(self, ErrorKind::Denied | ErrorKind::Invalid)
    }

    /// The word for it in JSON and text.
    pub const fn word(self) -> &'static str {
        match self {
            ErrorKind::NotFound => "not-found",
            ErrorKind::Transient => "transient",
            ErrorKind::InProgress => "in-progress",
            ErrorKind::Conflict => "conflict",
            ErrorKind::Dependency => "dependency",
            ErrorKind::RateLimited => "rate-limited",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::Denied => "denied",
            ErrorKind::Invalid => "invalid",
            ErrorKind::Forbidden => "forbidden",
            ErrorKind::Unsupported => "unsupported",
            ErrorKind::Stuck => "stuck",
            ErrorKind::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The [`Error::code`] of an `Unavailable` that is certain: nothing listens at the address. One such
/// answer is an outage, where a single lost connection may be chance.
pub const NOBODY_LISTENS: &str = "connect:refused";

/// The [`Error::code`] of a call that was given up because no answer came in time.
pub const NO_ANSWER: &str = "call:no-answer";

/// A failed call of a backend.
///
/// Messages are lowercase fragments that fit after "failed to …:", and never hold a secret.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[error("{message}")]
pub struct Error {
    /// What the engine does next.
    pub kind: ErrorKind,
    /// What happened, for people.
    pub message: String,
    /// The provider's own code, like `docker:409`, or [`NOBODY_LISTENS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// How long the provider asked to wait. It can only lengthen the engine's own delay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Duration>,
    /// What the operator can do about it, as one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Error {
    /// An error of a kind with its message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            code: None,
            retry_after: None,
            hint: None,
        }
    }

    /// Whether the connection was refused before anything was sent, so that every other call would fail
    /// as well.
    pub fn nobody_listens(&self) -> bool {
        self.code.as_deref() == Some(NOBODY_LISTENS)
    }

    /// Whether the provider has clearly refused the request, so that nothing was done: its own code ends in a status
    /// that says so, like `docker:409`. A timeout and a limit of requests say nothing about what was asked for.
    ///
    /// ```
    /// use tbengine_sdk::{Error, ErrorKind};
    ///
    /// let error = |code: &str| Error::new(ErrorKind::Transient, "busy").with_code(code);
    /// assert!(error("docker:409").is_refusal());
    /// assert!(!error("docker:500").is_refusal() && !error("docker:429").is_refusal());
    /// ```
    pub fn is_refusal(&self) -> bool {
        let code = self.code.as_deref().and_then(|code| code.rsplit_once(':'));
        let status = code.and_then(|(_, status)| status.parse::<u16>().ok());
        status.is_some_and(|status| (400..500).contains(&status) && !matches!(status, 408 | 429))
    }

    /// Adds the provider's own code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Adds how long the provider asked to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Adds what the operator can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
