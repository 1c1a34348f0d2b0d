//! What goes wrong with which call.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use tbengine_sdk::error::NOBODY_LISTENS;
use tbengine_sdk::{Error, ErrorKind};

use crate::external_change::ExternalChange;

/// A method of the backend that reaches the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// `check`
    Check,
    /// `list`
    List,
    /// `get`
    Get,
    /// `stop`
    Stop,
    /// `delete`
    Delete,
    /// `archive`
    Archive,
    /// `rights`
    Rights,
    /// `disks`
    Disks,
    /// `watch`
    Watch,
    /// `sample`
    Sample,
    /// `find`
    Find,
    /// `relabel`
    Relabel,
    /// `attach`
    Attach,
    /// `observed`
    Observed,
    /// `detach`
    Detach,
}

/// What happens to one call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answers this and does nothing.
    Answer(Error),
    /// Does nothing, and the connection breaks: the caller cannot know.
    RequestLost,
    /// Does what was asked, and the connection breaks: the caller cannot know.
    ReplyLost,
    /// Answers that someone else is removing the resource, who is done after this long.
    InProgressThenGone(Duration),
    /// Waits this long, and then goes on as if nothing were wrong.
    Hang(Duration),
    /// Never answers, and deletes what was to be deleted after this long.
    LateEffect(Duration),
    /// Confirms what was asked, and does nothing.
    ConfirmedWithoutEffect,
    /// Panics, as a backend with a bug does.
    Panic,
    /// Someone else does this just before the call takes effect.
    Meanwhile(ExternalChange),
}

impl Fault {
    /// The words for all of them.
    pub const WORDS: [&'static str; 9] = [
        "answer",
        "request-lost",
        "reply-lost",
        "in-progress-then-gone",
        "hang",
        "late-effect",
        "confirmed-without-effect",
        "panic",
        "meanwhile",
    ];

    /// The word for it.
    pub fn word(&self) -> &'static str {
        let number = match self {
            Fault::Answer(_) => 0,
            Fault::RequestLost => 1,
            Fault::ReplyLost => 2,
            Fault::InProgressThenGone(_) => 3,
            Fault::Hang(_) => 4,
            Fault::LateEffect(_) => 5,
            Fault::ConfirmedWithoutEffect => 6,
            Fault::Panic => 7,
            Fault::Meanwhile(_) => 8,
        };
        Self::WORDS[number]
    }

    /// A passing fault, like a busy mount.
    pub fn transient() -> Self {
        Self::answer(
            ErrorKind::Transient,
            "device or resource busy",
            "memory:500",
        )
    }

    /// Too many requests; to be repeated after this long.
    pub fn rate_limited(retry_after: Duration) -> Self {
        Self::Answer(rate_limited().with_retry_after(retry_after))
    }

    /// Too many requests, and no word on how long to wait.
    pub fn rate_limited_for_unknown_time() -> Self {
        Self::Answer(rate_limited())
    }

    /// The provider does not answer.
    pub fn unavailable() -> Self {
        Self::Answer(unavailable())
    }

    /// The resource changed.
    pub fn conflict() -> Self {
        Self::answer(ErrorKind::Conflict, "the resource is running", "memory:409")
    }

    /// Something else uses the resource.
    pub fn dependency() -> Self {
        Self::answer(
            ErrorKind::Dependency,
            "the resource is in use",
            "memory:409",
        )
    }

    /// The key may not do this.
    pub fn denied() -> Self {
        Self::answer(ErrorKind::Denied, "the key may not do this", "memory:403")
    }

    fn answer(kind: ErrorKind, message: &str, code: &str) -> Self {
        Self::Answer(Error::new(kind, message).with_code(code))
    }
}

pub(crate) fn rate_limited() -> Error {
    Error::new(ErrorKind::RateLimited, "too many requests").with_code("memory:429")
}

fn unavailable() -> Error {
    Error::new(ErrorKind::Unavailable, "the service is unavailable").with_code("memory:503")
}

pub(crate) fn nobody_listens() -> Error {
    Error::new(ErrorKind::Unavailable, "connection refused").with_code(NOBODY_LISTENS)
}

pub(crate) fn connection_lost() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the connection broke before the answer",
    )
}

/// How often calls fail by chance, each between 0 and 1. At most one fault meets a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct FaultRates {
    /// Passing faults of one resource.
    #[serde(deserialize_with = "rate")]
    pub transient: f64,
    /// Too many requests; to be repeated after one second.
    #[serde(deserialize_with = "rate")]
    pub rate_limited: f64,
    /// The provider does not answer.
    #[serde(deserialize_with = "rate")]
    pub unavailable: f64,
    /// The effect happens, but the reply is lost.
    #[serde(deserialize_with = "rate")]
    pub reply_lost: f64,
    /// The one operation that meets faults; unset means all of them do.
    pub only: Option<Operation>,
}

fn rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let rate = f64::deserialize(deserializer)?;
    if (0.0..=1.0).contains(&rate) {
        Ok(rate)
    } else {
        Err(serde::de::Error::custom(format!(
            "the rate {rate} is not between 0 and 1"
        )))
    }
}

impl FaultRates {
    pub(crate) fn draw(&self, operation: Operation, random: &mut fastrand::Rng) -> Option<Fault> {
        // Without rates nothing is drawn, so that a test that sets some keeps its sequence.
        if *self == Self::default() || self.only.is_some_and(|only| only != operation) {
            return None;
        }
        let mut chance = random.f64();
        [
            (self.transient, Fault::transient as fn() -> Fault),
            (self.rate_limited, || {
                Fault::rate_limited(Duration::from_secs(1))
            }),
            (self.unavailable, Fault::unavailable),
            (self.reply_lost, || Fault::ReplyLost),
        ]
        .into_iter()
        .find_map(|(rate, fault)| {
            chance -= rate;
            (chance < 0.0).then(fault)
        })
    }
}
