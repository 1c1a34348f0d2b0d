//! Which resources belong together.

use std::collections::BTreeMap;

use tbengine_policy::types::{Class, Context, Owner, Resource};

use super::profile::Preset;

/// The word of clouds for what they run.
pub(crate) const SANDBOX: &str = "sandbox";

/// The resources of one unit, as far as they are in scope.
#[derive(Debug, Default)]
pub(crate) struct Unit<'a> {
    /// What it is called.
    pub(crate) name: &'a str,
    pub(crate) containers: Vec<&'a Resource>,
    pub(crate) sandboxes: Vec<&'a Resource>,
    /// Networks and storage.
    pub(crate) used: Vec<&'a Resource>,
}

/// The units that a benchmark made, in the order of their backends and names.
pub(crate) fn units<'a>(
    preset: &Preset,
    context: &Context,
    resources: &'a [Resource],
) -> Vec<Unit<'a>> {
    let mut units: BTreeMap<(&str, &str), Unit<'a>> = BTreeMap::new();
    for one in resources {
        // What the benchmark made outside of any unit is one by itself.
        let alone = || is_of(preset, one).then_some(one.id.as_str());
        let Some(name) = one.unit.as_deref().or_else(alone) else {
            continue;
        };
        // Units share images and caches, whatever their labels say, and settings are nobody's leftovers.
        let is_member = matches!(one.class, Class::Compute | Class::Network | Class::Storage);
        if !is_member {
            continue;
        }
        let unit = units.entry((one.backend(context), name)).or_default();
        match one.class {
            // A session has one sandbox, and not several members like a unit of containers.
            Class::Compute if one.kind(context) == SANDBOX => unit.sandboxes.push(one),
            Class::Compute => unit.containers.push(one),
            _ => unit.used.push(one),
        }
    }
    let mut made: Vec<_> = units
        .into_iter()
        .map(|((_, name), unit)| Unit { name, ..unit })
        .collect();
    made.retain(|unit| unit.is_of(preset));
    made
}

impl Unit<'_> {
    /// Whether the benchmark made it. One member proves the whole, but networks and volumes are known by
    /// the name of their unit only, so they prove nothing where containers could.
    fn is_of(&self, preset: &Preset) -> bool {
        let mut living = self.containers.iter().chain(&self.sandboxes).peekable();
        if living.peek().is_none() {
            return self.used.iter().any(|one| is_of(preset, one));
        }
        living.any(|one| is_of(preset, one))
    }
}

/// Whether facts prove that the benchmark made it.
pub(crate) fn is_of(preset: &Preset, one: &Resource) -> bool {
    matches!(&one.owner, Owner::Benchmark(name) if name == preset.name)
}

/// Whether facts prove that it is someone else's, although it is in a unit of the benchmark.
pub(crate) fn is_foreign(preset: &Preset, one: &Resource) -> bool {
    match &one.owner {
        Owner::Benchmark(name) => name != preset.name,
        Owner::Run(_) | Owner::Other(_) | Owner::Kept(_) => true,
        Owner::Unknown => false,
    }
}
