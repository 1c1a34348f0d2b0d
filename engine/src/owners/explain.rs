//! Why a rule holds of a resource or does not.

use super::fact::{Condition, Predicate};
use super::judge::{Among, Proven};
use super::memory::Memory;
use super::owner::KnownOwner;
use super::rule::Rule;
use super::seen::{Account, Around, Seen};
use super::set::Owners;
use super::what::What;

/// Whose a resource is, and why.
#[derive(Clone, Debug)]
pub struct Explained<'o> {
    /// Whose it is.
    pub proven: Proven<'o>,
    /// What came of each rule about its kind.
    pub looked: Vec<Looked<'o>>,
}

/// What came of one rule.
#[derive(Clone, Debug)]
pub struct Looked<'o> {
    /// The owner that it proves.
    pub owner: &'o KnownOwner,
    /// The rule.
    pub rule: &'o Rule,
    /// Whether it holds.
    pub holds: bool,
    /// What it needs, in words, and whether that is so.
    pub needs: Vec<(String, bool)>,
    /// Whether what holds says something: a rare fact, or a pattern that fits.
    says_something: bool,
}

impl<'o> Explained<'o> {
    /// The rules of benchmarks that do not hold, though a part of them does.
    pub fn nearly(&self) -> impl Iterator<Item = &Looked<'o>> {
        self.looked.iter().filter(|looked| {
            looked.owner.what == What::Benchmark && !looked.holds && looked.says_something
        })
    }
}

impl Looked<'_> {
    /// The name of the rule, as `OWNER/RULE`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.owner.name, self.rule.id)
    }

    /// What it needs, in words, as far as that is so.
    pub fn holding(&self) -> impl Iterator<Item = &str> {
        self.part(true)
    }

    /// What it needs, in words, as far as that is not so.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.part(false)
    }

    fn part(&self, wanted: bool) -> impl Iterator<Item = &str> {
        let part = self.needs.iter().filter(move |(_, is_so)| *is_so == wanted);
        part.map(|(text, _)| &**text)
    }
}

impl Owners {
    /// Says whose the resource at an index is, and why.
    pub fn explain(
        &self,
        account: &dyn Account,
        index: usize,
        memory: &dyn Memory,
    ) -> Explained<'_> {
        let alone = self.judge_alone(account);
        let seen = account.seen(index);
        let mut holding = Vec::new();
        let mut looked = Vec::new();
        for at in self.refs() {
            let rule = self.rule(at);
            if !rule.is_about(seen.provider, seen.kind, seen.class) {
                continue;
            }
            let among = Among {
                account,
                index,
                unit: rule.unit_of(&seen),
                owners: self,
                known: &alone.known,
                memory,
            };
            let one = look(&self.known[at.owner], rule, &seen, &among);
            if one.holds {
                holding.push(at);
            }
            looked.push(one);
        }
        Explained {
            proven: self.proven(&holding, &seen),
            looked,
        }
    }
}

fn look<'o>(
    owner: &'o KnownOwner,
    rule: &'o Rule,
    seen: &Seen<'_>,
    around: &dyn Around,
) -> Looked<'o> {
    let wanted = rule.all.iter().map(|one| (one, true));
    let unwanted = rule.none.iter().map(|one| (one, false));
    let mut needs = Vec::new();
    let mut says_something = false;
    for (condition, wanted) in wanted.chain(unwanted) {
        let is_so = condition.holds(seen, around) == wanted;
        let text = if wanted {
            condition.to_string()
        } else {
            format!("not: {condition}")
        };
        needs.push((text, is_so));
        says_something |= wanted && is_telling(condition, seen, around);
    }
    Looked {
        owner,
        rule,
        holds: needs.iter().all(|(_, is_so)| *is_so),
        needs,
        says_something,
    }
}

/// Whether a fact about the resource itself holds by which it stands out.
fn is_telling(condition: &Condition, seen: &Seen<'_>, around: &dyn Around) -> bool {
    condition.facts().iter().any(|fact| {
        let is_telling = fact.rare || matches!(fact.predicate, Predicate::Like(_));
        is_telling && fact.subject.owner().is_none() && fact.holds(seen, around)
    })
}
