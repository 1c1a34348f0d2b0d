//! Which candidates go into one call.

use super::candidate::Candidate;
use super::description::Judging;

/// The most resources in one call of a policy that judges units, unless one unit alone is larger.
/// More at once are judged no faster, and each call takes memory for what it holds: some 4 MiB of the
/// guest for so many with the built-in policies, and as much here.
pub const MAX_BATCH: usize = 5_000;

/// How many resources a call of a policy gets that judges each alone. Small enough for languages
/// whose garbage collector slows down with what it holds.
pub(super) const CHUNK: usize = MAX_BATCH;

/// Candidates by their calls. The same candidates give the same batches.
pub(super) fn batches<'b, 'c>(
    candidates: &'b [Candidate<'c>],
    judging: Judging,
) -> Vec<&'b [Candidate<'c>]> {
    match judging {
        Judging::All => vec![candidates],
        Judging::Units if candidates.len() <= MAX_BATCH => vec![candidates],
        Judging::Units => by_group(candidates, MAX_BATCH),
        Judging::Each if candidates.is_empty() => vec![candidates],
        Judging::Each => candidates.chunks(CHUNK).collect(),
    }
}

/// Batches that never split a group; one that is larger than a batch gets one of its own.
fn by_group<'b, 'c>(candidates: &'b [Candidate<'c>], largest: usize) -> Vec<&'b [Candidate<'c>]> {
    let mut batches = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for group in candidates.chunk_by(|a, b| a.group == b.group) {
        if end > begin && end - begin + group.len() > largest {
            batches.push(&candidates[begin..end]);
            begin = end;
        }
        end += group.len();
    }
    batches.push(&candidates[begin..]);
    batches
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
    fn sizes<'c>(batches: &[&[Candidate<'c>]]) -> Vec<usize> {
        batches.iter().map(|batch| batch.len()).collect()
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
        for judging in [Judging::All, Judging::Units, Judging::Each] {
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
}
