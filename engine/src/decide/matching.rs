//! Which resource each verdict is about.

use foldhash::HashMap;

use super::Decision;
use crate::policy::{Candidate, Proposal};

/// Puts each proposal to its resource. One that names something else, or something twice, voids all:
/// a policy that is wrong about one id may be wrong about every id.
///
/// `indices` says where each candidate is in an inventory of so many `resources`.
pub(super) fn match_up(
    candidates: &[Candidate<'_>],
    indices: &[usize],
    resources: usize,
    proposals: Vec<Proposal>,
) -> Result<Vec<Decision>, String> {
    let mut finder = Finder::new(candidates);
    // One for each index, and not sorted in the end: of a million that takes longer.
    let mut made: Vec<Option<Decision>> = Vec::new();
    made.resize_with(resources, || None);
    for proposal in proposals {
        let Some(found) = finder.find(&proposal.id) else {
            let id = proposal.id;
            return Err(format!(
                "its answer names `{id}`, which was not in the request"
            ));
        };
        let resource = indices[found];
        let decision = Decision {
            resource,
            verdict: proposal.verdict,
            priority: proposal.priority,
        };
        if made[resource].replace(decision).is_some() {
            return Err(format!("its answer has two verdicts for `{}`", proposal.id));
        }
    }
    Ok(made.into_iter().flatten().collect())
}

/// Finds candidates by the text of their ids. Policies answer in the order of the question, or a few
/// times over a part of it, so most are found just behind the last one; a map is made only for others.
struct Finder<'a> {
    candidates: &'a [Candidate<'a>],
    next: usize,
    by_id: Option<HashMap<IdParts<'a>, usize>>,
}

/// The backend, the word for the kind, and the native id.
type IdParts<'a> = (&'a str, &'a str, &'a str);

/// How many candidates behind the last one are looked at before the map is.
const LINEAR_SEARCH: usize = 8;

impl<'a> Finder<'a> {
    fn new(candidates: &'a [Candidate<'a>]) -> Self {
        Self {
            candidates,
            next: 0,
            by_id: None,
        }
    }

    fn find(&mut self, id: &str) -> Option<usize> {
        let wanted = parts_of_text(id)?;
        let mut near = self.next..self.candidates.len().min(self.next + LINEAR_SEARCH);
        let found = near
            .find(|at| parts_of(&self.candidates[*at]) == wanted)
            .or_else(|| self.by_id().get(&wanted).copied())?;
        self.next = found + 1;
        Some(found)
    }

    fn by_id(&mut self) -> &HashMap<IdParts<'a>, usize> {
        let candidates = self.candidates;
        self.by_id.get_or_insert_with(|| {
            let indices = candidates.iter().map(parts_of).zip(0..);
            indices.collect()
        })
    }
}

fn parts_of<'a>(candidate: &Candidate<'a>) -> IdParts<'a> {
    let identity = &candidate.resource.identity;
    (&identity.backend, identity.kind.word(), &identity.native)
}

/// Takes apart what `ResourceId` writes. Only a native id may hold slashes.
fn parts_of_text(id: &str) -> Option<IdParts<'_>> {
    let (backend, rest) = id.split_once('/')?;
    let (kind, native) = rest.split_once('/')?;
    Some((backend, kind, native))
}

#[cfg(test)]
mod tests {
    use tbengine_sdk::{Identity, Kind, Resource, State};

    use super::*;
    use crate::policy::Verdict;

    #[test]
    fn each_is_found_in_whatever_order_the_policy_answers() {
        let resources: Vec<Resource> = (0..100)
            .map(|n| {
                let identity = Identity {
                    backend: ["a", "b"][n % 2].into(),
                    account: "x".into(),
                    kind: [Kind::CONTAINER, Kind::VOLUME][n / 2 % 2],
                    // Four share each native id, which may hold slashes.
                    native: format!("n/{}", n / 4),
                    created: None,
                };
                Resource::new(identity, "name", State::Exited)
            })
            .collect();
        let candidates: Vec<Candidate<'_>> = resources.iter().map(Candidate::alone).collect();
        // Not every resource of the inventory is a candidate.
        let indices: Vec<usize> = (0..100).map(|n| n + 7).collect();

        let passes = (0..5).flat_map(|pass| (pass..100).step_by(5));
        let orders: [Vec<usize>; 5] = [
            (0..100).collect(),
            (0..100).rev().collect(),
            passes.collect(),
            (0..100).step_by(LINEAR_SEARCH + 1).collect(),
            vec![99, 0, 98],
        ];
        for order in orders {
            let proposals = order.iter().map(|at| Proposal {
                id: resources[*at].identity.id().to_string(),
                verdict: Verdict::Keep {
                    reason: at.to_string(),
                },
                priority: 0,
            });
            let made = match_up(&candidates, &indices, 107, proposals.collect()).unwrap();
            let found: Vec<usize> = made.iter().map(|decision| decision.resource - 7).collect();
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(found, sorted);
            for (decision, at) in made.iter().zip(&found) {
                assert!(
                    matches!(&decision.verdict, Verdict::Keep { reason } if *reason == at.to_string())
                );
            }
        }
    }

    #[test]
    fn what_was_not_asked_about_is_not_found() {
        let identity = Identity {
            backend: "a".into(),
            account: "x".into(),
            kind: Kind::CONTAINER,
            native: "n".to_owned(),
            created: None,
        };
        let resource = Resource::new(identity, "name", State::Exited);
        let candidates = [Candidate::alone(&resource)];
        let mut finder = Finder::new(&candidates);
        for id in [
            "",
            "n",
            "container/n",
            "a/volume/n",
            "b/container/n",
            "a/container/",
            "a/container/n/",
            "/a/container/n",
            "a/container/name",
        ] {
            assert_eq!(finder.find(id), None, "{id}");
        }
        assert_eq!(finder.find("a/container/n"), Some(0));
    }
}
