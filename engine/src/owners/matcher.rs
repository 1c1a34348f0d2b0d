//! Rules that are held against many resources.

use foldhash::{HashMap, HashMapExt as _};

use super::fact::{Condition, Fact, Predicate};
use super::judge::Ref;
use super::seen::{Account, Around, Seen};
use super::set::Owners;
use super::subject::Subject;

/// Rules that are held against many resources: most of them ask for the same few labels, so a fact that several
/// rules need is looked at once per resource.
///
/// ```text
///   labels, attributes ──> values by slot ──┬──> slots that a rule needs ──> rules that may hold
///                                           │                                       │
///                                           ├──> answers by fact, when needed ──> rules that hold
///   names, what it uses ────────────────────┘
/// ```
pub(super) struct Matcher<'a> {
    owners: &'a Owners,
    account: &'a dyn Account,
    label_slots: HashMap<&'a str, usize>,
    attr_slots: HashMap<&'a str, usize>,
    facts: Vec<SlottedFact<'a>>,
    fact_indices: HashMap<(&'a Subject, Text<'a>), usize>,
    rules_by_kind: HashMap<&'a str, Vec<Clauses>>,
    /// The values of the labels and attributes of one resource, by slot.
    values: Vec<Option<&'a str>>,
    /// What is known of the facts about that resource, by the index of a fact.
    answers: Vec<Option<Answer>>,
}

/// What one resource says of a fact, a condition or a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answer {
    /// It does not hold.
    No,
    /// It holds if others are proven to be of an owner.
    Open,
    /// It holds.
    Yes,
}

/// A fact, and where what it is about is found.
struct SlottedFact<'a> {
    fact: &'a Fact,
    /// The slot of its label or attribute.
    slot: Option<usize>,
    /// Whether it holds of nothing in the account, since nothing has such a name as it asks for.
    is_idle: bool,
}

/// Slots, as the bits of a number.
type Slots = u128;

/// The text of a predicate, by which two facts are the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Text<'a> {
    There,
    Is(&'a str),
    Like(&'a str),
}

/// A rule, with its conditions as indices of facts of which one has to hold.
struct Clauses {
    at: Ref,
    /// For each condition about labels and attributes alone: the slots of which one has a value if it holds.
    needs: Vec<Slots>,
    all: Vec<Vec<usize>>,
    none: Vec<Vec<usize>>,
}

impl<'a> Matcher<'a> {
    pub(super) fn new(owners: &'a Owners, account: &'a dyn Account) -> Self {
        Self {
            owners,
            account,
            label_slots: HashMap::new(),
            attr_slots: HashMap::new(),
            facts: Vec::new(),
            fact_indices: HashMap::new(),
            rules_by_kind: HashMap::new(),
            values: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Hands in the rules that hold of a resource, or may, in the order of the rules.
    pub(super) fn find(
        &mut self,
        index: usize,
        seen: &Seen<'a>,
        found: &mut dyn FnMut(Ref, Answer),
    ) {
        if !self.rules_by_kind.contains_key(seen.kind) {
            let rules = self.rules_about(seen);
            self.rules_by_kind.insert(seen.kind, rules);
        }
        self.answers.fill(None);
        self.values.fill(None);
        let mut filled: Slots = 0;
        let both = [
            (&self.label_slots, seen.labels),
            (&self.attr_slots, seen.attrs),
        ];
        for (slots, pairs) in both {
            for (key, value) in pairs.iter() {
                if let Some(slot) = slots.get(key) {
                    self.values[*slot] = Some(value);
                    filled |= bit(*slot);
                }
            }
        }
        let mut one = One {
            account: self.account,
            index,
            seen,
            facts: &self.facts,
            values: &self.values,
            answers: &mut self.answers,
        };
        for clauses in &self.rules_by_kind[seen.kind] {
            if clauses.needs.iter().any(|slots| slots & filled == 0) {
                continue;
            }
            let answer = one.rule(clauses);
            if answer != Answer::No {
                found(clauses.at, answer);
            }
        }
    }

    fn rules_about(&mut self, seen: &Seen<'_>) -> Vec<Clauses> {
        let owners = self.owners;
        let refs = owners.refs().map(|at| (at, owners.rule(at)));
        refs.filter(|(_, rule)| rule.is_about(seen.provider, seen.kind, seen.class))
            .map(|(at, rule)| {
                let all = self.conditions(&rule.all);
                Clauses {
                    at,
                    needs: all.iter().filter_map(|facts| self.slots(facts)).collect(),
                    all,
                    none: self.conditions(&rule.none),
                }
            })
            .collect()
    }

    /// The slots of facts, if all are about labels and attributes. `None` as well if there is no bit for one.
    fn slots(&self, facts: &[usize]) -> Option<Slots> {
        let slots = facts.iter().map(|fact| self.facts[*fact].slot);
        slots
            .map(|slot| slot.map(bit).filter(|bit| *bit != 0))
            .try_fold(0, |all, bit| Some(all | bit?))
    }

    /// Conditions, the cheap ones first.
    fn conditions(&mut self, conditions: &'a [Condition]) -> Vec<Vec<usize>> {
        let mut conditions: Vec<&Condition> = conditions.iter().collect();
        conditions.sort_by_key(|condition| condition.facts().iter().map(cost).max());
        let facts = |condition: &&'a Condition| {
            let facts = condition.facts().iter();
            facts.map(|fact| self.index_of(fact)).collect()
        };
        conditions.iter().map(facts).collect()
    }

    fn index_of(&mut self, fact: &'a Fact) -> usize {
        let text = match &fact.predicate {
            Predicate::There => Text::There,
            Predicate::Is(text) => Text::Is(text),
            Predicate::Like(pattern) => Text::Like(pattern.as_str()),
        };
        let next = self.facts.len();
        let index = *self
            .fact_indices
            .entry((&fact.subject, text))
            .or_insert(next);
        if index == next {
            let slot = self.slot_of(&fact.subject);
            let is_idle = self.is_idle(fact);
            self.facts.push(SlottedFact {
                fact,
                slot,
                is_idle,
            });
            self.answers.push(None);
        }
        index
    }

    /// Whether a fact about what a resource uses asks for a name that nothing in the account has.
    fn is_idle(&self, fact: &Fact) -> bool {
        match (&fact.subject, &fact.predicate) {
            (Subject::Uses(kind), Predicate::Like(pattern)) => {
                let names = self.account.names_of(kind);
                names.is_some_and(|names| !names.iter().any(|name| pattern.may_fit(name)))
            }
            _ => false,
        }
    }

    fn slot_of(&mut self, subject: &'a Subject) -> Option<usize> {
        let (slots, key) = match subject {
            Subject::Label(key) => (&mut self.label_slots, key),
            Subject::Attr(key) => (&mut self.attr_slots, key),
            _ => return None,
        };
        let next = self.values.len();
        let slot = *slots.entry(key).or_insert(next);
        if slot == next {
            self.values.push(None);
        }
        Some(slot)
    }
}

/// The bit of a slot; none, if there are more slots than bits.
fn bit(slot: usize) -> Slots {
    let slot = u32::try_from(slot).unwrap_or(u32::MAX);
    Slots::checked_shl(1, slot).unwrap_or(0)
}

/// How much it takes to look at a fact, beside others.
fn cost(fact: &Fact) -> u8 {
    match (&fact.subject, &fact.predicate) {
        (Subject::UnitOf(_) | Subject::UsersOf(_) | Subject::AccountHas(_), _) => 3,
        (Subject::Uses(_), _) => 2,
        (_, Predicate::Like(_)) => 1,
        (_, Predicate::There | Predicate::Is(_)) => 0,
    }
}

/// One resource, before the rules.
struct One<'m, 'a> {
    account: &'a dyn Account,
    index: usize,
    seen: &'m Seen<'a>,
    facts: &'m [SlottedFact<'a>],
    values: &'m [Option<&'a str>],
    answers: &'m mut [Option<Answer>],
}

