//! Whose the resources are that were found: the rules about owners, applied to each backend.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use foldhash::HashMap;
use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_sdk::{Class, Kind, Owner, Resource, Unit};

use super::Inventory;
use crate::owners::{Account, Explained, Learned, Memory, Owners, Proof, Proven, Seen, What};

/// By what owners are recognised: rules, and what was proven before.
#[derive(Clone)]
pub struct Recognition {
    /// The rules.
    pub owners: Arc<Owners>,
    /// What was proven before.
    pub memory: Arc<dyn Memory>,
}

impl fmt::Debug for Recognition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recognition").finish_non_exhaustive()
    }
}

/// What was proven in an account, and is to be remembered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LearnedIn {
    /// The id of the account.
    pub account: Arc<str>,
    /// What was proven there.
    pub learned: Learned,
}

impl Inventory {
    /// Says of each resource whose it is, in place of what was said before. `providers` are the names of the
    /// backends with their kinds.
    pub fn recognise(&mut self, providers: Vec<(Arc<str>, Arc<str>)>, by: Recognition) {
        let mut found: Vec<(usize, Owner, Option<Unit>)> = Vec::new();
        let mut learned = Vec::new();
        for (backend, provider) in &providers {
            let one = OfBackend::new(self, backend, provider);
            let mut see = |index: usize, proven: Proven<'_>| match proven.proof {
                Some(proof) => {
                    found.push((one.indices[index], owner(&proof), proof.unit.map(Unit)));
                }
                None => {
                    let rivals: Vec<&str> =
                        proven.rivals.iter().map(|owner| &*owner.name).collect();
                    let resource = self.resources[one.indices[index]].identity.id();
                    tracing::warn!(%resource, ?rivals, "several benchmarks are proven, so none counts");
                }
            };
            let account: Arc<str> = one.id().into();
            let news = by.owners.judge(&one, &*by.memory, &mut see);
            learned.extend(news.into_iter().map(|learned| LearnedIn {
                account: account.clone(),
                learned,
            }));
        }
        for resource in &mut self.resources {
            resource.owner = Owner::Unknown;
        }
        for (index, owner, unit) in found {
            let resource = &mut self.resources[index];
            resource.owner = owner;
            if resource.unit.is_none() {
                resource.unit = unit;
            }
        }
        // Last, since what we labelled is ours whatever else it looks like.
        for resource in &mut self.resources {
            let run = resource.labels.get(RUN_ID_LABEL);
            if let Some(run) = run.filter(|run| !run.is_empty()) {
                resource.owner = Owner::Run(run.to_owned());
            }
        }
        self.learned = learned;
        self.recognition = Some(by);
        self.providers = providers;
    }

    /// Why the resource at an index is whose it is; nothing, if owners were not recognised here.
    pub fn explain_owner(&self, index: usize) -> Option<Explained<'_>> {
        let by = self.recognition.as_ref()?;
        let backend = &self.resources.get(index)?.identity.backend;
        let mut providers = self.providers.iter();
        let (_, provider) = providers.find(|(name, _)| name == backend)?;
        let one = OfBackend::new(self, backend, provider);
        let index = one.indices.binary_search(&index).ok()?;
        Some(by.owners.explain(&one, index, &*by.memory))
    }
}

fn owner(proof: &Proof<'_>) -> Owner {
    let name = proof.owner.name.to_string();
    match proof.owner.what {
        What::Benchmark => Owner::Benchmark(name),
        What::Product => Owner::Other(name),
        What::Kept => Owner::Kept(name),
    }
}

/// The resources of one backend.
struct OfBackend<'a> {
    inventory: &'a Inventory,
    provider: &'a str,
    /// The indices of its resources in the inventory, from the first to the last.
    indices: Vec<usize>,
    /// The names of the resources of a kind by native id. Few rules ask for them.
    names: RefCell<BTreeMap<Kind, HashMap<&'a str, &'a str>>>,
}

impl<'a> OfBackend<'a> {
    fn new(inventory: &'a Inventory, backend: &str, provider: &'a str) -> Self {
        let all = inventory.resources.iter().enumerate();
        let its = all.filter(|(_, resource)| &*resource.identity.backend == backend);
        Self {
            inventory,
            provider,
            indices: its.map(|(index, _)| index).collect(),
            names: RefCell::default(),
        }
    }

    /// The native ids and names of the resources of a kind.
    fn of_kind<'k>(
        &self,
        kind: &'k str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a, 'k, '_> {
        let resources = (0..self.indices.len()).map(|index| self.resource(index));
        let of_kind = resources.filter(move |resource| resource.identity.kind.word() == kind);
        of_kind.map(|resource| (&*resource.identity.native, &*resource.name))
    }

    fn resource(&self, index: usize) -> &'a Resource {
        &self.inventory.resources[self.indices[index]]
    }
}

impl Account for OfBackend<'_> {
    fn id(&self) -> &str {
        let first = self.indices.first();
        first.map_or("", |first| {
            &self.inventory.resources[*first].identity.account
        })
    }

    fn count(&self) -> usize {
        self.indices.len()
    }

    fn seen(&self, index: usize) -> Seen<'_> {
        let resource = self.resource(index);
        let identity = &resource.identity;
        let class = self.inventory.class_of(identity);
        Seen {
            provider: self.provider,
            kind: identity.kind.word(),
            class: class.word(),
            name: &resource.name,
            names: names(resource, class),
            labels: &resource.labels,
            attrs: &resource.attrs,
            unit: resource.unit.as_ref().map(|unit| &*unit.0),
        }
    }

    fn used(&self, index: usize, kind: &str) -> Vec<&str> {
        let uses = &self.resource(index).relations;
        let of_kind = uses.iter().filter(|used| used.kind.word() == kind);
        let mut names = self.names.borrow_mut();
        of_kind
            .filter_map(|used| {
                let names = names
                    .entry(used.kind)
                    .or_insert_with(|| self.of_kind(kind).collect());
                names.get(&*used.native).copied()
            })
            .collect()
    }

    fn names_of(&self, kind: &str) -> Option<Vec<&str>> {
        Some(self.of_kind(kind).map(|(_, name)| name).collect())
    }

    fn users(&self, index: usize) -> Vec<usize> {
        let users = self.inventory.dependent_indices(self.indices[index]).iter();
        // One that is not listed here is of another backend, and proves nothing.
        users
            .map(|user| self.indices.binary_search(user).unwrap_or(usize::MAX))
            .collect()
    }
}

/// All names of a resource that may have several: an image goes by its tags, and without any it has none.
fn names(resource: &Resource, class: Class) -> Vec<&str> {
    // A container has one name, and rules about it say so.
    if class != Class::Image {
        return Vec::new();
    }
    match resource.attrs.get("tags") {
        Some(tags) => tags.split(',').collect(),
        None if resource.attrs.get("dangling").is_some() => Vec::new(),
        None => vec![&resource.name],
    }
}
