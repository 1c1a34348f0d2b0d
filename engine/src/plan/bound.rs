//! Facts that must not have changed when a step is applied. A backend declares which; the engine compares.

use serde::{Deserialize, Serialize};
use tbengine_sdk::{Bind, Fact, KindInfo, Resource, Rule};

/// A fact that binds a step, as the plan saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Bound {
    /// Which fact, and how it is compared.
    #[serde(flatten)]
    pub bind: Bind,
    /// What it was, in ascending order.
    pub was: Vec<String>,
}

/// The facts of a resource that bind a step on it. `used` says whether anything uses it now.
pub(crate) fn of(resource: &Resource, info: Option<&KindInfo>, used: bool) -> Vec<Bound> {
    let binds = info.into_iter().flat_map(|info| &info.binds);
    binds
        .filter(|bind| !used || bind.rule != Rule::SameIfUnused)
        .map(|bind| Bound {
            bind: bind.clone(),
            was: values(resource, &bind.fact),
        })
        .collect()
}

impl Bound {
    /// What has changed, if that matters.
    pub(crate) fn difference(&self, now: &Resource) -> Option<String> {
        let is = values(now, &self.bind.fact);
        let fact = name(&self.bind.fact);
        if let Some(new) = is.iter().find(|value| !self.was.contains(value)) {
            return Some(format!("`{new}` is new among its {fact}"));
        }
        let gone = self.was.iter().find(|value| !is.contains(value));
        match (self.bind.rule, gone) {
            (Rule::Same | Rule::SameIfUnused, Some(gone)) => {
                Some(format!("`{gone}` is gone from its {fact}"))
            }
            (Rule::Same | Rule::SameIfUnused | Rule::NothingNew, _) => None,
        }
    }
}

fn values(resource: &Resource, fact: &Fact) -> Vec<String> {
    let mut values: Vec<String> = match fact {
        Fact::Names => resource.names.clone(),
        Fact::Labels => resource
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect(),
        Fact::Attr(key) => resource
            .attrs
            .get(key)
            .map(str::to_owned)
            .into_iter()
            .collect(),
        Fact::Uses => ids(resource.held()),
        Fact::TakesAlong => ids(resource.taken_along()),
    };
    values.sort_unstable();
    values
}

fn ids<'a>(relations: impl Iterator<Item = &'a tbengine_sdk::Relation>) -> Vec<String> {
    relations
        .map(|one| format!("{}/{}", one.kind, one.native))
        .collect()
}

fn name(fact: &Fact) -> &str {
    match fact {
        Fact::Names => "names",
        Fact::Labels => "labels",
        Fact::Attr(key) => key,
        Fact::Uses => "relations",
        Fact::TakesAlong => "cascades",
    }
}

#[cfg(test)]
mod tests {
    use tbengine_sdk::{Class, Identity, Kind, State};

    use super::*;

    fn image(names: &[&str]) -> Resource {
        let identity = Identity {
            backend: "docker".into(),
            account: "a".into(),
            kind: Kind::IMAGE,
            native: "1".into(),
            created: None,
        };
        let mut image = Resource::new(identity, "one", State::Present);
        image.names = names.iter().map(|name| (*name).to_owned()).collect();
        image
    }

    fn binding(rule: Rule) -> Bound {
        let mut info = KindInfo::new(Kind::IMAGE, Class::Image, "an image");
        info.binds = vec![Bind {
            fact: Fact::Names,
            rule,
        }];
        let mut bound = of(&image(&["a:2", "a:1"]), Some(&info), false);
        bound.remove(0)
    }

    #[test]
    fn what_users_move_binds_only_what_nothing_used() {
        let mut info = KindInfo::new(Kind::VOLUME, Class::Storage, "a volume");
        info.binds = vec![Bind {
            fact: Fact::Names,
            rule: Rule::SameIfUnused,
        }];
        let volume = image(&["written at noon"]);
        assert_eq!(of(&volume, Some(&info), true), []);
        let bound = of(&volume, Some(&info), false).remove(0);
        assert_eq!(bound.difference(&volume), None);
        assert!(bound.difference(&image(&["written at one"])).is_some());
        assert!(bound.difference(&image(&[])).is_some());
    }

    #[test]
    fn nothing_may_come_and_parts_may_go_where_the_rule_says_so() {
        let bound = binding(Rule::NothingNew);
        assert_eq!(bound.was, ["a:1", "a:2"]);
        assert_eq!(bound.difference(&image(&["a:1", "a:2"])), None);
        assert_eq!(bound.difference(&image(&["a:1"])), None);
        let came = bound.difference(&image(&["a:1", "b:1"])).unwrap();
        assert!(came.contains("`b:1` is new"), "{came}");
    }

    #[test]
    fn what_must_be_the_same_may_not_lose_anything_either() {
        let bound = binding(Rule::Same);
        assert_eq!(bound.difference(&image(&["a:2", "a:1"])), None);
        let gone = bound.difference(&image(&["a:1"])).unwrap();
        assert!(gone.contains("`a:2` is gone"), "{gone}");
    }
}
