//! What goes before what: what uses others before what is used, then by class (what computes, then networks,
//! storage, images), then by the policy's priority, then in the order of the inventory.

use std::cmp::Reverse;
use std::sync::Arc;

use tbengine_sdk::Class;

use super::safeguards::Context;
use super::{Action, Known, Listing, Proposed, Step, bound};
use crate::discover::Inventory;

/// Puts proposals in order and notes which steps each has to wait for.
pub(super) fn steps(context: &Context<'_>, mut proposed: Vec<Proposed<'_>>) -> Vec<Arc<Step>> {
    let inventory = context.inventory;
    // A stable sort, so that one inventory always makes one plan.
    proposed.sort_by_cached_key(|proposal| {
        (
            inventory.class_of(&proposal.resource.identity).rank(),
            Reverse(proposal.priority),
        )
    });
    let dependents = dependents_among(inventory, &proposed);
    let sequence = dependents_first(&dependents);
    let mut position_of = vec![0; proposed.len()];
    for (position, index) in sequence.iter().enumerate() {
        position_of[*index] = position;
    }
    let mut steps = Vec::with_capacity(proposed.len());
    for (position, index) in sequence.iter().enumerate() {
        let mut after: Vec<usize> = dependents[*index]
            .iter()
            .map(|dependent| position_of[*dependent])
            // Two that use each other cannot both wait.
            .filter(|before| *before < position)
            .collect();
        after.sort_unstable();
        after.dedup();
        steps.push(Arc::new(step(context, &proposed[*index], after)));
    }
    steps
}

/// For each proposal: the proposals that delete what uses its resource.
fn dependents_among(inventory: &Inventory, proposed: &[Proposed<'_>]) -> Vec<Vec<usize>> {
    let mut deletes: Vec<Option<usize>> = vec![None; inventory.resources.len()];
    for (index, proposal) in proposed.iter().enumerate() {
        if matches!(proposal.action, Action::Delete { .. }) {
            deletes[proposal.index] = Some(index);
        }
    }
    proposed
        .iter()
        .map(|proposal| {
            let users = inventory.dependent_indices(proposal.index).iter();
            // What goes along with it would be gone before its own turn.
            let followers = inventory.follower_indices(proposal.index).iter();
            let before = users.chain(followers);
            before.filter_map(|index| deletes[*index]).collect()
        })
        .collect()
}

/// The given order, changed only so that what is used comes after what uses it: an image is listed
/// before the image that was built on it as often as after it.
fn dependents_first(dependents: &[Vec<usize>]) -> Vec<usize> {
    let count = dependents.len();
    let mut sequence = Vec::with_capacity(count);
    let mut visited = vec![false; count];
    // Depth first without recursion: a chain of images can be long.
    let mut path = Vec::new();
    for start in 0..count {
        if std::mem::replace(&mut visited[start], true) {
            continue;
        }
        path.push(start);
        while let Some(index) = path.last().copied() {
            let mut before = dependents[index].iter().copied();
            match before.find(|dependent| !visited[*dependent]) {
                Some(dependent) => {
                    visited[dependent] = true;
                    path.push(dependent);
                }
                None => {
                    path.pop();
                    sequence.push(index);
                }
            }
        }
    }
    sequence
}

fn step(context: &Context<'_>, proposal: &Proposed<'_>, after: Vec<usize>) -> Step {
    let resource = proposal.resource;
    let identity = &resource.identity;
    let inventory = context.inventory;
    let info = inventory.kinds.info(&identity.backend, identity.kind);
    let is_deletion = matches!(proposal.action, Action::Delete { .. });
    let along = inventory.cascade_of(proposal.index);
    let along = along.filter(|_| !proposal.alone && is_deletion);
    Step {
        target: identity.clone(),
        class: info.map_or(Class::Other, |info| info.class),
        name: resource.name.clone(),
        state: resource.state,
        damaged: resource.damaged.is_some(),
        started: resource.started,
        unit: resource.unit.clone(),
        action: proposal.action,
        reason: proposal.reason.to_owned(),
        priority: proposal.priority,
        after,
        alone: proposal.alone,
        along: along.map(|one| one.identity.id().to_string()).collect(),
        bound: bound::of(
            resource,
            info,
            !inventory.dependent_indices(proposal.index).is_empty(),
        ),
        listing: Listing::Present,
        known: Known::of(context, resource),
    }
}
