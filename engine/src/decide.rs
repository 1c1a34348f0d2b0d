//! Stage two: ask the policy, and check that its answer makes sense.

use std::collections::HashMap;
use std::sync::Arc;

use tbengine_sdk::ResourceId;

use crate::discover::Inventory;
use crate::policy::{Candidate, Fault, FaultKind, LogLine, Policy, PolicyContext, Verdict};
use crate::scope::Scope;

/// What the policy decided about one resource of the inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The place of the resource in [`Inventory::resources`].
    pub resource: usize,
    /// Keep, stop or delete, with the policy's reason.
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
    let (places, candidates): (Vec<usize>, Vec<Candidate<'_>>) = inventory
        .resources
        .iter()
        .enumerate()
        .filter(|(_, resource)| scope.admits(resource, context.now))
        .map(|(place, resource)| {
            let holders = inventory.holders(resource);
            (place, Candidate { resource, holders })
        })
        .unzip();
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
    let mut open: HashMap<ResourceId, usize> = candidates
        .iter()
        .zip(places)
        .map(|(candidate, place)| (candidate.resource.identity.id(), *place))
        .collect();
    let mut made = Vec::with_capacity(proposals.len());
    for proposal in proposals {
        let place = proposal
            .id
            .parse()
            .ok()
            .and_then(|id: ResourceId| open.remove(&id));
        let Some(resource) = place else {
            let twice = candidates
                .iter()
                .any(|candidate| candidate.resource.identity.id().to_string() == proposal.id);
            return Err(if twice {
                format!("its answer judges `{}` twice", proposal.id)
            } else {
                format!(
                    "its answer names `{}`, which it was not asked about",
                    proposal.id
                )
            });
        };
        made.push(Decision {
            resource,
            verdict: proposal.verdict,
            priority: proposal.priority,
        });
    }
    made.sort_by_key(|decision| decision.resource);
    Ok(made)
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
