//! The sandboxes, with the indices that make every request cheap.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::sandbox::{Id, Sandbox};
use crate::state::Desired;

/// All sandboxes of all organizations that are still there.
#[derive(Debug, Default)]
pub(crate) struct Store {
    rows: HashMap<Id, Sandbox>,
    organizations: Vec<Index>,
    forks: HashMap<Id, HashSet<Id>>,
    volumes: HashMap<String, HashSet<Id>>,
}

/// The sandboxes of one organization.
#[derive(Debug, Default)]
pub(crate) struct Index {
    names: HashMap<String, Id>,
    /// By creation in microseconds, then by id.
    pub(crate) created: BTreeSet<(i64, Id)>,
    /// By last activity in microseconds, then by id.
    pub(crate) active: BTreeSet<(i64, Id)>,
    /// Those without one; the database sorts them last.
    pub(crate) never_active: BTreeSet<Id>,
}

impl Store {
    pub(crate) fn add_organization(&mut self) {
        self.organizations.push(Index::default());
    }

    pub(crate) fn index(&self, organization: usize) -> Option<&Index> {
        self.organizations.get(organization)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Sandbox> {
        self.rows.get(id)
    }

    /// By id, then by name, within the organization.
    pub(crate) fn find(&self, organization: usize, id_or_name: &str) -> Option<&Sandbox> {
        if let Some(row) = self.rows.get(id_or_name)
            && row.organization == organization
        {
            return Some(row);
        }
        let id = self
            .organizations
            .get(organization)?
            .names
            .get(id_or_name)?;
        self.rows.get(id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Sandbox> {
        self.rows.values()
    }

    /// Whether a fork of this sandbox is still wanted.
    pub(crate) fn has_active_forks(&self, id: &str) -> bool {
        let wanted = |fork: &Id| {
            let fork = self.rows.get(fork);
            fork.is_some_and(|fork| fork.desired != Desired::Destroyed)
        };
        self.forks
            .get(id)
            .is_some_and(|forks| forks.iter().any(wanted))
    }

    /// A sandbox that uses this volume.
    pub(crate) fn user_of_volume(&self, volume: &str) -> Option<&Id> {
        self.volumes.get(volume)?.iter().next()
    }

    pub(crate) fn insert(&mut self, sandbox: Sandbox) {
        self.add_to_index(&sandbox);
        self.rows.insert(sandbox.id.clone(), sandbox);
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Sandbox> {
        let sandbox = self.rows.remove(id)?;
        self.remove_from_index(&sandbox);
        Some(sandbox)
    }

    /// Changes a sandbox and keeps the indices right.
    pub(crate) fn edit<T>(&mut self, id: &str, edit: impl FnOnce(&mut Sandbox) -> T) -> Option<T> {
        let (key, mut sandbox) = self.rows.remove_entry(id)?;
        let before = (sandbox.name.clone(), sandbox.activity_key());
        let done = edit(&mut sandbox);
        if let Some(index) = self.organizations.get_mut(sandbox.organization) {
            if before.0 != sandbox.name {
                index.forget_name(&before.0, &key);
                index.names.insert(sandbox.name.clone(), key.clone());
            }
            if before.1 != sandbox.activity_key() {
                index.leave_activity(before.1, &key);
                index.enter_activity(sandbox.activity_key(), &key);
            }
        }
        self.rows.insert(key, sandbox);
        Some(done)
    }

    fn add_to_index(&mut self, sandbox: &Sandbox) {
        let id = &sandbox.id;
        if let Some(index) = self.organizations.get_mut(sandbox.organization) {
            index.names.insert(sandbox.name.clone(), id.clone());
            index.created.insert((sandbox.created_key(), id.clone()));
            index.enter_activity(sandbox.activity_key(), id);
        }
        if let Some(parent) = &sandbox.parent {
            let forks = self.forks.entry(parent.clone()).or_default();
            forks.insert(id.clone());
        }
        for volume in &sandbox.volumes {
            let users = self.volumes.entry(volume.clone()).or_default();
            users.insert(id.clone());
        }
    }

    fn remove_from_index(&mut self, sandbox: &Sandbox) {
        let id = &sandbox.id;
        if let Some(index) = self.organizations.get_mut(sandbox.organization) {
            index.forget_name(&sandbox.name, id);
            index.created.remove(&(sandbox.created_key(), id.clone()));
            index.leave_activity(sandbox.activity_key(), id);
        }
        if let Some(forks) = sandbox
            .parent
            .as_ref()
            .and_then(|id| self.forks.get_mut(id))
        {
            forks.remove(id);
        }
        for volume in &sandbox.volumes {
            if let Some(users) = self.volumes.get_mut(volume) {
                users.remove(id);
            }
        }
    }
}

impl Index {
    /// The sandbox of this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Id> {
        self.names.get(name)
    }

    fn forget_name(&mut self, name: &str, id: &Id) {
        if self.names.get(name) == Some(id) {
            self.names.remove(name);
        }
    }

    fn enter_activity(&mut self, key: Option<i64>, id: &Id) {
        match key {
            Some(key) => self.active.insert((key, id.clone())),
            None => self.never_active.insert(id.clone()),
        };
    }

    fn leave_activity(&mut self, key: Option<i64>, id: &Id) {
        match key {
            Some(key) => self.active.remove(&(key, id.clone())),
            None => self.never_active.remove(id),
        };
    }
}
