//! What a policy has to evaluate in one call.

use foldhash::{HashMap, HashMapExt as _};

use crate::discover::Inventory;

/// For each resource of an inventory, the index of the first one that belongs together with it: the same
/// for a unit, and for what its members use, like networks and volumes.
///
/// What uses a thing that many units share, like an image, does not belong together: one image would tie all
/// units to each other. A policy that evaluates in several calls may so keep an image until its users are gone.
pub(super) fn groups(inventory: &Inventory) -> Vec<usize> {
    let mut forest = Forest((0..inventory.resources.len()).collect());
    let mut first_of_unit = HashMap::new();
    for (index, resource) in inventory.resources.iter().enumerate() {
        if let Some(unit) = &resource.unit {
            forest.join(index, *first_of_unit.entry(unit).or_insert(index));
        }
        let identity = &resource.identity;
        let info = inventory.kinds.info(&identity.backend, identity.kind);
        if info.is_some_and(|info| !info.shared) {
            for dependent in inventory.dependent_indices(index) {
                forest.join(index, *dependent);
            }
        }
    }
    (0..inventory.resources.len())
        .map(|index| forest.first(index))
        .collect()
}

/// Sets of indices; each index points to an earlier one of its set, the first to itself.
struct Forest(Vec<usize>);

impl Forest {
    fn first(&mut self, mut index: usize) -> usize {
        while self.0[index] != index {
            // Halves the way for the next time.
            self.0[index] = self.0[self.0[index]];
            index = self.0[index];
        }
        index
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.first(one), self.first(other));
        self.0[one.max(other)] = one.min(other);
    }
}

#[cfg(test)]
mod tests {
    use tbengine_sdk::{Bond, Identity, Kind, Relation, Resource, State, Unit};

    use super::*;

    fn resource(kind: Kind, native: &str, unit: Option<&str>, uses: &[(Kind, &str)]) -> Resource {
        let identity = Identity {
            backend: "b".into(),
            account: "a".into(),
            kind,
            native: native.to_owned(),
            created: None,
        };
        let mut resource = Resource::new(identity, native.to_owned(), State::Present);
        resource.unit = unit.map(|unit| Unit(unit.to_owned()));
        let relation = |(kind, native): &(Kind, &str)| Relation {
            kind: *kind,
            native: (*native).to_owned(),
            bond: Bond::Uses,
        };
        resource.relations = uses.iter().map(relation).collect();
        resource
    }

    #[test]
    fn units_and_what_they_share_belong_together_and_images_tie_nothing() {
        let inventory = Inventory::new(
            Default::default(),
            vec![
                resource(Kind::CONTAINER, "c0", Some("x"), &[(Kind::IMAGE, "i")]),
                resource(
                    Kind::CONTAINER,
                    "c1",
                    None,
                    &[(Kind::VOLUME, "v"), (Kind::IMAGE, "i")],
                ),
                resource(Kind::CONTAINER, "c2", Some("y"), &[(Kind::NETWORK, "n")]),
                resource(Kind::CONTAINER, "c3", Some("x"), &[]),
                resource(Kind::NETWORK, "n", None, &[]),
                resource(Kind::VOLUME, "v", Some("z"), &[]),
                resource(Kind::IMAGE, "i", None, &[]),
                resource(Kind::CONTAINER, "c7", Some("z"), &[(Kind::NETWORK, "n")]),
            ],
            Vec::new(),
        );
        assert_eq!(groups(&inventory), [0, 1, 1, 0, 1, 1, 6, 1]);
    }
}
