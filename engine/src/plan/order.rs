//! What goes before what: containers and sandboxes, then networks, volumes, images; within that the
//! policy's priority, then the order of the inventory.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::{Action, Proposed, Step};
use crate::discover::Inventory;

/// Puts proposals in order and notes which steps each has to wait for.
pub(crate) fn steps(inventory: &Inventory, mut proposed: Vec<Proposed<'_>>) -> Vec<Arc<Step>> {
    // A stable sort, so that one inventory always makes one plan.
    proposed.sort_by_key(|proposal| {
        (
            proposal.resource.identity.kind.deletion_rank(),
            Reverse(proposal.priority),
        )
    });
    let holders = holders_among(inventory, &proposed);
    let sequence = holders_first(proposed.len(), &holders);
    let mut place_of = vec![0; proposed.len()];
    for (place, index) in sequence.iter().enumerate() {
        place_of[*index] = place;
    }
    let mut proposed: Vec<Option<Proposed<'_>>> = proposed.into_iter().map(Some).collect();
    let mut steps = Vec::with_capacity(proposed.len());
    for (place, index) in sequence.iter().enumerate() {
        let mut after: Vec<usize> = holders
            .get(index)
            .into_iter()
            .flatten()
            .map(|holder| place_of[*holder])
            // Two that use each other cannot both wait.
            .filter(|before| *before < place)
            .collect();
        after.sort_unstable();
        after.dedup();
        if let Some(proposal) = proposed[*index].take() {
            steps.push(Arc::new(step(proposal, after)));
        }
    }
    steps
}

/// For each proposal whose resource others use: the proposals that delete those others.
fn holders_among(inventory: &Inventory, proposed: &[Proposed<'_>]) -> HashMap<usize, Vec<usize>> {
    let mut deletes: Vec<Option<usize>> = vec![None; inventory.resources.len()];
    for (index, proposal) in proposed.iter().enumerate() {
        if matches!(proposal.action, Action::Delete { .. }) {
            deletes[proposal.place] = Some(index);
        }
    }
    proposed
        .iter()
        .enumerate()
        .filter_map(|(index, proposal)| {
            let users = inventory.holder_places(proposal.place);
            let holders: Vec<usize> = users.iter().filter_map(|user| deletes[*user]).collect();
            (!holders.is_empty()).then_some((index, holders))
        })
        .collect()
}

/// The given order, changed only so that what is used comes after what uses it: an image is listed
/// before the image that was built on it as often as after it.
fn holders_first(count: usize, holders: &HashMap<usize, Vec<usize>>) -> Vec<usize> {
    let mut sequence = Vec::with_capacity(count);
    let mut visited = vec![false; count];
    for start in 0..count {
        if std::mem::replace(&mut visited[start], true) {
            continue;
        }
        // Depth first without recursion: a chain of images can be long.
        let mut path = vec![start];
        while let Some(index) = path.last().copied() {
            let before = holders.get(&index).map_or(&[][..], Vec::as_slice);
            match before.iter().copied().find(|holder| !visited[*holder]) {
                Some(holder) => {
                    visited[holder] = true;
                    path.push(holder);
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

fn step(proposal: Proposed<'_>, after: Vec<usize>) -> Step {
    let resource = proposal.resource;
    Step {
        target: resource.identity.clone(),
        name: resource.name.clone(),
        state: resource.state,
        started: resource.started,
        unit: resource.unit.clone(),
        action: proposal.action,
        reason: proposal.reason.to_owned(),
        priority: proposal.priority,
        after,
    }
}
