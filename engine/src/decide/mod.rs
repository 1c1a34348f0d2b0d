//! Stage two: ask the policy, and check that its answer makes sense.
//!
//! - `together`: what a policy has to judge in one call
//! - `policy_input`: what it is given
//! - [`review`]: asking a veto about what it proposed
//! - `matching`: which resource each verdict is about

mod matching;
mod policy_input;
pub mod review;
mod together;

use std::sync::Arc;

use crate::discover::Inventory;
use crate::facts::Facts;
use crate::policy::{
    Fault, FaultKind, Interest, LogLine, MAX_BATCH, Policy, PolicyContext, Verdict,
};
use crate::scope::Scope;
use matching::match_up;
use policy_input::PolicyInput;

/// What the policy decided about one resource of the inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The index of the resource in [`Inventory::resources`].
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
    /// What the policy was sent of labels and attributes.
    pub interest: Interest,
}

/// Asks the policy about everything in scope. A fault means that nothing is decided.
///
/// Runs the policy off the async threads, because it computes.
pub async fn decide(
    policy: Arc<dyn Policy>,
    context: PolicyContext,
    inventory: Arc<Inventory>,
    facts: Facts,
    scope: Scope,
) -> Decisions {
    let name = policy.source().name.clone();
    let judged =
        tokio::task::spawn_blocking(move || judge(&*policy, &context, &inventory, &facts, &scope))
            .await;
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
    facts: &Facts,
    scope: &Scope,
) -> Decisions {
    let in_scope = |index: &usize| {
        let resource = &inventory.resources[*index];
        scope.admits(resource, inventory.now_of(resource, context.now))
    };
    let mut indices: Vec<usize> = (0..inventory.resources.len()).filter(in_scope).collect();
    // Fewer are evaluated in one call anyway, in the order of the inventory.
    let mut groups = Vec::new();
    if indices.len() > MAX_BATCH {
        groups = together::groups(inventory);
        indices.sort_by_key(|index| groups[*index]);
    }
    let input = PolicyInput::new(inventory, facts, &indices);
    let candidates = input.candidates(&groups);
    let mut decisions = Decisions {
        candidates: candidates.len(),
        interest: policy.interest(),
        ..Decisions::default()
    };
    if candidates.is_empty() {
        return decisions;
    }
    let context = policy_input::context(context, inventory);
    match policy.decide(&context, &candidates) {
        Ok(answer) => {
            decisions.log = answer.log;
            match match_up(
                &candidates,
                &indices,
                inventory.resources.len(),
                answer.proposals,
            ) {
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
