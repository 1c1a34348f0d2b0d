//! What a policy gets to know of each resource besides its own facts, and of the backends.

use crate::discover::Inventory;
use crate::facts::Facts;
use crate::kinds::KindFacts;
use crate::policy::{BackendFacts, Candidate, Dependent, PolicyContext};
use foldhash::{HashSet, HashSetExt as _};

/// The context, with what an inventory says of backends and kinds.
pub(super) fn context(context: &PolicyContext, inventory: &Inventory) -> PolicyContext {
    let backends = inventory.backends().into_iter().map(|name| {
        let account = inventory.accounts.get(name);
        BackendFacts {
            name: name.clone(),
            provider: inventory.provider_of(name).cloned().unwrap_or_default(),
            account: account
                .map(|account| account.id.clone())
                .unwrap_or_default(),
            currency: account.and_then(|account| account.currency.clone()),
            complete: inventory.is_complete(name),
            disks: inventory.disks.get(name).cloned().unwrap_or_default(),
        }
    });
    PolicyContext {
        backends: backends.collect(),
        kinds: inventory.kinds.all_facts().into(),
        clocks: inventory.clocks.clone(),
        ..context.clone()
    }
}

/// What all resources of a kind have in common.
#[derive(Clone, Copy)]
struct OfKind<'a> {
    backend: &'a str,
    facts: KindFacts,
    users_known: bool,
}

/// The facts about the resources at some indices of an inventory. The candidates borrow from it.
pub(super) struct PolicyInput<'a> {
    inventory: &'a Inventory,
    facts: &'a Facts,
    indices: &'a [usize],
    /// Who uses the first of them, then the second, and so on.
    dependents: Vec<Dependent<'a>>,
    /// The candidates that go along with the first of them, then with the second, and so on.
    along: Vec<usize>,
    /// For each of them, where that ends.
    along_ends: Vec<usize>,
    /// The units of which something runs, by their backends.
    running: HashSet<(&'a str, &'a str)>,
}

impl<'a> PolicyInput<'a> {
    pub(super) fn new(inventory: &'a Inventory, facts: &'a Facts, indices: &'a [usize]) -> Self {
        let mut candidates: Vec<Option<usize>> = vec![None; inventory.resources.len()];
        for (candidate, index) in indices.iter().enumerate() {
            candidates[*index] = Some(candidate);
        }
        let users = indices
            .iter()
            .flat_map(|index| inventory.dependent_indices(*index));
        let dependents = users.map(|user| Dependent {
            identity: &inventory.resources[*user].identity,
            candidate: candidates[*user],
        });
        let mut along = Vec::new();
        let along_ends = indices.iter().map(|index| {
            let taken = inventory.taken_along_indices(*index).iter();
            along.extend(taken.filter_map(|index| candidates[*index]));
            along.len()
        });
        let along_ends = along_ends.collect();
        let mut running = HashSet::new();
        for resource in &inventory.resources {
            if let Some(unit) = &resource.unit
                && resource.state.is_running()
            {
                running.insert((&*resource.identity.backend, &*unit.0));
            }
        }
        Self {
            inventory,
            facts,
            indices,
            dependents: dependents.collect(),
            along,
            along_ends,
            running,
        }
    }

    /// The candidates, in the order of the indices. `groups` says of each index of the inventory what it belongs
    /// together with; nothing, if all are evaluated in one call.
    pub(super) fn candidates(&self, groups: &[usize]) -> Vec<Candidate<'_>> {
        let Self {
            inventory, facts, ..
        } = self;
        let mut last: Option<OfKind<'_>> = None;
        let mut dependents = &self.dependents[..];
        let mut along_end = 0;
        let of_index = |(index, end): (&usize, &usize)| {
            let resource = &inventory.resources[*index];
            let (backend, kind) = (&*resource.identity.backend, resource.identity.kind);
            // Neighbours are mostly of one kind.
            let of_kind = last.filter(|last| (last.backend, last.facts.word) == (backend, kind));
            let of_kind = of_kind.unwrap_or_else(|| OfKind {
                backend,
                facts: inventory.kinds.facts(backend, kind),
                users_known: inventory.knows_dependents_of(backend, kind),
            });
            last = Some(of_kind);
            Candidate {
                resource,
                kind: of_kind.facts,
                used_by: dependents
                    .split_off(..inventory.dependent_indices(*index).len())
                    .unwrap_or_default(),
                users_known: of_kind.users_known,
                takes_along: &self.along[std::mem::replace(&mut along_end, *end)..*end],
                unit_runs: self.unit_runs(*index),
                lease: facts.lease_of(resource),
                group: groups.get(*index).copied().unwrap_or_default(),
            }
        };
        self.indices
            .iter()
            .zip(&self.along_ends)
            .map(of_index)
            .collect()
    }

    /// Whether something of the unit of a resource runs, or might: what was not listed is unknown.
    fn unit_runs(&self, index: usize) -> bool {
        let resource = &self.inventory.resources[index];
        let backend = &*resource.identity.backend;
        resource.unit.as_ref().is_some_and(|unit| {
            self.running.contains(&(backend, &*unit.0))
                || !self.inventory.has_listed_what_computes(backend)
        })
    }
}
