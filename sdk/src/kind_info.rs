//! What a backend declares of a kind.

use serde::{Deserialize, Serialize};

use crate::bind::Bind;
use crate::class::Class;
use crate::kind::Kind;

/// A kind, as its backend declares it. All but `kind`, `class` and `about` has a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct KindInfo {
    /// The word.
    pub kind: Kind,
    /// Several of them, for people: `sandboxes`. The word with an `s` if it is empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub plural: String,
    /// What it is to the engine.
    pub class: Class,
    /// One line of help.
    pub about: String,
    /// Whether it has a life: it runs, ends, can be stopped. If not, its state is `present`, `removing` or
    /// `unknown`.
    #[serde(default)]
    pub runs: bool,
    /// Whether many units may share one (images, blueprints): it ties no units together and belongs to none.
    #[serde(default)]
    pub shared: bool,
    /// The kinds whose resources may use it or take it along. Unless all of them were listed it stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used_by: Vec<Kind>,
    /// The kinds of what its deletion may delete as well. They are listed whenever it is, so that the plan shows
    /// what goes along, and nothing protected does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub takes_along: Vec<Kind>,
    /// What can be done to it, besides deleting it.
    #[serde(default)]
    pub can: Can,
    /// What must not have changed since the plan, besides the identity, the state and `started`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub binds: Vec<Bind>,
    /// Whether a whole listing that began after a deletion was accepted proves what it does not show to be gone.
    #[serde(default)]
    pub absence_proves: bool,
    /// Whether one may come to this place long after it was made, as an image does that is pulled. Where
    /// [`Resource::arrived`](crate::Resource::arrived) does not say when, it counts as arrived when it was first seen.
    #[serde(default)]
    pub arrives: bool,
}

/// What can be done to a kind, besides deleting it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, rename_all = "kebab-case")]
pub struct Can {
    /// Whether [`Backend::stop`](crate::Backend::stop) works.
    pub stop: bool,
    /// Whether [`Backend::archive`](crate::Backend::archive) works.
    pub archive: bool,
    /// Whether its deletion ends what runs by itself, so that no `stop` goes before it, and gets the grace period.
    pub end_by_delete: bool,
    /// Whether [`Backend::relabel`](crate::Backend::relabel) works.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub relabel: bool,
    /// Whether [`Backend::sample`](crate::Backend::sample) reads it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sample: bool,
    /// Whether [`Backend::watch`](crate::Backend::watch) tells of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub watch: bool,
    /// Whether it can be deleted without what its deletion takes along; see
    /// [`DeleteOptions::alone`](crate::DeleteOptions::alone).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub delete_alone: bool,
}

impl KindInfo {
    /// A kind of which nothing but this is known.
    pub fn new(kind: Kind, class: Class, about: impl Into<String>) -> Self {
        Self {
            kind,
            plural: String::new(),
            class,
            about: about.into(),
            runs: false,
            shared: false,
            used_by: Vec::new(),
            takes_along: Vec::new(),
            can: Can::default(),
            binds: Vec::new(),
            absence_proves: false,
            arrives: false,
        }
    }

    /// Containers, which can be stopped.
    pub fn container() -> Self {
        Self {
            runs: true,
            can: Can {
                stop: true,
                ..Can::default()
            },
            ..Self::new(Kind::CONTAINER, Class::Compute, "a container")
        }
    }

    /// Cloud sandboxes, which can be stopped.
    pub fn sandbox() -> Self {
        Self {
            plural: "sandboxes".into(),
            runs: true,
            can: Can {
                stop: true,
                ..Can::default()
            },
            ..Self::new(Kind::SANDBOX, Class::Compute, "a cloud sandbox")
        }
    }

    /// Networks.
    pub fn network(used_by: &[Kind]) -> Self {
        Self {
            used_by: used_by.to_vec(),
            ..Self::new(Kind::NETWORK, Class::Network, "a network")
        }
    }

    /// Volumes.
    pub fn volume(used_by: &[Kind]) -> Self {
        Self {
            used_by: used_by.to_vec(),
            ..Self::new(Kind::VOLUME, Class::Storage, "a volume")
        }
    }

    /// Images, which many units share.
    pub fn image(used_by: &[Kind]) -> Self {
        Self {
            shared: true,
            used_by: used_by.to_vec(),
            ..Self::new(Kind::IMAGE, Class::Image, "an image")
        }
    }

    /// Snapshots that sandboxes start from, which many units share.
    pub fn snapshot(used_by: &[Kind]) -> Self {
        Self {
            shared: true,
            used_by: used_by.to_vec(),
            ..Self::new(
                Kind::SNAPSHOT,
                Class::Image,
                "a snapshot that sandboxes start from",
            )
        }
    }

    /// Several of them, for people.
    pub fn plural(&self) -> String {
        match self.plural.is_empty() {
            true => self.kind.plural(),
            false => self.plural.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_needs_three_words() {
        let text = r#"{"kind":"pod","class":"compute","about":"a pod"}"#;
        let read: KindInfo = serde_json::from_str(text).unwrap();
        assert_eq!(
            read,
            KindInfo::new(Kind::fixed("pod"), Class::Compute, "a pod")
        );
        assert_eq!(read.plural(), "pods");
        assert_eq!(KindInfo::sandbox().plural(), "sandboxes");
        for (kind, plural) in [
            ("sandbox", "sandboxes"),
            ("network-policy", "network-policies"),
            ("gateway", "gateways"),
            ("ingress", "ingresses"),
        ] {
            assert_eq!(Kind::fixed(kind).plural(), plural);
        }
    }
}
