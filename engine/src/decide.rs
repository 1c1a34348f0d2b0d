//! Stage two: ask the policy, and check that its answer makes sense.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::discover::Inventory;
use crate::policy::{Candidate, Fault, FaultKind, LogLine, Policy, PolicyContext, Verdict};
use crate::scope::Scope;

/// What the policy decided about one resource of the inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The place of the resource in [`Inventory::resources`].
    pub resource: usize,
    /// Keep, stop, archive or delete, with the policy's reason.
    pub verdict: Verdict,
    /// Higher goes first.
    pub priority: i32,
}

/// Every decision of a policy. What has none is kept.
#[derive(Clone, Debug, Default)]
pub struct Decisions {
    /// At most one per resource, in the order of the inventory.
    pub made: Vec<Decision>,
    /// How many resources were in scope.
    pub candidates: usize,
    /// What the policy logged.
    pub log: Vec<LogLine>,
    /// Why there are no decisions, if the policy failed.
    pub fault: Option<Fault>,
}

/// Asks the policy about everything in scope. A fault means that nothing is decided.
///
/// Runs the policy off the async threads, because it computes.
pub async fn decide(
    policy: Arc<dyn Policy>,
    context: PolicyContext,
    inventory: Arc<Inventory>,
    scope: Scope,
) -> Decisions {
    let name = policy.source().name.clone();
    let judged =
        tokio::task::spawn_blocking(move || judge(&*policy, &context, &inventory, &scope)).await;
    judged.unwrap_or_else(|panic| Decisions {
        fault: Some(fault(
            &name,
            FaultKind::Trap,
            format!("the policy host panicked: {panic}"),
        )),
        ..Decisions::default()
    })
}

fn judge(
    policy: &dyn Policy,
    context: &PolicyContext,
    inventory: &Inventory,
    scope: &Scope,
) -> Decisions {
    let listed = inventory.resources.len();
    let mut places = Vec::with_capacity(listed);
    let mut candidates = Vec::with_capacity(listed);
    for (place, resource) in inventory.resources.iter().enumerate() {
        if scope.admits(resource, context.now) {
            let holders = inventory.holders(place);
            places.push(place);
            candidates.push(Candidate { resource, holders });
        }
    }
    let mut decisions = Decisions {
        candidates: candidates.len(),
        ..Decisions::default()
    };
    if candidates.is_empty() {
        return decisions;
    }
    match policy.decide(context, &candidates) {
        Ok(answer) => {
            decisions.log = answer.log;
            match match_up(&candidates, &places, answer.proposals) {
                Ok(made) => decisions.made = made,
                Err(message) => {
                    decisions.fault =
                        Some(fault(&policy.source().name, FaultKind::BadAnswer, message));
                }
            }
        }
        Err(fault) => {
            decisions.log.clone_from(&fault.log);
            decisions.fault = Some(fault);
        }
    }
    decisions
}

/// Puts each proposal to its resource. One that names something else, or something twice, voids all:
/// a policy that is wrong about one id may be wrong about every id.
fn match_up(
    candidates: &[Candidate<'_>],
    places: &[usize],
    proposals: Vec<crate::policy::Proposal>,
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
    written: String,
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
            written: String::new(),
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

    fn is(&mut self, at: usize, id: &str) -> bool {
        let identity = &self.candidates[at].resource.identity;
        // Most are not it; the end of the native id tells that without writing the whole.
        if !id.ends_with(identity.native.as_str()) {
            return false;
        }
        self.written.clear();
        write!(self.written, "{}", identity.id()).is_ok() && self.written == id
    }
}

fn fault(policy: &str, kind: FaultKind, message: String) -> Fault {
    Fault {
        policy: policy.to_owned(),
        function: "decide".to_owned(),
        kind,
        message,
        backtrace: Vec::new(),
        stderr: String::new(),
        log: Vec::new(),
    }
}