impl One<'_, '_> {
    fn rule(&mut self, clauses: &Clauses) -> Answer {
        let mut answer = Answer::Yes;
        for condition in &clauses.all {
            answer = answer.min(self.condition(condition));
            if answer == Answer::No {
                return answer;
            }
        }
        let mut none = clauses.none.iter();
        // What must not hold is about the resource itself, so it is never open.
        if none.any(|condition| self.condition(condition) != Answer::No) {
            return Answer::No;
        }
        answer
    }

    fn condition(&mut self, facts: &[usize]) -> Answer {
        let mut answer = Answer::No;
        for fact in facts {
            answer = answer.max(self.fact(*fact));
            if answer == Answer::Yes {
                break;
            }
        }
        answer
    }

    fn fact(&mut self, index: usize) -> Answer {
        if let Some(answer) = self.answers[index] {
            return answer;
        }
        let answer = self.look(&self.facts[index]);
        self.answers[index] = Some(answer);
        answer
    }

    fn look(&self, one: &SlottedFact<'_>) -> Answer {
        let SlottedFact {
            fact,
            slot,
            is_idle,
        } = one;
        if *is_idle {
            return Answer::No;
        }
        if fact.subject.owner().is_some() {
            return Answer::Open;
        }
        let holds = match slot {
            Some(slot) => self.values[*slot].is_some_and(|text| fact.says(text, self.seen)),
            None => fact.holds(self.seen, self),
        };
        if holds { Answer::Yes } else { Answer::No }
    }
}

/// Others are not looked at: what is said of their owners is open.
impl Around for One<'_, '_> {
    fn used(&self, kind: &str) -> Vec<&str> {
        self.account.used(self.index, kind)
    }

    fn unit_is_of(&self, _owner: &str) -> bool {
        false
    }

    fn users_are_of(&self, _owner: &str) -> bool {
        false
    }

    fn account_has(&self, _owner: &str) -> bool {
        false
    }
}
