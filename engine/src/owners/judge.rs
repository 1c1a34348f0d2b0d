//! The owners of the resources of an account.
//!
//! Two passes, and no recursion: first the rules that look at a resource by itself, then those that ask whose
//! its unit, its users or its account are. What the second pass proves proves nothing further, and is not
//! remembered: a network that is known by its containers does not keep that knowledge alive.

use std::collections::BTreeSet;

use foldhash::{HashMap, HashMapExt as _};

use super::memory::Memory;
use super::owner::KnownOwner;
use super::rule::Rule;
use super::seen::{Account, Around, Seen};
use super::set::Owners;
use super::subject::Subject;

/// Whose a resource is.
#[derive(Clone, Debug)]
pub struct Proven<'o> {
    /// What proves it, if anything does.
    pub proof: Option<Proof<'o>>,
    /// The benchmarks that are proven at once, so that none of them counts.
    pub rivals: Vec<&'o KnownOwner>,
}

/// What proves whose a resource is.
#[derive(Clone, Debug)]
pub struct Proof<'o> {
    /// The owner.
    pub owner: &'o KnownOwner,
    /// The rule that holds.
    pub rule: &'o Rule,
    /// The unit of the resource.
    pub unit: Option<String>,
}

/// What was proven by a resource's own facts, and is worth to be remembered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Learned {
    /// The unit of the resource.
    pub unit: Option<String>,
    /// The name of the owner.
    pub owner: String,
}

/// The index of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ref {
    pub(super) owner: usize,
    pub(super) rule: usize,
}

impl Owners {
    /// Finds the owners of the resources of an account, and hands in those of which anything is proven, in
    /// the order of their indices. What comes back is to be remembered.
    pub fn judge(
        &self,
        account: &dyn Account,
        memory: &dyn Memory,
        found: &mut dyn FnMut(usize, &Proven<'_>),
    ) -> BTreeSet<Learned> {
        let Alone {
            known,
            mut holding,
            pending,
        } = self.judge_alone(account);
        for (index, at) in pending {
            let seen = account.seen(index);
            let among = Among {
                account,
                index,
                unit: self.rule(at).unit_of(&seen),
                owners: self,
                known: &known,
                memory,
            };
            if self.rule(at).holds(&seen, &among) {
                holding.push((index, at));
            }
        }
        holding.sort_unstable();
        for (index, refs) in by_index(&holding) {
            found(index, &self.proven(&refs, &account.seen(index)));
        }
        known.learned
    }

    /// The first pass.
    pub(super) fn judge_alone(&self, account: &dyn Account) -> Alone {
        let mut rules = Index::new(self);
        let mut alone = Alone::default();
        let mut candidates = Vec::new();
        for index in 0..account.count() {
            let seen = account.seen(index);
            rules.candidates(&seen, &mut candidates);
            for &(at, is_relational) in &candidates {
                let rule = self.rule(at);
                let without = Lonely {
                    account,
                    index,
                    answer: false,
                };
                if rule.holds(&seen, &without) {
                    alone.holding.push((index, at));
                } else if is_relational
                    && rule.holds(
                        &seen,
                        &Lonely {
                            answer: true,
                            ..without
                        },
                    )
                {
                    alone.pending.push((index, at));
                }
            }
        }
        let asked = self.asked_for();
        for (index, refs) in by_index(&alone.holding) {
            let Ok(Some(at)) = self.decide(&refs) else {
                continue;
            };
            if asked.contains(&at.owner) {
                let unit = self.rule(at).unit_of(&account.seen(index));
                alone
                    .known
                    .add(index, unit, at.owner, &self.known[at.owner].name);
            }
        }
        alone
    }
}

/// What the first pass found.
#[derive(Debug, Default)]
pub(super) struct Alone {
    pub(super) known: Known,
    /// The rules that hold, by the indices of the resources.
    holding: Vec<(usize, Ref)>,
    /// The rules that may hold if others are proven.
    pending: Vec<(usize, Ref)>,
}

/// What is proven by resources' own facts, as far as a rule asks for it.
#[derive(Debug, Default)]
pub(super) struct Known {
    indices: HashMap<usize, usize>,
    units: HashMap<String, BTreeSet<usize>>,
    owners: BTreeSet<usize>,
    learned: BTreeSet<Learned>,
}

impl Known {
    fn add(&mut self, index: usize, unit: Option<String>, owner: usize, name: &str) {
        self.indices.insert(index, owner);
        self.owners.insert(owner);
        if let Some(unit) = &unit {
            self.units.entry(unit.clone()).or_default().insert(owner);
        }
        self.learned.insert(Learned {
            unit,
            owner: name.to_owned(),
        });
    }
}

/// A resource of which it is looked at nothing but itself: what is asked of others has the same answer.
struct Lonely<'a> {
    account: &'a dyn Account,
    index: usize,
    answer: bool,
}

