//! Which candidates go into one call.

use std::borrow::Cow;
use std::collections::HashMap;

use super::Candidate;
use super::description::Judging;

/// The most resources in one call of a policy that judges units, unless one unit alone is larger.
/// The built-in policies take some 75 MiB of guest memory for so many.
pub const LARGEST_BATCH: usize = 100_000;

/// How many resources a call of a policy gets that judges each alone. Small enough for languages
/// whose garbage collector slows down with what it holds.
pub(super) const CHUNK: usize = 10_000;

/// Candidates in the order of their calls. The same candidates give the same batches.
pub(super) fn batches<'c>(
    candidates: &'c [Candidate<'c>],
    judging: Judging,
) -> Vec<Cow<'c, [Candidate<'c>]>> {
    match judging {
        Judging::All => vec![Cow::Borrowed(candidates)],
        Judging::Units if candidates.len() <= LARGEST_BATCH => vec![Cow::Borrowed(candidates)],
        Judging::Units => by_unit(candidates, LARGEST_BATCH),
        Judging::Each if candidates.is_empty() => vec![Cow::Borrowed(candidates)],
        Judging::Each => candidates.chunks(CHUNK).map(Cow::Borrowed).collect(),
    }
}

/// Batches that never split a unit; one that is larger than a batch gets one of its own.
fn by_unit<'c>(candidates: &[Candidate<'c>], largest: usize) -> Vec<Cow<'c, [Candidate<'c>]>> {
    // Each candidate goes where the first of its unit is.
    let mut first_of_unit = HashMap::new();
    let mut placed: Vec<(usize, Candidate<'c>)> = candidates
        .iter()
        .enumerate()
        .map(|(place, candidate)| match &candidate.resource.unit {
            Some(unit) => (*first_of_unit.entry(unit).or_insert(place), *candidate),
            None => (place, *candidate),
        })
        .collect();
    placed.sort_by_key(|(place, _)| *place);

    let mut batches = Vec::new();
    let mut batch: Vec<Candidate<'c>> = Vec::new();
    for unit in placed.chunk_by(|a, b| a.0 == b.0) {
        if !batch.is_empty() && batch.len() + unit.len() > largest {
            batches.push(Cow::Owned(std::mem::take(&mut batch)));
        }
        batch.extend(unit.iter().map(|(_, candidate)| *candidate));
    }
    if !batch.is_empty() {
        batches.push(Cow::Owned(batch));
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use tbengine_sdk::{Identity, Kind, Resource, State, Unit};

    fn resource(name: usize, unit: Option<&str>) -> Resource {
        let identity = Identity {
            backend: "b".into(),
            account: "a".into(),
            kind: Kind::Container,
            native: name.to_string(),
            created: None,
        };
        let mut resource = Resource::new(identity, name.to_string(), State::Exited);
        resource.unit = unit.map(|unit| Unit(unit.to_owned()));
        resource
    }

    fn names(batches: &[Cow<'_, [Candidate<'_>]>]) -> Vec<Vec<String>> {
        batches
            .iter()
            .map(|batch| batch.iter().map(|one| one.resource.name.clone()).collect())
            .collect()
    }

    #[test]
    fn a_unit_is_never_split() {
        let units = [
            Some("x"),
            None,
            Some("y"),
            Some("x"),
            None,
            Some("y"),
            Some("y"),
            None,
        ];
        let resources: Vec<Resource> = units
            .iter()
            .enumerate()
            .map(|(name, unit)| resource(name, *unit))
            .collect();
        let candidates: Vec<Candidate<'_>> = resources
            .iter()
            .map(|resource| Candidate {
                resource,
                holders: &[],
            })
            .collect();
        assert_eq!(
            names(&by_unit(&candidates, 3)),
            [vec!["0", "3", "1"], vec!["2", "5", "6"], vec!["4", "7"]]
        );
        // Larger than a batch, and still whole.
        assert_eq!(
            names(&by_unit(&candidates, 2)),
            [
                vec!["0", "3"],
                vec!["1"],
                vec!["2", "5", "6"],
                vec!["4", "7"]
            ]
        );
    }

    #[test]
    fn nothing_to_judge_is_still_one_call() {
        for judging in [Judging::All, Judging::Units, Judging::Each] {
            assert_eq!(batches(&[], judging).len(), 1, "{judging:?}");
        }
    }

    #[test]
    fn chunks_hold_every_candidate_once() {
        let resources: Vec<Resource> = (0..CHUNK * 2 + 1)
            .map(|name| resource(name, None))
            .collect();
        let candidates: Vec<Candidate<'_>> = resources
            .iter()
            .map(|resource| Candidate {
                resource,
                holders: &[],
            })
            .collect();
        let sizes: Vec<usize> = batches(&candidates, Judging::Each)
            .iter()
            .map(|batch| batch.len())
            .collect();
        assert_eq!(sizes, [CHUNK, CHUNK, 1]);
    }
}
