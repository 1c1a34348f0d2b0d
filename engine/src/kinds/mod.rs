//! What the backends declare of their kinds.
//!
//! - [`kind_facts`]: the facts about one that a policy gets

pub mod kind_facts;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::{Capabilities, Class, Kind, KindInfo};

pub use kind_facts::KindFacts;

/// What each backend declares of its kinds.
///
/// A backend that is not among them, as in a recording without declarations, is taken to declare the kinds of
/// the sdk in the usual way; any other word of it is of [`Class::Other`].
#[derive(Clone, Debug, Default)]
pub struct Kinds {
    of_backend: BTreeMap<Arc<str>, Arc<Capabilities>>,
}

impl Kinds {
    /// What these backends declare.
    pub fn of(backends: &[OpenBackend]) -> Self {
        let of_backend = backends.iter();
        Self {
            of_backend: of_backend
                .map(|open| (open.name.clone(), open.capabilities.clone()))
                .collect(),
        }
    }

    /// What backends declared that are not here any more, as a recording holds it.
    pub fn declared(of_backend: BTreeMap<Arc<str>, Vec<KindInfo>>) -> Self {
        let of_backend = of_backend.into_iter();
        let capabilities = |kinds| {
            Arc::new(Capabilities {
                kinds,
                methods: Vec::new(),
                concurrency: 1,
            })
        };
        Self {
            of_backend: of_backend
                .map(|(backend, kinds)| (backend, capabilities(kinds)))
                .collect(),
        }
    }

    /// The declarations of these backends, as far as there are any.
    pub fn declared_by<'a>(
        &self,
        backends: impl Iterator<Item = &'a Arc<str>>,
    ) -> BTreeMap<Arc<str>, Vec<KindInfo>> {
        let mut declared = BTreeMap::new();
        for backend in backends {
            if let Some(capabilities) = self.of_backend.get(backend)
                && !declared.contains_key(backend)
            {
                declared.insert(backend.clone(), capabilities.kinds.clone());
            }
        }
        declared
    }

    /// What a backend declares of a kind; `None` if it declares nothing of it.
    pub fn info(&self, backend: &str, kind: Kind) -> Option<&KindInfo> {
        let mut declared = self.kinds_of(backend).iter();
        declared.find(|info| info.kind == kind)
    }

    /// What a kind is to the engine; [`Class::Other`] if its backend declares nothing of it.
    pub fn class(&self, backend: &str, kind: Kind) -> Class {
        self.info(backend, kind)
            .map_or(Class::Other, |info| info.class)
    }

    /// What policies know about a kind of a backend.
    pub fn facts(&self, backend: &str, kind: Kind) -> KindFacts {
        self.info(backend, kind)
            .map_or(KindFacts::undeclared(kind), KindFacts::from)
    }

    /// What policies know about all kinds that backends declare, each once.
    pub fn all_facts(&self) -> Vec<KindFacts> {
        let mut all = Vec::new();
        for capabilities in self.of_backend.values() {
            for facts in capabilities.kinds.iter().map(KindFacts::from) {
                if !all.contains(&facts) {
                    all.push(facts);
                }
            }
        }
        all
    }

    /// The kinds of a backend.
    fn kinds_of(&self, backend: &str) -> &[KindInfo] {
        match self.of_backend.get(backend) {
            Some(capabilities) => &capabilities.kinds,
            None => &*USUAL,
        }
    }
}

/// The kinds of the sdk, as most backends declare them.
static USUAL: LazyLock<[KindInfo; 6]> = LazyLock::new(|| {
    let runs = [Kind::CONTAINER, Kind::SANDBOX];
    [
        KindInfo::container(),
        KindInfo::sandbox(),
        KindInfo::network(&runs),
        KindInfo::volume(&runs),
        KindInfo::image(&[Kind::CONTAINER, Kind::SANDBOX, Kind::IMAGE]),
        KindInfo::snapshot(&runs),
    ]
});

/// The kinds that have to be listed to evaluate those of a scope: these, what may use them or be taken along by
/// them, and so on; and whatever computes, since a unit of which something runs is in use.
///
/// No kind in scope means all of them.
pub(crate) fn needed(scope: &[Kind], declared: &[KindInfo]) -> Vec<Kind> {
    let all = declared.iter().map(|info| info.kind);
    if scope.is_empty() {
        return all.collect();
    }
    let computes = declared.iter().filter(|info| info.class == Class::Compute);
    let mut needed: Vec<Kind> = all.filter(|kind| scope.contains(kind)).collect();
    needed.extend(computes.map(|info| info.kind));
    let mut at = 0;
    while let Some(kind) = needed.get(at).copied() {
        at += 1;
        let info = declared.iter().find(|info| info.kind == kind);
        let more = info
            .into_iter()
            .flat_map(|info| info.used_by.iter().chain(&info.takes_along));
        for kind in more {
            let is_declared = declared.iter().any(|info| info.kind == *kind);
            if is_declared && !needed.contains(kind) {
                needed.push(*kind);
            }
        }
    }
    let mut seen = Vec::new();
    needed.retain(|kind| {
        !seen.contains(kind) && {
            seen.push(*kind);
            true
        }
    });
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: Kind = Kind::fixed("pod");
    const JOB: Kind = Kind::fixed("job");
    const CLAIM: Kind = Kind::fixed("claim");

    fn cluster() -> Vec<KindInfo> {
        vec![
            KindInfo {
                used_by: vec![JOB],
                takes_along: vec![CLAIM],
                ..KindInfo::new(POD, Class::Compute, "a pod")
            },
            KindInfo::new(JOB, Class::Compute, "a job"),
            KindInfo {
                used_by: vec![POD],
                ..KindInfo::new(CLAIM, Class::Storage, "a claim")
            },
            KindInfo::new(Kind::fixed("quota"), Class::Config, "a quota"),
        ]
    }

    #[test]
    fn what_may_use_or_go_along_is_listed_as_well() {
        assert_eq!(needed(&[], &cluster()).len(), 4);
        assert_eq!(needed(&[CLAIM], &cluster()), [CLAIM, POD, JOB]);
        assert_eq!(needed(&[POD], &cluster()), [POD, JOB, CLAIM]);
        assert_eq!(needed(&[Kind::IMAGE], &cluster()), [POD, JOB, CLAIM]);
    }

    #[test]
    fn without_a_declaration_the_kinds_of_the_sdk_are_known_and_no_other() {
        let none = Kinds::default();
        assert_eq!(none.class("docker", Kind::VOLUME), Class::Storage);
        assert_eq!(none.class("docker", POD), Class::Other);
    }
}