impl Around for Lonely<'_> {
    fn used(&self, kind: &str) -> Vec<&str> {
        self.account.used(self.index, kind)
    }

    fn unit_is_of(&self, _owner: &str) -> bool {
        self.answer
    }

    fn users_are_of(&self, _owner: &str) -> bool {
        self.answer
    }

    fn account_has(&self, _owner: &str) -> bool {
        self.answer
    }
}

/// A resource among others of which something is known.
pub(super) struct Among<'a> {
    pub(super) account: &'a dyn Account,
    pub(super) index: usize,
    pub(super) unit: Option<String>,
    pub(super) owners: &'a Owners,
    pub(super) known: &'a Known,
    pub(super) memory: &'a dyn Memory,
}

impl Among<'_> {
    fn is(&self, owner: usize, name: &str) -> bool {
        &*self.owners.known[owner].name == name
    }
}

impl Around for Among<'_> {
    fn used(&self, kind: &str) -> Vec<&str> {
        self.account.used(self.index, kind)
    }

    fn unit_is_of(&self, owner: &str) -> bool {
        let Some(unit) = &self.unit else {
            return false;
        };
        // A unit of which members are proven to be of several is nobody's.
        match self.known.units.get(unit) {
            Some(known) => known.len() == 1 && known.iter().all(|known| self.is(*known, owner)),
            None => self.memory.unit_was_of(self.account.id(), unit, owner),
        }
    }

    fn users_are_of(&self, owner: &str) -> bool {
        let users = self.account.users(self.index);
        !users.is_empty()
            && users.iter().all(|user| {
                let known = self.known.indices.get(user);
                known.is_some_and(|known| self.is(*known, owner))
            })
    }

    fn account_has(&self, owner: &str) -> bool {
        let mut known = self.known.owners.iter();
        known.any(|known| self.is(*known, owner))
            || self.memory.account_had(self.account.id(), owner)
    }
}

/// Which rules may hold of a resource: those about its kind, by the labels and attributes that it has. So what
/// has no labels meets the few rules about names.
struct Index<'o> {
    owners: &'o Owners,
    by_kind: HashMap<String, KindRules<'o>>,
}

/// The rules about one kind of resource.
#[derive(Default)]
struct KindRules<'o> {
    by_label: HashMap<&'o str, Vec<(Ref, bool)>>,
    by_attr: HashMap<&'o str, Vec<(Ref, bool)>>,
    always: Vec<(Ref, bool)>,
}

impl<'o> Index<'o> {
    fn new(owners: &'o Owners) -> Self {
        Self {
            owners,
            by_kind: HashMap::new(),
        }
    }

    /// Puts the rules that may hold in place of what was there.
    fn candidates(&mut self, seen: &Seen<'_>, candidates: &mut Vec<(Ref, bool)>) {
        candidates.clear();
        if !self.by_kind.contains_key(seen.kind) {
            let rules = KindRules::new(self.owners, seen);
            self.by_kind.insert(seen.kind.to_owned(), rules);
        }
        let Some(rules) = self.by_kind.get(seen.kind) else {
            return;
        };
        candidates.extend(&rules.always);
        if !rules.by_label.is_empty() {
            for (key, _) in seen.labels.iter() {
                candidates.extend(rules.by_label.get(key).into_iter().flatten());
            }
        }
        if !rules.by_attr.is_empty() {
            for (key, _) in seen.attrs.iter() {
                candidates.extend(rules.by_attr.get(key).into_iter().flatten());
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
    }
}

impl<'o> KindRules<'o> {
    fn new(owners: &'o Owners, seen: &Seen<'_>) -> Self {
        let mut rules = Self::default();
        for at in owners.refs() {
            let rule = owners.rule(at);
            if !rule.is_about(seen.provider, seen.kind, seen.class) {
                continue;
            }
            let entry = (at, rule.is_relational());
            let keys = rule.keys();
            for key in &keys {
                match key {
                    Subject::Label(key) => rules.by_label.entry(key).or_default().push(entry),
                    Subject::Attr(key) => rules.by_attr.entry(key).or_default().push(entry),
                    _ => rules.always.push(entry),
                }
            }
            if keys.is_empty() {
                rules.always.push(entry);
            }
        }
        rules
    }
}

/// The rules of each index, from a list in the order of indices.
fn by_index(holding: &[(usize, Ref)]) -> impl Iterator<Item = (usize, Vec<Ref>)> {
    let chunks = holding.chunk_by(|one, other| one.0 == other.0);
    chunks.map(|chunk| (chunk[0].0, chunk.iter().map(|(_, at)| *at).collect()))
}
