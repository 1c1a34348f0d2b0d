//! The owners of the resources of an account.
//!
//! Two passes, and no recursion: first the rules that look at a resource by itself, then those that ask whose
//! its unit, its users or its account are. What the second pass proves proves nothing further, and is not
//! remembered: a network that is known by its containers does not keep that knowledge alive.

use std::borrow::Cow;
use std::collections::BTreeSet;

use foldhash::HashMap;

use super::matcher::{Answer, Matcher};
use super::memory::Memory;
use super::owner::KnownOwner;
use super::rule::Rule;
use super::seen::{Account, Around};
use super::set::Owners;

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
        found: &mut dyn FnMut(usize, Proven<'_>),
    ) -> Vec<Learned> {
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
        let mut refs = Vec::new();
        for of_one in holding.chunk_by(|one, other| one.0 == other.0) {
            refs.clear();
            refs.extend(of_one.iter().map(|(_, at)| *at));
            let index = of_one[0].0;
            found(index, self.proven(&refs, &account.seen(index)));
        }
        known.learned(self)
    }

    /// The first pass.
    pub(super) fn judge_alone(&self, account: &dyn Account) -> Alone {
        let mut matcher = Matcher::new(self, account);
        let asked = self.asked_for();
        let mut alone = Alone::default();
        let mut holding = Vec::new();
        for index in 0..account.count() {
            let seen = account.seen(index);
            holding.clear();
            matcher.find(index, &seen, &mut |at, answer| match answer {
                Answer::Yes => holding.push(at),
                Answer::Open => alone.pending.push((index, at)),
                Answer::No => {}
            });
            alone.holding.extend(holding.iter().map(|at| (index, *at)));
            if let Ok(Some(at)) = self.decide(&holding)
                && asked.contains(&at.owner)
            {
                let unit = self.rule(at).unit_of(&seen);
                alone.known.add(index, unit, at.owner);
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
    /// The owners of resources, by the index of the resource.
    indices: HashMap<usize, usize>,
    /// The owners that members of a unit are proven to be of.
    units: HashMap<String, Vec<usize>>,
    /// The owners of what has no unit.
    without_unit: BTreeSet<usize>,
    owners: BTreeSet<usize>,
}

impl Known {
    fn add(&mut self, index: usize, unit: Option<Cow<'_, str>>, owner: usize) {
        self.indices.insert(index, owner);
        self.owners.insert(owner);
        let Some(unit) = unit else {
            self.without_unit.insert(owner);
            return;
        };
        match self.units.get_mut(&*unit) {
            Some(owners) if owners.contains(&owner) => {}
            Some(owners) => owners.push(owner),
            None => {
                self.units.insert(unit.into_owned(), vec![owner]);
            }
        }
    }

    /// The proven owners that later runs need, each once.
    fn learned(self, owners: &Owners) -> Vec<Learned> {
        let name = |owner: usize| owners.known[owner].name.to_string();
        let units = self.units.into_iter().flat_map(|(unit, owners)| {
            let unit = move |owner| (Some(unit.clone()), owner);
            owners.into_iter().map(unit)
        });
        let without = self.without_unit.into_iter().map(|owner| (None, owner));
        let all = units.chain(without);
        all.map(|(unit, owner)| Learned {
            unit,
            owner: name(owner),
        })
        .collect()
    }
}

/// A resource among others of which something is known.
pub(super) struct Among<'a> {
    pub(super) account: &'a dyn Account,
    pub(super) index: usize,
    pub(super) unit: Option<Cow<'a, str>>,
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
        match self.known.units.get(&**unit) {
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
