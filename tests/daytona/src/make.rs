//! A builder with which tests put a sandbox there in any condition.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tbengine_sdk::Timestamp;

use crate::sandbox::{Fields, Id, Runner, Sandbox};
use crate::state::{Desired, State};

/// A sandbox to be put there.
#[derive(Clone, Debug)]
pub struct Make {
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) organization: usize,
    pub(crate) age: Duration,
    pub(crate) idle: Option<Duration>,
    pub(crate) pending: Option<bool>,
    pub(crate) desired: Option<Desired>,
    pub(crate) finishes: Option<(Duration, State)>,
    pub(crate) made: Sandbox,
}

/// A started sandbox of the first organization, an hour old, that never stops by itself; the methods
/// change it.
pub fn sandbox() -> Make {
    Make {
        id: None,
        name: None,
        organization: 0,
        age: Duration::from_secs(3600),
        idle: None,
        pending: None,
        desired: None,
        finishes: None,
        made: Sandbox {
            id: Id::from(""),
            organization: 0,
            name: String::new(),
            labels: BTreeMap::new(),
            state: State::Started,
            desired: Desired::Started,
            pending: false,
            error_reason: None,
            recoverable: false,
            created_at: Timestamp::from_unix_ms(0),
            created_micros: 0,
            updated_at: Timestamp::from_unix_ms(0),
            last_activity_at: None,
            auto_stop: 0,
            auto_archive: 7 * 24 * 60,
            auto_delete: -1,
            auto_destroy_at: None,
            snapshot: Some("daytonaio/sandbox:0.5.0".to_owned()),
            target: "us".to_owned(),
            cpu: 1,
            gpu: 0,
            memory: 4,
            disk: 10,
            public: false,
            env: BTreeMap::new(),
            volumes: Vec::new(),
            parent: None,
            linked: None,
            runner_id: "runner-1".to_owned(),
            runner: Runner::Works,
            fields: Fields::Documented,
            version: 0,
            job: 0,
            watched: None,
            phases: VecDeque::new(),
            before: None,
        },
    }
}

impl Make {
    /// In this state. A transitional one is pending, unless said otherwise.
    pub fn state(mut self, state: State) -> Self {
        self.made.state = state;
        self
    }

    /// Whether something is under way.
    pub fn pending(mut self, pending: bool) -> Self {
        self.pending = Some(pending);
        self
    }

    /// What it shall become.
    pub fn desired(mut self, desired: Desired) -> Self {
        self.desired = Some(desired);
        self
    }

    /// Its transition ends after this time in this state.
    pub fn finishes(mut self, after: Duration, state: State) -> Self {
        self.finishes = Some((after, state));
        self
    }

    /// With this id.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// With this name; otherwise the id is the name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// In the organization of this number; the first is 0.
    pub fn organization(mut self, number: usize) -> Self {
        self.organization = number;
        self
    }

    /// With this label, too.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.made.labels.insert(key.into(), value.into());
        self
    }

    /// With this environment variable, too.
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.made.env.insert(key.into(), value.into());
        self
    }

    /// Created so long ago.
    pub fn age(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }

    /// Created so many microseconds after the full millisecond.
    pub fn micros(mut self, micros: u16) -> Self {
        self.made.created_micros = micros;
        self
    }

    /// Without a time of last activity, as in rows made by hand.
    pub fn never_active(mut self) -> Self {
        self.idle = Some(Duration::MAX);
        self
    }

    /// Last active so long ago.
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = Some(idle);
        self
    }

    /// Stopping it deletes it, and it never stops by itself: as Harbor creates them.
    pub fn ephemeral(mut self) -> Self {
        self.made.auto_stop = 0;
        self.made.auto_delete = 0;
        self
    }

    /// Minutes of idleness until it is stopped; 0 is never.
    pub fn auto_stop(mut self, minutes: i64) -> Self {
        self.made.auto_stop = minutes;
        self
    }

    /// Minutes in `stopped` until it is deleted; negative is never.
    pub fn auto_delete(mut self, minutes: i64) -> Self {
        self.made.auto_delete = minutes;
        self
    }

    /// Why it is in an error state.
    pub fn error_reason(mut self, reason: impl Into<String>) -> Self {
        self.made.error_reason = Some(reason.into());
        self
    }

    /// Its error can be recovered from.
    pub fn recoverable(mut self) -> Self {
        self.made.recoverable = true;
        self
    }

    /// Forked from this one.
    pub fn fork_of(mut self, parent: &str) -> Self {
        self.made.parent = Some(Id::from(parent));
        self
    }

    /// Linked to this one, which it goes with: such are ephemeral, and on the same machine.
    pub fn linked_to(mut self, owner: &str) -> Self {
        self.made.linked = Some(Id::from(owner));
        self.ephemeral()
    }

    /// On this machine.
    pub fn on_runner(mut self, id: impl Into<String>) -> Self {
        self.made.runner_id = id.into();
        self
    }

    /// What becomes of its runner's jobs.
    pub fn runner(mut self, runner: Runner) -> Self {
        self.made.runner = runner;
        self
    }

    /// How its optional fields are shown.
    pub fn fields(mut self, fields: Fields) -> Self {
        self.made.fields = fields;
        self
    }

    /// Uses this volume.
    pub fn volume(mut self, id: impl Into<String>) -> Self {
        self.made.volumes.push(id.into());
        self
    }

    /// Made from this snapshot.
    pub fn snapshot(mut self, name: impl Into<String>) -> Self {
        self.made.snapshot = Some(name.into());
        self
    }

    /// In this region.
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.made.target = target.into();
        self
    }

    /// With so many cores, and so many GiB of memory and disk.
    pub fn size(mut self, cpu: u32, memory: u32, disk: u32) -> Self {
        self.made.cpu = cpu;
        self.made.memory = memory;
        self.made.disk = disk;
        self
    }
}
