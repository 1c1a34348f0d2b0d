//! Accounts to evaluate.

use tbengine_engine::owners::{Account, Memory, Owners, Proven, Seen};
use tbengine_sdk::Labels;

/// A resource of Docker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Thing {
    pub(crate) kind: &'static str,
    pub(crate) name: &'static str,
    pub(crate) labels: Labels,
    pub(crate) attrs: Labels,
    pub(crate) unit: Option<&'static str>,
    /// The indices of what it uses.
    pub(crate) uses: Vec<usize>,
}

/// A resource with these labels.
pub(crate) fn thing(kind: &'static str, name: &'static str, labels: &[(&str, &str)]) -> Thing {
    Thing {
        kind,
        name,
        labels: labels.iter().copied().collect(),
        ..Thing::default()
    }
}

/// A host with these.
pub(crate) struct Host(pub(crate) Vec<Thing>);

impl Account for Host {
    fn id(&self) -> &str {
        "host"
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    fn seen(&self, index: usize) -> Seen<'_> {
        let thing = &self.0[index];
        Seen {
            name: thing.name,
            names: vec![thing.name],
            attrs: &thing.attrs,
            unit: thing.unit,
            ..Seen::new("docker", thing.kind, &thing.labels)
        }
    }

    fn used(&self, index: usize, kind: &str) -> Vec<&str> {
        let used = self.0[index].uses.iter().map(|used| &self.0[*used]);
        used.filter(|used| used.kind == kind)
            .map(|used| used.name)
            .collect()
    }

    fn users(&self, index: usize) -> Vec<usize> {
        let all = self.0.iter().enumerate();
        all.filter(|(_, thing)| thing.uses.contains(&index))
            .map(|(user, _)| user)
            .collect()
    }
}

/// What comes of each, as `OWNER/RULE`; for rivals their names, and nothing where nothing is proven.
pub(crate) fn judged(owners: &Owners, host: &Host, memory: &dyn Memory) -> Vec<String> {
    let mut found = vec![String::new(); host.0.len()];
    let mut see = |index: usize, proven: Proven<'_>| {
        found[index] = match proven.proof {
            Some(proof) => format!("{}/{}", proof.owner.name, proof.rule.id),
            None => {
                let rivals: Vec<&str> = proven.rivals.iter().map(|rival| &*rival.name).collect();
                rivals.join(" or ")
            }
        };
    };
    owners.judge(host, memory, &mut see);
    found
}
