//! Which resources `keep-newest` spares.

use std::collections::{BTreeMap, HashSet};

use tbengine_policy::types::{Context, Resource};

use super::scope::Scope;

/// The places of as many of the newest of each kind in each unit, and of each kind in each backend of those
/// without a unit. What has no known creation time is never counted: it is kept anyway.
pub(crate) fn newest(
    scope: &Scope,
    spared: u64,
    context: &Context,
    resources: &[Resource],
) -> HashSet<usize> {
    let Ok(spared) = usize::try_from(spared) else {
        return (0..resources.len()).collect();
    };
    if spared == 0 {
        return HashSet::new();
    }
    let mut groups: BTreeMap<_, Vec<(u64, &str, usize)>> = BTreeMap::new();
    for (place, one) in resources
        .iter()
        .enumerate()
        .filter(|(_, one)| scope.admits(context, one))
    {
        if let Some(created) = one.created {
            let group = (one.backend, one.unit.as_deref(), one.kind);
            groups
                .entry(group)
                .or_default()
                .push((created, &one.id, place));
        }
    }
    groups
        .into_values()
        .flat_map(|mut group| {
            // The id settles which of equally old ones stays, so that two runs agree.
            group.sort_unstable_by(|a, b| b.cmp(a));
            group.into_iter().take(spared).map(|(_, _, place)| place)
        })
        .collect()
}
