//! What was found, and who uses what.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt as _};
use tbengine_sdk::{Account, Bond, Class, Disk, Identity, Kind, Owner, Resource, Timestamp};

use super::ListFailure;
use super::accounts::SharedAccount;
use super::recognise::{LearnedIn, Recognition};
use crate::clocks::Clocks;
use crate::facts::IdentityKey;
use crate::kinds::Kinds;

/// What discovery found, with what it failed to list.
///
/// What was not listed is unknown, never gone.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// The account behind each backend that answered.
    pub accounts: BTreeMap<Arc<str>, Account>,
    /// Every resource that was listed, once.
    pub resources: Vec<Resource>,
    /// What could not be listed.
    pub failures: Vec<ListFailure>,
    /// The clocks of providers, where they are not this machine's.
    pub clocks: Clocks,
    /// Where to follow the changes of a backend on from: a moment before its listing began.
    pub cursors: BTreeMap<Arc<str>, String>,
    /// The accounts that several backends lead to, or seem to.
    pub shared: Vec<SharedAccount>,
    /// The ids of accounts as resources have them, by backend, where another account shows the same.
    pub completed: Vec<(Arc<str>, Arc<str>)>,
    /// The disks that the resources of a backend are on, if they were asked for and could be read.
    pub disks: BTreeMap<Arc<str>, Vec<Disk>>,
    /// What the backends declare of their kinds.
    pub kinds: Kinds,
    /// By what the owners were recognised, if that was done here.
    pub recognition: Option<Recognition>,
    /// The backends that were asked, with their kinds.
    pub(super) providers: Vec<(Arc<str>, Arc<str>)>,
    /// What was proven of owners, and is to be remembered.
    pub learned: Vec<LearnedIn>,
    /// What does not say when it arrived: that it was seen is to be remembered, and when by its provider's clock.
    pub sighted: Vec<(IdentityKey, Timestamp)>,
    users: Users,
}

/// Who uses what.
#[derive(Clone, Debug, Default)]
struct Users {
    /// The indices of the users of the first resource, then those of the second, and so on.
    indices: Vec<usize>,
    /// By the index of a resource: where its users end. Empty if nothing uses anything.
    ends: Vec<usize>,
    /// By the index of a resource: the indices of what deleting it would delete as well.
    taken_along: HashMap<usize, Vec<usize>>,
    /// By the index of a resource: the indices of what goes along with it and may go before it.
    followers: HashMap<usize, Vec<usize>>,
}

/// One that names a resource.
struct User {
    index: usize,
    bond: Bond,
}

impl Inventory {
    /// An inventory of these resources, as if they had been listed.
    pub fn new(
        accounts: BTreeMap<Arc<str>, Account>,
        resources: Vec<Resource>,
        failures: Vec<ListFailure>,
    ) -> Self {
        Self {
            accounts,
            users: Users::new(&resources),
            resources,
            failures,
            clocks: Clocks::default(),
            cursors: BTreeMap::new(),
            shared: Vec::new(),
            completed: Vec::new(),
            disks: BTreeMap::new(),
            kinds: Kinds::default(),
            recognition: None,
            providers: Vec::new(),
            learned: Vec::new(),
            sighted: Vec::new(),
        }
    }

    /// The inventory, of backends that declare these kinds.
    #[must_use]
    pub fn with_kinds(mut self, kinds: Kinds) -> Self {
        self.kinds = kinds;
        self
    }

    /// The time by which the age of a resource counts when it is `now` here: its provider's.
    pub fn now_of(&self, resource: &Resource, now: Timestamp) -> Timestamp {
        self.clocks.now_at(&resource.identity.backend, now)
    }

    /// What to do instead of deleting what an owner keeps on purpose, as far as its rules say.
    pub(crate) fn hint_of(&self, owner: &Owner) -> Option<Arc<str>> {
        let Owner::Kept(name) = owner else {
            return None;
        };
        let owner = self.recognition.as_ref()?.owners.get(name)?;
        owner.hint.clone()
    }

