//! Which resource each verdict is about.

use std::collections::HashMap;

use tbengine_sdk::Identity;

use super::Decision;
use crate::policy::{Candidate, Proposal};

/// Puts each proposal to its resource. One that names something else, or something twice, voids all:
/// a policy that is wrong about one id may be wrong about every id.
pub(super) fn match_up(
    candidates: &[Candidate<'_>],
    places: &[usize],
    proposals: Vec<Proposal>,
) -> Result<Vec<Decision>, String> {
    let mut finder = Finder::new(candidates);
    let mut judged = vec![false; candidates.len()];
    let mut made = Vec::with_capacity(proposals.len());
    for proposal in proposals {
        let Some(found) = finder.find(&proposal.id) else {
            let id = proposal.id;
            return Err(format!(
                "its answer names `{id}`, which it was not asked about"
            ));
        };
        if std::mem::replace(&mut judged[found], true) {
            return Err(format!("its answer judges `{}` twice", proposal.id));
        }
        made.push(Decision {
            resource: places[found],
            verdict: proposal.verdict,
            priority: proposal.priority,
        });
    }
    made.sort_by_key(|decision| decision.resource);
    Ok(made)
}

/// Finds candidates by the text of their ids. Policies answer in the order of the question, or a few
/// times over it, so most are found by looking on from the last one; a map is made only for others.
struct Finder<'a> {
    candidates: &'a [Candidate<'a>],
    next: usize,
    rounds: u32,
    by_id: Option<HashMap<String, usize>>,
}

/// So often the search may begin again at the first candidate before a map is made.
const ROUNDS: u32 = 4;

impl<'a> Finder<'a> {
    fn new(candidates: &'a [Candidate<'a>]) -> Self {
        Self {
            candidates,
            next: 0,
            rounds: 0,
            by_id: None,
        }
    }

    fn find(&mut self, id: &str) -> Option<usize> {
        if let Some(by_id) = &self.by_id {
            return by_id.get(id).copied();
        }
        while self.rounds < ROUNDS {
            while self.next < self.candidates.len() {
                let at = self.next;
                self.next += 1;
                if self.is(at, id) {
                    return Some(at);
                }
            }
            self.next = 0;
            self.rounds += 1;
        }
        let ids = self
            .candidates
            .iter()
            .enumerate()
            .map(|(at, candidate)| (candidate.resource.identity.id().to_string(), at));
        self.by_id.insert(ids.collect()).get(id).copied()
    }

    fn is(&self, at: usize, id: &str) -> bool {
        let Identity {
            backend,
            kind,
            native,
            ..
        } = &self.candidates[at].resource.identity;
        // What `ResourceId` writes. Most differ at the end.
        let named = || {
            let of_kind = id.strip_suffix(native.as_str())?.strip_suffix('/')?;
            of_kind.strip_suffix(kind.word())?.strip_suffix('/')
        };
        named() == Some(&**backend)
    }
}
