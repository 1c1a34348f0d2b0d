//! How many facts a rule needs at least.

use super::fact::Fact;
use super::rule::Rule;

/// In how many ways a rule may be satisfied.
const MAX_WAYS: usize = 1_000;

/// Checks that every way to satisfy a rule has two facts of different origin, of which one is rare: a
/// benchmark's things are evaluated while they run, so a name that somebody chose as well is not enough.
///
/// # Errors
/// In words, with the way that is too weak.
pub(super) fn check(rule: &Rule) -> Result<(), String> {
    let count = rule.all.iter().try_fold(1_usize, |count, condition| {
        count
            .checked_mul(condition.facts().len())
            .filter(|count| *count <= MAX_WAYS)
    });
    let Some(count) = count else {
        return Err(format!(
            "there are more than {MAX_WAYS} ways to satisfy the rule"
        ));
    };
    for number in 0..count {
        let way = way(rule, number);
        let said = || {
            let facts: Vec<String> = way.iter().map(|fact| format!("`{fact}`")).collect();
            facts.join(" and ")
        };
        let two = way.iter().any(|fact| {
            let first = &way[0].subject;
            !fact.subject.is_of_one_origin(first)
        });
        if !two {
            return Err(format!(
                "a benchmark's rule needs two facts about different things, and {} is enough for this one",
                said()
            ));
        }
        if !way.iter().any(|fact| fact.rare) {
            return Err(format!(
                "a benchmark's rule needs a fact that is `rare`, and {} are enough for this one",
                said()
            ));
        }
    }
    Ok(())
}

/// One way to satisfy a rule, by its number.
fn way(rule: &Rule, mut number: usize) -> Vec<&Fact> {
    let mut way = Vec::with_capacity(rule.all.len());
    for condition in &rule.all {
        let facts = condition.facts();
        way.push(&facts[number % facts.len()]);
        number /= facts.len();
    }
    way
}
