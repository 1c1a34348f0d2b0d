//! One sandbox, as the service's database has it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::Deserialize;
use tbengine_sdk::Timestamp;

use crate::consistency::Phase;
use crate::state::{Desired, State, shown};

/// The id of a sandbox: a UUID in text form.
pub type Id = Arc<str>;

/// A sandbox, as the service's database has it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are the provider's and say it")]
pub struct Sandbox {
    pub id: Id,
    /// The number of its organization.
    pub organization: usize,
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub state: State,
    pub desired: Desired,
    /// Whether something is under way. The service never shows this.
    pub pending: bool,
    pub error_reason: Option<String>,
    pub recoverable: bool,
    pub created_at: Timestamp,
    /// What the database knows beyond the milliseconds of `created_at`; cursors lose it.
    pub created_micros: u16,
    pub updated_at: Timestamp,
    /// Rows that were made by hand have none, and the default sort loses them.
    pub last_activity_at: Option<Timestamp>,
    pub auto_stop: i64,
    pub auto_archive: i64,
    pub auto_delete: i64,
    pub auto_destroy_at: Option<Timestamp>,
    pub snapshot: Option<String>,
    pub target: String,
    pub cpu: u32,
    pub gpu: u32,
    pub memory: u32,
    pub disk: u32,
    pub public: bool,
    /// May hold secrets; only readings by id show it.
    pub env: BTreeMap<String, String>,
    pub volumes: Vec<String>,
    /// The sandbox that this one was forked from.
    pub parent: Option<Id>,
    /// The sandbox that this one is linked to, and goes with. Only readings by id show it.
    pub linked: Option<Id>,
    /// The machine that it is on.
    pub runner_id: String,
    /// What becomes of the jobs of its runner.
    pub runner: Runner,
    /// How the optional fields are shown.
    pub fields: Fields,
    pub(crate) version: u64,
    /// The job that the runner has, by number.
    pub(crate) job: u64,
    /// When its intervals are looked at next.
    pub(crate) watched: Option<Timestamp>,
    /// How the listing shows it for now, where that differs from the truth.
    pub(crate) phases: VecDeque<Phase>,
    /// What a reading by id still shows, and until when.
    pub(crate) before: Option<(Timestamp, Box<Sandbox>)>,
}

impl Sandbox {
    /// The state that the service shows.
    pub fn shown(&self) -> State {
        shown(self.state, self.desired)
    }

    /// Deleted in an error state: answers 404, but is still there.
    pub fn is_hidden(&self) -> bool {
        self.state.is_errored() && self.desired == Desired::Destroyed
    }

    /// Stopping it deletes it.
    pub fn is_ephemeral(&self) -> bool {
        self.auto_delete == 0
    }

    /// The creation time in microseconds, by which the database sorts.
    pub(crate) fn created_key(&self) -> i64 {
        self.created_at
            .as_unix_ms()
            .saturating_mul(1000)
            .saturating_add(i64::from(self.created_micros))
    }

    pub(crate) fn activity_key(&self) -> Option<i64> {
        Some(self.last_activity_at?.as_unix_ms().saturating_mul(1000))
    }
}

/// What becomes of the jobs that a sandbox's runner gets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runner {
    /// It does them.
    Works,
    /// They fail for this reason: the sandbox ends in `error`.
    Fails(String),
    /// It takes a job and dies: the sandbox is wedged until the job is found to be stale.
    Dies,
    /// It is not ready and gets no job: the sandbox shows the transition forever.
    Away,
}

/// How the optional fields of a sandbox are shown.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fields {
    /// As documented.
    Documented,
    /// The times come as null, and so does the state.
    Null,
    /// Times, state, and all other optional fields are missing.
    Missing,
    /// The state is this text, whatever the truth.
    State(String),
    /// There are fields that nobody has heard of.
    Extra,
}
