//! What a test or the admin interface asks for.

use serde::{Deserialize, Serialize};

/// Everything that goes wrong. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct FaultPlan {
    /// Decides what is left to chance.
    pub seed: u64,
    /// How long every reply takes, in milliseconds.
    pub latency_ms: u64,
    /// How much longer it may take by chance, in milliseconds.
    pub jitter_ms: u64,
    /// What happens by chance, each with a probability between 0 and 1; at most one meets a request.
    pub rates: Vec<Rate>,
    /// Spans of time, counted from when the plan was set, in which no request gets a reply.
    pub outages: Vec<Outage>,
    /// What happens to certain requests for certain, in this order of preference.
    pub script: Vec<Scripted>,
    /// What goes wrong with the pages of listings.
    pub pagination: Pagination,
}

/// A fault that happens by chance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rate {
    /// Which one.
    pub fault: Fault,
    /// How often, between 0 and 1.
    pub probability: f64,
}

/// A span of time in which no request gets a reply, and none has an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Outage {
    /// When it begins, in milliseconds.
    pub from_ms: u64,
    /// When it expires, in milliseconds.
    pub to_ms: u64,
}

/// A fault that meets certain requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Scripted {
    /// Only requests of this method; empty is all.
    #[serde(default)]
    pub method: String,
    /// Only requests whose path and query contain this; empty is all.
    #[serde(default)]
    pub path: String,
    /// How many of them go well before.
    #[serde(default)]
    pub after: u64,
    /// How many of them it meets then.
    #[serde(default = "once")]
    pub times: u64,
    /// What happens.
    pub fault: Fault,
}

fn once() -> u64 {
    1
}

impl Scripted {
    /// This fault meets the next request of this method whose path contains this.
    pub fn next(method: &str, path: &str, fault: Fault) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            after: 0,
            times: 1,
            fault,
        }
    }
}

/// What goes wrong with the pages of a listing, each with a probability between 0 and 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pagination {
    /// The next cursor is the one that was just used.
    pub repeat_cursor: f64,
    /// The next page begins with the second half of this one.
    pub repeat_items: f64,
    /// One item is left out.
    pub missing_item: f64,
}

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The connection closes before the request has an effect.
    LostRequest,
    /// The request has its effect, and the connection closes without a reply.
    LostReply,
    /// No effect, and this status with the service's error body.
    Status(u16),
    /// No effect, and 502 with a page of HTML.
    Gateway,
    /// No effect, and 503 for maintenance.
    Maintenance,
    /// No effect, and 429 with a `Retry-After` of one second, as a gateway does it.
    TooManyRequests,
    /// No effect, and a redirect to the address from which clouds give out credentials.
    Redirect,
    /// No effect, and no reply for so many milliseconds; then the connection closes.
    Hang(u64),
    /// The effect happens, and the body comes byte by byte, one in so many milliseconds.
    Slow(u64),
    /// The effect happens, and half of the body comes, as if that were all.
    Truncated,
    /// The effect happens, and the connection closes after half of the body.
    CutOff,
    /// The effect happens, and the body never ends.
    Endless,
    /// No effect, and an error body with status 200.
    ErrorWithSuccess,
}

impl Fault {
    /// Its name in the oracle.
    pub fn name(self) -> &'static str {
        match self {
            Self::LostRequest => "lost-request",
            Self::LostReply => "lost-reply",
            Self::Status(_) => "status",
            Self::Gateway => "gateway",
            Self::Maintenance => "maintenance",
            Self::TooManyRequests => "too-many-requests",
            Self::Redirect => "redirect",
            Self::Hang(_) => "hang",
            Self::Slow(_) => "slow",
            Self::Truncated => "truncated",
            Self::CutOff => "cut-off",
            Self::Endless => "endless",
            Self::ErrorWithSuccess => "error-with-success",
        }
    }

    /// Whether the request still has its effect.
    pub fn has_effect(self) -> bool {
        matches!(
            self,
            Self::LostReply | Self::Slow(_) | Self::Truncated | Self::CutOff | Self::Endless
        )
    }
}
