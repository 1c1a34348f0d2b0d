//! The state of the service, without HTTP and without a clock of its own: every method is given the
//! time, so that tests decide what happens when.
//!
//! - [`create`]: sandboxes come
//! - [`change`]: what callers ask of them, checked and then written
//! - `delete`: the rules of deleting
//! - `lifecycle`: the rules of everything else
//! - `runner`: what the runners do about it, later
//! - `agenda`: what is due when

pub(crate) mod agenda;
pub mod change;
pub mod create;
mod delete;
mod lifecycle;
mod runner;

use std::collections::HashMap;

use tbengine_sdk::Timestamp;

use crate::accounts::Accounts;
use crate::cloud::agenda::Agenda;
use crate::consistency;
use crate::error::ApiError;
use crate::oracle::{By, Live, Record};
use crate::sandbox::{Id, Sandbox};
use crate::settings::Settings;
use crate::snapshots::Snapshot;
use crate::state::State;
use crate::store::Store;
use crate::volumes::Volume;

/// Everything the service knows.
#[derive(Debug)]
pub struct Cloud {
    pub(crate) settings: Settings,
    /// Organizations and their keys.
    pub accounts: Accounts,
    pub(crate) store: Store,
    pub(crate) snapshots: Vec<Snapshot>,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) agenda: Agenda,
    pub(crate) random: fastrand::Rng,
    /// What really happened.
    pub record: Record,
    /// When each place of the runners is free again, where they have only so many.
    places: Vec<Timestamp>,
    /// Who had a sandbox deleted, when, and what it was called, until it is gone.
    deletions: HashMap<Id, (By, Timestamp, String)>,
}

impl Cloud {
    /// An empty service with one organization, whose key may do everything.
    pub fn new(settings: Settings) -> Self {
        let mut random = fastrand::Rng::with_seed(settings.seed);
        let mut store = Store::default();
        store.add_organization();
        Self {
            accounts: Accounts::new(&mut random, settings.throttles),
            settings,
            store,
            snapshots: Vec::new(),
            volumes: Vec::new(),
            agenda: Agenda::default(),
            random,
            record: Record::default(),
            places: Vec::new(),
            deletions: HashMap::new(),
        }
    }

    /// Adds an organization, with a key of its own that may do everything; returns its number.
    pub fn add_organization(&mut self) -> usize {
        self.store.add_organization();
        self.accounts
            .add_organization(&mut self.random, self.settings.throttles)
    }

    /// Reads one by id or name, as callers see it.
    pub fn get(
        &self,
        organization: usize,
        id_or_name: &str,
        now: Timestamp,
    ) -> Result<&Sandbox, ApiError> {
        let missing = || ApiError::no_sandbox(id_or_name);
        let row = self.store.find(organization, id_or_name);
        let row = row.ok_or_else(missing)?;
        if let Some((until, before)) = &row.before
            && *until > now
        {
            return Ok(before);
        }
        if row.state == State::Destroyed || row.is_hidden() {
            return Err(missing());
        }
        Ok(row)
    }

    /// The truth about one by id, hidden ones included.
    pub fn truth(&self, id: &str) -> Option<&Sandbox> {
        self.store
            .get(id)
            .filter(|sandbox| sandbox.state != State::Destroyed)
    }

    /// Every sandbox that is there and not hidden, by creation.
    pub fn live(&self) -> Vec<Live> {
        let mut live: Vec<&Sandbox> = self
            .store
            .all()
            .filter(|sandbox| sandbox.state != State::Destroyed && !sandbox.is_hidden())
            .collect();
        live.sort_by(|a, b| (a.created_key(), &a.id).cmp(&(b.created_key(), &b.id)));
        live.into_iter()
            .map(|sandbox| Live {
                id: sandbox.id.to_string(),
                name: sandbox.name.clone(),
                organization: self.accounts.id_of(sandbox.organization).to_owned(),
                state: sandbox.shown().name(),
                created_at: sandbox.created_at,
                labels: sandbox.labels.clone(),
            })
            .collect()
    }

    /// Changes a sandbox, as every writer does: a new version, and a listing that lags behind.
    pub(crate) fn write(
        &mut self,
        id: &str,
        now: Timestamp,
        by_runner: bool,
        edit: impl FnOnce(&mut Sandbox),
    ) {
        let Self {
            store,
            settings,
            random,
            ..
        } = self;
        store.edit(id, |sandbox| {
            let lags = !settings.list_lag.is_zero();
            let get_lags = by_runner && !settings.get_lag.is_zero();
            let old = (lags || get_lags).then(|| consistency::bare(sandbox.clone()));
            let state = sandbox.shown();
            edit(sandbox);
            sandbox.version += 1;
            sandbox.updated_at = now;
            // The time of last activity moves with the state, which makes it a bad key for paging.
            if sandbox.shown() != state && sandbox.last_activity_at.is_some() {
                sandbox.last_activity_at = Some(now);
            }
            let Some(old) = old else { return };
            sandbox.before = get_lags.then(|| {
                let until = now.plus(settings.get_lag);
                (until, Box::new(old.clone()))
            });
            if lags {
                let phases =
                    consistency::after_change(old, sandbox, random, settings.list_lag, now);
                sandbox.phases = phases;
            }
        });
    }
}
