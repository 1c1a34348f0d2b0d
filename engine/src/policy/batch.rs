//! Which candidates go into one call.

use std::collections::HashSet;
use std::ops::Range;

use super::candidate::Candidate;
use super::description::Judging;

/// The most resources in one call of a policy that evaluates units, unless one unit alone is larger.
/// More at once are evaluated no faster, and each call takes memory for what it holds: some 4 MiB of the
/// guest for so many with the built-in policies, and as much here.
pub const MAX_BATCH: usize = 5_000;

/// How many resources a call of a policy gets that evaluates each alone. Small enough for languages
/// whose garbage collector slows down with what it holds.
pub(super) const CHUNK: usize = MAX_BATCH;

/// The indices of the candidates of each call. The same candidates give the same calls.
pub(super) fn batches(candidates: &[Candidate<'_>], judging: Judging) -> Vec<Range<usize>> {
    let all = || ranges(std::iter::once(candidates));
    match judging {
        Judging::Each if candidates.len() > CHUNK => ranges(candidates.chunks(CHUNK)),
        Judging::Units if candidates.len() > MAX_BATCH => by_group(candidates, MAX_BATCH),
        Judging::Backend => by_backend(candidates),
        Judging::Each | Judging::Units | Judging::All => all(),
    }
}

/// The indices of slices that follow each other.
fn ranges<'b, 'c: 'b>(slices: impl Iterator<Item = &'b [Candidate<'c>]>) -> Vec<Range<usize>> {
    let mut end = 0;
    slices
        .map(|slice| {
            let begin = end;
            end += slice.len();
            begin..end
        })
        .collect()
}

/// Batches that never split a group; one that is larger than a batch gets one of its own.
fn by_group(candidates: &[Candidate<'_>], largest: usize) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for group in candidates.chunk_by(|a, b| a.group == b.group) {
        if end > begin && end - begin + group.len() > largest {
            batches.push(begin..end);
            begin = end;
        }
        end += group.len();
    }
    batches.push(begin..candidates.len());
    batches
}

/// A batch for each backend, or one for all where they are mixed.
fn by_backend(candidates: &[Candidate<'_>]) -> Vec<Range<usize>> {
    fn backend<'c>(candidate: &Candidate<'c>) -> &'c str {
        &candidate.resource.identity.backend
    }
    let slices = || candidates.chunk_by(|a, b| backend(a) == backend(b));
    let mut seen = HashSet::new();
    let is_mixed = !slices().all(|slice| seen.insert(backend(&slice[0])));
    match is_mixed || candidates.is_empty() {
        true => ranges(std::iter::once(candidates)),
        false => ranges(slices()),
    }
}

#[cfg(test)]
mod tests {
    use tbengine_sdk::{Identity, Kind, Resource, State};

    use super::*;

    fn resource() -> Resource {
        let identity = Identity {
            backend: "b".into(),
            account: "a".into(),
            kind: Kind::CONTAINER,
            native: "n".to_owned(),
            created: None,
        };
        Resource::new(identity, "n".to_owned(), State::Exited)
    }

    /// The sizes of the batches of candidates in these groups.
    fn sizes(batches: &[Range<usize>]) -> Vec<usize> {
        let mut end = 0;
        for batch in batches {
            assert_eq!(std::mem::replace(&mut end, batch.end), batch.start);
        }
        batches.iter().map(ExactSizeIterator::len).collect()
    }

    fn candidates(resource: &Resource, groups: impl Iterator<Item = usize>) -> Vec<Candidate<'_>> {
        let candidate = |group| Candidate {
            group,
            ..Candidate::alone(resource)
        };
        groups.map(candidate).collect()
    }

    #[test]
    fn a_group_is_never_split() {
        let resource = resource();
        let candidates = candidates(&resource, [0, 0, 1, 2, 2, 4, 5, 5, 5, 5, 6].into_iter());
        assert_eq!(sizes(&by_group(&candidates, 3)), [3, 3, 4, 1]);
        assert_eq!(sizes(&by_group(&candidates, 2)), [2, 1, 2, 1, 4, 1]);
        assert_eq!(sizes(&by_group(&candidates, 100)), [11]);
    }

    #[test]
    fn nothing_to_judge_is_still_one_call() {
        for judging in [
            Judging::All,
            Judging::Units,
            Judging::Backend,
            Judging::Each,
        ] {
            assert_eq!(batches(&[], judging).len(), 1, "{judging:?}");
        }
    }

    #[test]
    fn many_are_judged_in_several_calls() {
        let resource = resource();
        let each = candidates(&resource, 0..MAX_BATCH + 1);
        assert_eq!(sizes(&batches(&each, Judging::Each)), [CHUNK, 1]);
        assert_eq!(sizes(&batches(&each, Judging::Units)), [MAX_BATCH, 1]);
        assert_eq!(sizes(&batches(&each, Judging::All)), [MAX_BATCH + 1]);
    }

    #[test]
    fn each_backend_is_judged_in_a_call_of_its_own_unless_they_are_mixed() {
        let [mut a, b] = [resource(), resource()];
        a.identity.backend = "a".into();
        let of = |resources: &[&Resource]| {
            let candidates: Vec<Candidate<'_>> =
                resources.iter().map(|one| Candidate::alone(one)).collect();
            sizes(&batches(&candidates, Judging::Backend))
        };
        assert_eq!(of(&[&a, &a, &b]), [2, 1]);
        assert_eq!(of(&[&a, &b, &a]), [3]);
    }
}
