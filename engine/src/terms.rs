//! What counts as made under a lease: a selection language beside the scope. Pure.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_sdk::{Kind, Resource};

use crate::scope::LabelFilter;

/// Fields of a record that a later version of tbengine added under the same format. A reader that does not
/// know them protects by what it can read, and deletes nothing by it.
pub type Later = BTreeMap<String, serde_json::Value>;

/// What counts as made under a lease.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Terms {
    /// The configured names of the backends it is about.
    pub backends: Vec<String>,
    /// What else proves it, besides the id of the lease. One filter that matches is enough.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    /// What does not count, whichever filter matches it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spared: Vec<Filter>,
    /// The kinds that filters are about; all, if none is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Kind>,
    /// Kinds of which nothing is deleted, whatever proves it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept_kinds: Vec<Kind>,
    /// Whether a resource without proof may count.
    pub own: Own,
    /// Directories whose trials name units that count: Harbor's job directory, Terminal-Bench's run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub job_dirs: Vec<PathBuf>,
    /// The program that runs under it. Its arguments may hold secrets, so they are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The configuration file that names the backends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<PathBuf>,
    /// Fields that a later version added.
    #[serde(flatten)]
    pub later: Later,
}

/// What a resource must be like. What is named must match in each respect; a filter that names nothing
/// matches nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Filter {
    /// Labels that must all be there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<LabelFilter>,
    /// Names, of which one must be its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Native ids, of which one must fit. One of hexadecimal digits only may be the beginning of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// Fields that a later version added.
    #[serde(flatten)]
    pub later: Later,
}

/// Whether a resource that nothing proves to be ours may count as ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Own {
    /// No: it is reported.
    #[default]
    Proven,
    /// No, and only the id of the lease and its filters are a proof: what they do not name is none of
    /// the lease's business, and not reported.
    Named,
    /// Yes, if it was created while the lease was live, carries no sign of anyone else, and no other
    /// lease was live then.
    CreatedDuringRun,
}

impl Terms {
    /// Whether a resource carries the id of the lease with these terms, or is what one of its filters names.
    pub fn name(&self, id: &str, resource: &Resource) -> bool {
        resource.labels.get(RUN_ID_LABEL) == Some(id) || self.matching(resource).is_some()
    }

    /// The first filter that matches a resource, unless the resource is spared.
    pub fn matching(&self, resource: &Resource) -> Option<&Filter> {
        let Self {
            filters,
            spared,
            kinds,
            ..
        } = self;
        let is_of_kind = kinds.is_empty() || kinds.contains(&resource.identity.kind);
        let is_spared = || spared.iter().any(|filter| filter.matches(resource));
        let found = filters.iter().find(|filter| filter.matches(resource));
        found.filter(|_| is_of_kind && !is_spared())
    }

    /// Whether no part of them has a field that a later version added.
    pub fn is_understood(&self) -> bool {
        let mut filters = self.filters.iter().chain(&self.spared);
        self.later.is_empty() && filters.all(|filter| filter.later.is_empty())
    }
}

impl Filter {
    /// The filter for resources that have all of these labels.
    pub fn labels(labels: Vec<LabelFilter>) -> Self {
        Self {
            labels,
            ..Self::default()
        }
    }

    /// Whether a resource is like this.
    pub fn matches(&self, resource: &Resource) -> bool {
        let Self {
            labels,
            names,
            ids,
            later,
        } = self;
        let native = &resource.identity.native;
        let names_nothing = labels.is_empty() && names.is_empty() && ids.is_empty();
        // What a later version names by fields of its own may be anything.
        (!names_nothing || !later.is_empty())
            && labels.iter().all(|label| label.matches(resource))
            && (names.is_empty() || names.iter().any(|name| **name == *resource.name))
            && (ids.is_empty() || ids.iter().any(|id| has_id(native, id)))
    }
}

/// Whether this is an id, with or without the name of its digest, or the beginning of one. What is not a number
/// may be the whole of one id and the beginning of another, so it must be whole.
fn has_id(native: &str, wanted: &str) -> bool {
    let digest = native.split_once(':').map_or(native, |(_, digest)| digest);
    let digits = wanted.strip_prefix("sha256:").unwrap_or(wanted);
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let fits = |id: &str| match is_hex {
        true => id.starts_with(wanted),
        false => id == wanted,
    };
    !digits.is_empty() && (fits(native) || fits(digest))
}

#[cfg(test)]
mod tests {
    use tbengine_sdk::{Identity, State};

    use super::*;

    fn resource(kind: Kind, native: &str) -> Resource {
        let identity = Identity {
            backend: "docker".into(),
            account: "a".into(),
            kind,
            native: native.into(),
            created: None,
        };
        let mut resource = Resource::new(identity, "web", State::Running);
        resource.labels = [("session", "1"), ("team", "evals")].into_iter().collect();
        resource
    }

    fn filter(labels: &[&str], names: &[&str], ids: &[&str]) -> Filter {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Filter {
            labels: labels.iter().map(|label| label.parse().unwrap()).collect(),
            names: owned(names),
            ids: owned(ids),
            later: Later::default(),
        }
    }

    #[test]
    fn a_filter_matches_in_each_respect_or_not_at_all() {
        let container = resource(Kind::CONTAINER, "4f3a1c5d");
        let matches = |labels: &[&str], names: &[&str], ids: &[&str]| {
            filter(labels, names, ids).matches(&container)
        };
        assert!(!matches(&[], &[], &[]));
        assert!(matches(&["session=1", "team"], &[], &[]));
        assert!(!matches(&["session=1", "team=other"], &[], &[]));
        assert!(matches(&[], &["db", "web"], &[]));
        assert!(!matches(&[], &["we"], &[]));
        assert!(matches(&[], &[], &["00", "4f3a"]));
        assert!(!matches(&[], &[], &[""]));
        assert!(matches(&["session=1"], &["web"], &["4f3a"]));
        assert!(!matches(&["session=1"], &["web"], &["1c5d"]));
        let sandbox = resource(Kind::SANDBOX, "0b5c6a2e-7d3f-4e8a");
        assert!(filter(&[], &[], &["0b5c6a2e-7d3f-4e8a"]).matches(&sandbox));
        assert!(!filter(&[], &[], &["0b5c6a2e-7d3f"]).matches(&sandbox));
        let volume = resource(Kind::VOLUME, "data-2");
        assert!(!filter(&[], &[], &["data"]).matches(&volume));
        let image = resource(Kind::IMAGE, "sha256:4f3a1c5d");
        assert!(filter(&[], &[], &["4f3a"]).matches(&image));
        assert!(filter(&[], &[], &["sha256:4f3a"]).matches(&image));
    }

    #[test]
    fn what_is_spared_or_of_another_kind_is_not_named() {
        let mut terms = Terms {
            filters: vec![filter(&["session=1"], &[], &[])],
            ..Terms::default()
        };
        let container = resource(Kind::CONTAINER, "1");
        let image = resource(Kind::IMAGE, "1");
        assert!(terms.name("l", &container) && terms.name("l", &image));
        terms.kinds = vec![Kind::CONTAINER];
        assert!(terms.name("l", &container) && !terms.name("l", &image));
        terms.spared = vec![filter(&["team=evals"], &[], &[])];
        assert!(!terms.name("l", &container));
        let mut labelled = container;
        labelled.labels = [(RUN_ID_LABEL, "l"), ("team", "evals")]
            .into_iter()
            .collect();
        assert!(terms.name("l", &labelled));
    }
}
