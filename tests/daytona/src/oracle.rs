//! What really happened, whatever the service answered.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tbengine_sdk::Timestamp;

/// Who wanted a sandbox, snapshot or volume gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// A caller, by the name of its key.
    Key(String),
    /// The service, for this reason.
    Service(&'static str),
}

/// Something that is really gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Destruction {
    /// `sandbox`, `snapshot` or `volume`.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// The name it had before it was deleted.
    pub name: String,
    /// The id of its organization.
    pub organization: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When the deletion was accepted.
    pub accepted_at: Timestamp,
    /// When it was gone.
    pub at: Timestamp,
    /// Who wanted it.
    pub by: By,
}

/// A sandbox whose deletion was answered with 200, and that is only hidden.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hiding {
    /// Its id.
    pub id: String,
    /// When it was hidden.
    pub at: Timestamp,
    /// Who wanted it gone.
    pub by: By,
}

/// A request that reached the service, or was lost on the way at a fault's wish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// How long after the opening it came.
    #[serde(rename = "sinceOpenedMs", serialize_with = "milliseconds")]
    pub since_opened: Duration,
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The status that was sent; `None` if none was, or not yet.
    pub status: Option<u16>,
    /// The name of the key, if it was a known one.
    pub key: Option<String>,
    /// The fault that met it.
    pub fault: Option<&'static str>,
}

fn milliseconds<S: serde::Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_u128(duration.as_millis())
}

/// How often a throttler was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Throttled {
    /// How many requests it let pass.
    pub passed: u64,
    /// How many it refused.
    pub refused: u64,
}

/// A sandbox that is there and not hidden.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Live {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The id of its organization.
    pub organization: String,
    /// The state that the service shows.
    pub state: &'static str,
    /// When it was created.
    pub created_at: Timestamp,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// What happened so far.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// What is gone, in order of time.
    pub destroyed: Vec<Destruction>,
    /// What was hidden, in order of time; purged ones stay here.
    pub hidden: Vec<Hiding>,
    /// Every request, in the order in which they came.
    pub requests: Vec<Request>,
    /// The throttlers, by organization and name, and `failed-auth`.
    pub throttlers: BTreeMap<String, Throttled>,
    /// How many sandboxes were created over the API.
    pub created: u64,
}

impl Record {
    /// The ids of the sandboxes that callers had destroyed, in order of time.
    pub fn destroyed_by_callers(&self) -> Vec<&str> {
        self.destroyed
            .iter()
            .filter(|gone| gone.kind == "sandbox" && matches!(gone.by, By::Key(_)))
            .map(|gone| gone.id.as_str())
            .collect()
    }

    /// How many requests there were of this method whose path starts like this, after `/api`.
    pub fn count(&self, method: &str, path: &str) -> usize {
        let asked = |request: &&Request| {
            let here = request.path.strip_prefix("/api").unwrap_or(&request.path);
            request.method == method && here.starts_with(path)
        };
        self.requests.iter().filter(asked).count()
    }

    /// The highest number of requests that came in any span of this length.
    pub fn peak_requests(&self, span: Duration) -> usize {
        let times: Vec<_> = self.requests.iter().map(|one| one.since_opened).collect();
        let mut first = 0;
        let mut peak = 0;
        for (last, time) in times.iter().enumerate() {
            while times.get(first).is_some_and(|first| *first + span <= *time) {
                first += 1;
            }
            peak = peak.max(last + 1 - first);
        }
        peak
    }

    /// How many requests were answered with which status; 0 stands for no answer.
    pub fn statuses(&self) -> BTreeMap<u16, usize> {
        let mut counts = BTreeMap::new();
        for request in &self.requests {
            *counts.entry(request.status.unwrap_or(0)).or_default() += 1;
        }
        counts
    }
}
