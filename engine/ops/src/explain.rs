//! What is known about one resource, and what the policy and the safeguards say to it.

use serde::Serialize;
use tbengine_engine::Planned;
use tbengine_engine::decide::Decision;
use tbengine_engine::discover::Inventory;
use tbengine_engine::facts::{Quarantine, QuarantineEntry};
use tbengine_engine::plan::{Refusal, Step};
use tbengine_engine::policy::{LogLine, Selection, Verdict};
use tbengine_engine::scope::Scope;
use tbengine_sdk::{Labels, Resource, Timestamp};

use crate::error::Error;

/// What is known about one resource, and what is said to it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Explanation<'a> {
    /// The resource.
    #[serde(skip)]
    pub resource: &'a Resource,
    /// Why it is in quarantine, if it is.
    #[serde(skip)]
    pub quarantined: Option<&'a QuarantineEntry>,
    /// The ids of the resources that use it.
    pub used_by: Vec<String>,
    /// Whether the policy gets to see it.
    pub in_scope: bool,
    /// What the policy says to it.
    pub verdict: Option<&'a Verdict>,
    /// The safeguard that refuses what the policy says, if one does.
    pub refusal: Option<&'a Refusal>,
    /// What would be done.
    pub step: Option<&'a Step>,
    /// What the policy logged, about any resource.
    pub log: &'a [LogLine],
    /// The keys of its labels that the policy is not sent.
    pub labels_not_sent: Vec<&'a str>,
    /// The keys of its attributes that the policy is not sent.
    pub attrs_not_sent: Vec<&'a str>,
    /// Whether the policy failed, so that nothing was decided.
    #[serde(skip)]
    pub failed: bool,
}

impl<'a> Explanation<'a> {
    /// Explains a resource of a plan's inventory, by its index there.
    pub fn new(
        planned: &'a Planned,
        quarantine: &'a Quarantine,
        index: usize,
        scope: &Scope,
        now: Timestamp,
    ) -> Self {
        let Planned {
            inventory,
            decisions,
            plan,
            ..
        } = planned;
        let resource = &inventory.resources[index];
        let is_about_it = |decision: &&Decision| decision.resource == index;
        let decision = decisions.made.iter().find(is_about_it);
        let dependents = inventory.dependents(index);
        let mut refusals = plan.refusals.iter();
        let mut steps = plan.steps.iter();
        let step = steps.find(|step| step.target == resource.identity);
        let interest = &decisions.interest;
        let not_sent = |pairs: &'a Labels, selection: &Selection| {
            let keys = pairs.iter().map(|(key, _)| key);
            keys.filter(|key| !selection.admits(key)).collect()
        };
        Self {
            labels_not_sent: not_sent(&resource.labels, &interest.labels),
            attrs_not_sent: not_sent(&resource.attrs, &interest.attrs),
            failed: decisions.fault.is_some(),
            resource,
            quarantined: quarantine.entry(&resource.identity),
            used_by: dependents
                .map(|dependent| dependent.id().to_string())
                .collect(),
            in_scope: scope.admits(resource, now),
            verdict: decision.map(|decision| &decision.verdict),
            refusal: refusals.find(|refusal| refusal.target == resource.identity),
            step: step.map(|step| &**step),
            log: &decisions.log,
        }
    }
}

/// Finds the one resource that is meant: by its id, by a unique beginning of its native id, or by name. Gives its
/// index.
///
/// # Errors
/// If there is no such resource, or several.
pub fn find(inventory: &Inventory, wanted: &str) -> Result<usize, Error> {
    let indexes = |matches: &dyn Fn(&Resource) -> bool| -> Vec<usize> {
        let all = inventory.resources.iter().enumerate();
        all.filter(|(_, resource)| matches(resource))
            .map(|(index, _)| index)
            .collect()
    };
    let by_id = indexes(&|resource| {
        resource.identity.native == wanted || resource.identity.id().to_string() == wanted
    });
    let by_name = || indexes(&|resource| resource.name == wanted);
    let by_prefix = || {
        indexes(&|resource| {
            let native = &resource.identity.native;
            native.starts_with(wanted)
                || native
                    .strip_prefix("sha256:")
                    .is_some_and(|hex| hex.starts_with(wanted))
        })
    };
    let mut found = by_id;
    for search in [&by_name as &dyn Fn() -> Vec<usize>, &by_prefix] {
        if found.is_empty() && !wanted.is_empty() {
            found = search();
        }
    }
    match found[..] {
        [index] => Ok(index),
        [] => Err(
            Error::config(format!("no resource has the id or name `{wanted}`"))
                .hint("`tbengine list` shows all resources"),
        ),
        _ => {
            let ids = found
                .iter()
                .take(5)
                .map(|index| inventory.resources[*index].identity.id().to_string());
            let ids = ids.collect::<Vec<_>>().join(", ");
            Err(
                Error::config(format!("`{wanted}` is ambiguous: {} matches", found.len()))
                    .hint(format!("use a full id: {ids}")),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use tbengine_sdk::{Identity, Kind, State};

    use super::*;

    fn inventory(names: &[(&str, &str)]) -> Inventory {
        let resource = |(native, name): &(&str, &str)| {
            let identity = Identity {
                backend: "docker".into(),
                account: "a".into(),
                kind: Kind::CONTAINER,
                native: (*native).into(),
                created: None,
            };
            Resource::new(identity, *name, State::Exited)
        };
        let resources = names.iter().map(resource).collect();
        Inventory::new(Default::default(), resources, Vec::new())
    }

    #[test]
    fn ids_prefixes_and_names_are_found_if_unique() {
        let inventory = inventory(&[
            ("abcd", "web"),
            ("abef", "db"),
            ("sha256:77", "db2"),
            ("web2", "abc"),
        ]);
        for (wanted, index) in [
            ("abcd", 0),
            ("docker/container/abef", 1),
            ("db", 1),
            ("abe", 1),
            ("77", 2),
            ("abc", 3),
        ] {
            assert_eq!(find(&inventory, wanted).unwrap(), index, "{wanted}");
        }
        assert!(
            find(&inventory, "ab")
                .unwrap_err()
                .to_string()
                .contains("is ambiguous: 2 matches")
        );
        for nothing in ["", "zz", "docker/volume/abcd"] {
            assert!(find(&inventory, nothing).is_err(), "{nothing}");
        }
    }
}
