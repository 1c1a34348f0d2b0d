//! All owners that are known.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::judge::{Proof, Proven, Ref};
use super::owner::KnownOwner;
use super::rule::Rule;
use super::seen::Seen;
use super::what::What;

/// All owners that are known, by their rules.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    /// Sorted by their names.
    pub(super) known: Vec<KnownOwner>,
    /// Kinds of backend that simulate others, and so have their rules.
    pub(super) stands_for: BTreeMap<String, Vec<String>>,
}

impl Owners {
    /// The owners, sorted by their names.
    pub fn iter(&self) -> impl Iterator<Item = &KnownOwner> {
        self.known.iter()
    }

    /// The owner of this name.
    pub fn get(&self, name: &str) -> Option<&KnownOwner> {
        let index = self.known.binary_search_by(|known| (*known.name).cmp(name));
        Some(&self.known[index.ok()?])
    }

    /// The indices of all rules.
    pub(super) fn refs(&self) -> impl Iterator<Item = Ref> {
        let owners = self.known.iter().enumerate();
        owners
            .flat_map(|(owner, known)| (0..known.rules.len()).map(move |rule| Ref { owner, rule }))
    }

    pub(super) fn rule(&self, at: Ref) -> &Rule {
        &self.known[at.owner].rules[at.rule]
    }

    pub(super) fn rule_name(&self, at: Ref) -> String {
        format!("{}/{}", self.known[at.owner].name, self.rule(at).id)
    }

    /// The owners that rules about other resources ask for: only of these it is worth to remember anything.
    pub(super) fn asked_for(&self) -> BTreeSet<usize> {
        let rules = self.known.iter().flat_map(|known| &known.rules);
        let names: BTreeSet<&str> = rules.flat_map(Rule::owners_named).collect();
        let owners = self.known.iter().enumerate();
        let asked = owners.filter(|(_, known)| names.contains(&*known.name));
        asked.map(|(owner, _)| owner).collect()
    }

    /// Which of the rules that hold counts: what is kept goes before a benchmark, that before what is kept
    /// and yields, and a product is last. Two benchmarks are rivals, and none of them is proven.
    pub(super) fn decide(&self, holding: &[Ref]) -> Result<Option<Ref>, Vec<usize>> {
        let find = |what: What, yields: bool| {
            let mut holding = holding.iter().copied();
            holding.find(|at| {
                let owner = &self.known[at.owner];
                owner.what == what && owner.yields == yields
            })
        };
        if let Some(kept) = find(What::Kept, false) {
            return Ok(Some(kept));
        }
        let benchmarks = holding.iter().map(|at| at.owner);
        let mut benchmarks = benchmarks.filter(|owner| self.known[*owner].what == What::Benchmark);
        if let Some(first) = benchmarks.next()
            && benchmarks.clone().any(|owner| owner != first)
        {
            let all: BTreeSet<usize> = benchmarks.chain([first]).collect();
            return Err(all.into_iter().collect());
        }
        let rest = [
            (What::Benchmark, false),
            (What::Kept, true),
            (What::Product, false),
        ];
        Ok(rest
            .into_iter()
            .find_map(|(what, yields)| find(what, yields)))
    }

    /// Whose a resource is, of which these rules hold.
    pub(super) fn proven(&self, holding: &[Ref], seen: &Seen<'_>) -> Proven<'_> {
        match self.decide(holding) {
            Ok(at) => Proven {
                proof: at.map(|at| Proof {
                    owner: &self.known[at.owner],
                    rule: self.rule(at),
                    unit: self.rule(at).unit_of(seen).map(Cow::into_owned),
                }),
                rivals: Vec::new(),
            },
            Err(rivals) => Proven {
                proof: None,
                rivals: rivals.into_iter().map(|owner| &self.known[owner]).collect(),
            },
        }
    }
}