    /// What the kind of a resource is to the engine.
    pub fn class_of(&self, resource: &Identity) -> Class {
        self.kinds.class(&resource.backend, resource.kind)
    }

    /// What deleting the resource at this index would delete as well, as far as it was listed.
    pub fn cascade_of(&self, index: usize) -> impl Iterator<Item = &Resource> {
        let indices = self.taken_along_indices(index).iter();
        indices.map(|index| &self.resources[*index])
    }

    /// The indices of what deleting the resource at this index would delete as well.
    pub fn taken_along_indices(&self, index: usize) -> &[usize] {
        let taken = self.users.taken_along.get(&index);
        taken.map_or(&[], Vec::as_slice)
    }

    /// The kind of a backend, where it is known.
    pub fn provider_of(&self, backend: &str) -> Option<&Arc<str>> {
        let mut providers = self.providers.iter();
        let found = providers.find(|(name, _)| &**name == backend);
        found.map(|(_, provider)| provider)
    }

    /// The names of all backends that were asked, or that something was found in, each once.
    pub fn backends(&self) -> Vec<&Arc<str>> {
        let asked = self.providers.iter().map(|(name, _)| name);
        let failed = self.failures.iter().map(|failure| &failure.backend);
        let mut names: Vec<&Arc<str>> = asked.chain(self.accounts.keys()).chain(failed).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether everything in a backend was listed, as far as it was asked for.
    pub fn is_complete(&self, backend: &str) -> bool {
        let mut failures = self.failures.iter();
        !failures.any(|failure| &*failure.backend == backend)
    }

    /// Whether everything in a backend that computes was listed, and so everything that can run.
    pub fn has_listed_what_computes(&self, backend: &str) -> bool {
        !self.failures.iter().any(|failure| {
            &*failure.backend == backend
                && failure
                    .kind
                    .is_none_or(|kind| self.kinds.class(backend, kind) == Class::Compute)
        })
    }

    /// The indices of what goes along with the resource at this index, and may go before it.
    pub fn follower_indices(&self, index: usize) -> &[usize] {
        self.users.followers.get(&index).map_or(&[], Vec::as_slice)
    }

    /// The resources that use the one at this index.
    pub fn dependents(&self, index: usize) -> impl Iterator<Item = &Identity> {
        let indices = self.dependent_indices(index).iter();
        indices.map(|dependent| &self.resources[*dependent].identity)
    }

    /// The indices of the resources that use the one at this index.
    pub fn dependent_indices(&self, index: usize) -> &[usize] {
        let ends = &self.users.ends;
        let Some(end) = ends.get(index) else {
            return &[];
        };
        let start = index.checked_sub(1).map_or(0, |before| ends[before]);
        &self.users.indices[start..*end]
    }

    /// Whether listing this kind worked, as far as it was asked for. Only then does not being listed mean
    /// anything.
    pub fn has_listed(&self, backend: &str, kind: Kind) -> bool {
        !self.failures.iter().any(|failure| {
            &*failure.backend == backend && failure.kind.is_none_or(|failed| failed == kind)
        })
    }

    /// Whether everything that might hold a resource of this kind was listed.
    pub fn knows_dependents_of(&self, backend: &str, kind: Kind) -> bool {
        let info = self.kinds.info(backend, kind);
        // What no backend declares is never listed.
        let is_undeclared = |user: &Kind| self.kinds.info(backend, *user).is_none();
        if info.is_some_and(|info| info.used_by.iter().any(is_undeclared)) {
            return false;
        }
        !self.failures.iter().any(|failure| {
            &*failure.backend == backend
                && failure.kind.is_none_or(|failed| match info {
                    Some(info) => info.used_by.contains(&failed),
                    // Nobody says what might use it, so it could be anything.
                    None => true,
                })
        })
    }
}

impl Users {
    fn new(resources: &[Resource]) -> Self {
        // Borrowed keys: an inventory can have a million ids. By account, since one may have several names.
        let mut relations: HashMap<(&str, Kind, &str), Vec<User>> = HashMap::new();
        for (index, user) in resources.iter().enumerate() {
            for relation in &user.relations {
                let key = (&*user.identity.account, relation.kind, &*relation.native);
                let users = relations.entry(key).or_default();
                users.push(User {
                    index,
                    bond: relation.bond,
                });
            }
        }
        let mut known = Self::default();
        if relations.is_empty() {
            return known;
        }
        known.ends.reserve_exact(resources.len());
        for (index, used) in resources.iter().enumerate() {
            let identity = &used.identity;
            let key = (&*identity.account, identity.kind, &*identity.native);
            for user in relations.get(&key).into_iter().flatten() {
                if user.bond.takes_along() {
                    let along = known.taken_along.entry(user.index);
                    along.or_default().push(index);
                }
                match user.bond {
                    Bond::Leads => known.followers.entry(user.index).or_default().push(index),
                    Bond::Uses | Bond::Owns => known.indices.push(user.index),
                }
            }
            known.ends.push(known.indices.len());
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use tbengine_sdk::{Relation, State};

    use super::*;

    fn resource(backend: &str, kind: Kind, native: &str, uses: &[(Kind, &str, bool)]) -> Resource {
        let identity = Identity {
            backend: backend.into(),
            account: format!("account of {backend}").into(),
            kind,
            native: native.to_owned(),
            created: None,
        };
        let mut resource = Resource::new(identity, native, State::Present);
        let relation = |(kind, native, cascade): &(Kind, &str, bool)| Relation {
            kind: *kind,
            native: (*native).to_owned(),
            bond: match cascade {
                true => Bond::Owns,
                false => Bond::Uses,
            },
        };
        resource.relations = uses.iter().map(relation).collect();
        resource
    }

    #[test]
    fn each_resource_knows_who_uses_it_and_what_goes_along_with_it() {
        const CONTAINER: Kind = Kind::CONTAINER;
        const NETWORK: Kind = Kind::NETWORK;
        const VOLUME: Kind = Kind::VOLUME;
        let inventory = Inventory::new(
            BTreeMap::default(),
            vec![
                resource("x", VOLUME, "same", &[]),
                // A network by the same name is used, but does not go along.
                resource("x", NETWORK, "same", &[]),
                resource(
                    "x",
                    CONTAINER,
                    "one",
                    &[(VOLUME, "same", true), (NETWORK, "same", false)],
                ),
                // It names what was not listed.
                resource(
                    "x",
                    CONTAINER,
                    "two",
                    &[(NETWORK, "same", false), (VOLUME, "gone", true)],
                ),
                // Another backend may have equal ids.
                resource("y", VOLUME, "same", &[]),
            ],
            Vec::new(),
        );
        let dependents: Vec<&[usize]> = (0..5)
            .map(|index| inventory.dependent_indices(index))
            .collect();
        assert_eq!(dependents, [&[2][..], &[2, 3], &[], &[], &[]]);
        let names = |index| -> Vec<&str> {
            let dependents = inventory.dependents(index);
            dependents.map(|dependent| &*dependent.native).collect()
        };
        assert_eq!(names(1), ["one", "two"]);
        let along: Vec<Vec<Kind>> = (0..5)
            .map(|index| {
                let taken = inventory.cascade_of(index);
                taken.map(|taken| taken.identity.kind).collect()
            })
            .collect();
        assert_eq!(along, [vec![], vec![], vec![VOLUME], vec![], vec![]]);
    }

    #[test]
    fn where_nothing_is_used_nothing_is_held() {
        let lone = resource("x", Kind::VOLUME, "lone", &[]);
        let inventory = Inventory::new(BTreeMap::default(), vec![lone], Vec::new());
        assert!(inventory.dependent_indices(0).is_empty());
        assert_eq!(inventory.cascade_of(0).count(), 0);
    }
}
