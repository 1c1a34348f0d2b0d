//! Asking a veto about what a policy proposed.

use std::sync::Arc;

use crate::discover::Inventory;
use crate::facts::Facts;
use crate::policy::{Fault, FaultKind, PolicyContext, Review, Reviewed, Verdict, Veto};

use super::policy_input::{self, PolicyInput};

/// A proposal for the resource at an index of an inventory.
#[derive(Clone, Debug)]
pub struct Proposed {
    /// The index of the resource in the inventory.
    pub resource: usize,
    /// What is proposed.
    pub verdict: Verdict,
    /// Higher goes first.
    pub priority: i32,
}

/// Asks a veto about proposals of a policy. Gives the indices of the resources whose proposals it takes away, with
/// its reasons.
///
/// Runs the veto off the async threads, because it computes.
///
/// # Errors
/// If the veto failed; then nothing may be applied.
pub async fn review(
    veto: Arc<dyn Veto>,
    context: PolicyContext,
    policy: String,
    inventory: Arc<Inventory>,
    facts: Facts,
    proposals: Vec<Proposed>,
) -> Result<Vec<(usize, String)>, Fault> {
    let name = veto.source().name.clone();
    let reviewing = move || ask(&*veto, &context, &policy, &inventory, &facts, proposals);
    let reviewed = tokio::task::spawn_blocking(reviewing).await;
    reviewed.unwrap_or_else(|panic| {
        let message = format!("the policy host panicked: {panic}");
        Err(Fault {
            function: "review".to_owned(),
            ..super::fault(&name, FaultKind::Trap, message)
        })
    })
}

fn ask(
    veto: &dyn Veto,
    context: &PolicyContext,
    policy: &str,
    inventory: &Inventory,
    facts: &Facts,
    proposals: Vec<Proposed>,
) -> Result<Vec<(usize, String)>, Fault> {
    let indices = concerned(inventory, &proposals);
    let input = PolicyInput::new(inventory, facts, &indices);
    let candidates = input.candidates(&[]);
    let candidate_of = |resource| indices.binary_search(&resource).unwrap_or_default();
    let proposals: Vec<Reviewed> = proposals
        .into_iter()
        .map(|one| Reviewed {
            candidate: candidate_of(one.resource),
            verdict: one.verdict,
            priority: one.priority,
        })
        .collect();
    let context = policy_input::context(context, inventory);
    let review = Review {
        policy,
        proposals: &proposals,
    };
    let vetoed = veto.review(&context, &candidates, &review)?;
    let vetoed = vetoed.into_iter();
    Ok(vetoed
        .map(|one| (indices[one.candidate], one.reason))
        .collect())
}

/// The indices of the resources of some proposals, and of those that they use, are used by or take along; in ascending
/// order.
fn concerned(inventory: &Inventory, proposals: &[Proposed]) -> Vec<usize> {
    let mut proposed = vec![false; inventory.resources.len()];
    for one in proposals {
        proposed[one.resource] = true;
    }
    let is_concerned = |index: &usize| {
        let mut users = inventory.dependent_indices(*index).iter();
        proposed[*index] || users.any(|user| proposed[*user])
    };
    let mut indices: Vec<usize> = (0..proposed.len()).filter(is_concerned).collect();
    for one in proposals {
        indices.extend(inventory.dependent_indices(one.resource));
        indices.extend(inventory.taken_along_indices(one.resource));
    }
    indices.sort_unstable();
    indices.dedup();
    indices
}
