//! Sandboxes come: over the API, or put there by a test.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Deserialize;
use tbengine_sdk::Timestamp;

use crate::cloud::Cloud;
use crate::cloud::agenda::Job;
use crate::cloud::change::minutes_long;
use crate::consistency;
use crate::error::ApiError;
use crate::ids::uuid;
use crate::make::{Make, sandbox};
use crate::sandbox::{Fields, Id, Sandbox};
use crate::state::{Desired, State};

/// The body of `POST /sandbox`; what is not listed is ignored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are the provider's and say it")]
pub struct Create {
    pub name: Option<String>,
    pub snapshot: Option<String>,
    pub labels: Option<BTreeMap<String, String>>,
    pub env: Option<BTreeMap<String, String>>,
    pub target: Option<String>,
    pub public: Option<bool>,
    pub cpu: Option<u32>,
    pub gpu: Option<u32>,
    pub memory: Option<u32>,
    pub disk: Option<u32>,
    pub auto_stop_interval: Option<i64>,
    pub auto_archive_interval: Option<i64>,
    pub auto_delete_interval: Option<i64>,
    pub ttl_minutes: Option<i64>,
    pub linked_sandbox: Option<String>,
}

impl Cloud {
    /// Creates a sandbox over the API; a runner starts it later.
    pub fn create(
        &mut self,
        organization: usize,
        create: Create,
        now: Timestamp,
    ) -> Result<Sandbox, ApiError> {
        let taken = |name: &String| {
            let index = self.store.index(organization);
            index.is_some_and(|index| index.named(name).is_some())
        };
        if let Some(name) = create.name.as_ref().filter(|name| taken(name)) {
            return Err(ApiError::conflict(format!(
                "Sandbox with name {name} already exists"
            )));
        }
        let linked = match &create.linked_sandbox {
            Some(owner) => Some(self.may_lead(organization, owner, &create)?),
            None => None,
        };
        let mut make = sandbox()
            .organization(organization)
            .state(State::Creating)
            .pending(true)
            .desired(Desired::Started)
            .age(Duration::ZERO)
            .idle(Duration::ZERO);
        make.name = create.name;
        let made = &mut make.made;
        made.labels = create.labels.unwrap_or_default();
        made.env = create.env.unwrap_or_default();
        made.public = create.public.unwrap_or(false);
        made.snapshot = create.snapshot.or(made.snapshot.take());
        made.target = create.target.unwrap_or_else(|| "us".to_owned());
        made.cpu = create.cpu.unwrap_or(made.cpu);
        made.gpu = create.gpu.unwrap_or(made.gpu);
        made.memory = create.memory.unwrap_or(made.memory);
        made.disk = create.disk.unwrap_or(made.disk);
        made.auto_stop = create.auto_stop_interval.unwrap_or(15);
        made.auto_archive = create.auto_archive_interval.unwrap_or(made.auto_archive);
        made.auto_delete = create.auto_delete_interval.unwrap_or(made.auto_delete);
        made.auto_destroy_at = create
            .ttl_minutes
            .filter(|minutes| *minutes > 0)
            .map(|minutes| now.plus(minutes_long(minutes)));
        if let Some((owner, runner)) = linked {
            made.linked = Some(owner);
            made.runner_id = runner;
        }
        let id = self.put(make, now);
        let takes = self.settings.runner.create;
        self.give_to_runner(&id, now, State::Creating, State::Started, takes);
        if !self.settings.list_lag.is_zero() {
            let lag = self.settings.list_lag;
            let phases = consistency::after_creation(&mut self.random, lag, now);
            self.store.edit(&id, |row| row.phases = phases);
        }
        self.record.created += 1;
        self.get(organization, &id, now).cloned()
    }

    /// The sandbox that another one is to be linked to, and its machine.
    fn may_lead(
        &self,
        organization: usize,
        id_or_name: &str,
        create: &Create,
    ) -> Result<(Id, String), ApiError> {
        let found = self.store.find(organization, id_or_name);
        let owner = found.ok_or_else(|| ApiError::no_sandbox(id_or_name))?;
        if create.auto_delete_interval != Some(0) {
            return Err(ApiError::bad_request("Linked sandboxes must be ephemeral"));
        }
        if owner.linked.is_some() {
            return Err(ApiError::bad_request(
                "Cannot link to a sandbox that is itself linked",
            ));
        }
        Ok((owner.id.clone(), owner.runner_id.clone()))
    }

    /// Puts a sandbox there, in whatever condition; returns its id.
    pub fn put(&mut self, make: Make, now: Timestamp) -> Id {
        let mut row = make.made;
        if let Some(owner) = row.linked.as_deref().and_then(|id| self.store.get(id)) {
            row.runner_id = owner.runner_id.clone();
        }
        let id = make.id.unwrap_or_else(|| uuid(&mut self.random));
        row.id = Id::from(id);
        row.name = make.name.unwrap_or_else(|| row.id.to_string());
        row.organization = make.organization;
        row.created_at = now.minus(make.age);
        row.last_activity_at = match make.idle {
            None => Some(row.created_at),
            Some(Duration::MAX) => None,
            Some(idle) => Some(now.minus(idle)),
        };
        row.updated_at = row.last_activity_at.unwrap_or(row.created_at);
        row.desired = make.desired.unwrap_or(Desired::of(row.state));
        row.pending = make
            .pending
            .unwrap_or(row.state.is_transitional() || row.state == State::Destroying);
        row.phases = VecDeque::new();
        if row.fields == Fields::Documented && self.random.f64() < self.settings.odd_fields {
            row.fields = self.odd_fields();
        }
        let id = row.id.clone();
        let state = row.state;
        self.store.remove(&id);
        self.store.insert(row);
        if let Some((after, goal)) = make.finishes {
            let number = self.agenda.number();
            self.store.edit(&id, |row| row.job = number);
            let at = now.plus(after);
            self.agenda.add(at, Job::Finish(id.clone(), number, goal));
        }
        if matches!(state, State::Started | State::Stopped) {
            self.watch_intervals(&id, now);
        }
        id
    }

    fn odd_fields(&mut self) -> Fields {
        match self.random.u8(..4) {
            0 => Fields::Null,
            1 => Fields::Missing,
            2 => Fields::State("hibernating".to_owned()),
            _ => Fields::Extra,
        }
    }
}
