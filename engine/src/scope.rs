//! Which resources the policy gets to see, and the most a run may touch.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tbengine_sdk::{Kind, KindInfo, Labels, Resource, State, Timestamp};

use crate::kinds;

/// The resources a run is about. What lies outside is a fact (a dependent, a sibling), never a candidate.
///
/// An empty list does not narrow. Values of one list are alternatives; the lists together, and the
/// labels among themselves, must all match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scope {
    /// Names of backends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<String>,
    /// Kinds of resources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Kind>,
    /// Labels that must all be there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<LabelFilter>,
    /// States.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<State>,
    /// The least age, counted from the end of what has ended, else from creation. What has no known
    /// time is not in scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_than: Option<Duration>,
    /// The least time since the creation, whatever happened since. What has no known time is not in scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_before: Option<Duration>,
    /// Regions, as the attribute [`REGION`] names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    /// Attributes that must all be there. They claim nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<LabelFilter>,
}

/// The attribute in which a backend says where a resource is: a region, or several with commas between.
pub const REGION: &str = "region";

impl Scope {
    /// Whether a resource lies in the scope at the time `now`.
    pub fn admits(&self, resource: &Resource, now: Timestamp) -> bool {
        let one_of = |list: &[_], value| list.is_empty() || list.contains(&value);
        self.admits_backend(&resource.identity.backend)
            && (self.kinds.is_empty() || self.kinds.contains(&resource.identity.kind))
            && one_of(&self.states, resource.state)
            && self.labels.iter().all(|filter| filter.matches(resource))
            && self.older_than.is_none_or(|least| {
                resource
                    .age_from()
                    .and_then(|from| from.age(now))
                    .is_some_and(|age| age >= least)
            })
            && self.created_before.is_none_or(|least| {
                let created = resource.identity.created;
                let age = created.and_then(|created| created.age(now));
                age.is_some_and(|age| age >= least)
            })
            && self.admits_region(resource)
            && self
                .attributes
                .iter()
                .all(|filter| filter.is_among(&resource.attrs))
    }

    /// Whether a resource is in one of the regions.
    fn admits_region(&self, resource: &Resource) -> bool {
        let regions = resource.attrs.get(REGION).unwrap_or_default();
        let mut regions = regions.split(',').map(str::trim);
        self.regions.is_empty()
            || regions.any(|region| self.regions.iter().any(|wanted| wanted == region))
    }

    /// Whether anything in a backend can be in scope.
    pub fn admits_backend(&self, name: &str) -> bool {
        self.backends.is_empty() || self.backends.iter().any(|wanted| wanted == name)
    }

    /// Whether the operator, by naming a label, claims the running resources in scope as theirs.
    pub fn claims_running(&self) -> bool {
        !self.labels.is_empty()
    }

    /// Whether the operator claims a resource by its labels. What is planned lies in the scope; what a saved plan names
    /// may not.
    pub fn claims(&self, resource: &Resource) -> bool {
        self.claims_running() && self.labels.iter().all(|filter| filter.matches(resource))
    }

    /// The kinds of a backend that have to be listed: those in scope, and what may use them or go along with them.
    pub fn needed_kinds(&self, declared: &[KindInfo]) -> Vec<Kind> {
        kinds::needed(&self.kinds, declared)
    }
}

/// A label that must be there, written `KEY` or `KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabelFilter {
    key: String,
    value: Option<String>,
}

/// A text that is not a label filter.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a label; write KEY or KEY=VALUE")]
pub struct ParseLabelError(String);

impl LabelFilter {
    /// Whether it is about the label of this key.
    pub(crate) fn is_about(&self, key: &str) -> bool {
        self.key == key
    }

    /// Whether a resource has the label.
    pub fn matches(&self, resource: &Resource) -> bool {
        self.is_among(&resource.labels)
    }

    /// Whether it is among these.
    fn is_among(&self, labels: &Labels) -> bool {
        let found = labels.get(&self.key);
        match &self.value {
            None => found.is_some(),
            Some(wanted) => found == Some(wanted),
        }
    }
}

impl FromStr for LabelFilter {
    type Err = ParseLabelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (text, None),
        };
        // An empty selector must never come to mean "everything".
        if key.trim().is_empty() {
            return Err(ParseLabelError(text.to_owned()));
        }
        Ok(Self {
            key: key.to_owned(),
            value,
        })
    }
}

impl TryFrom<String> for LabelFilter {
    type Error = ParseLabelError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<LabelFilter> for String {
    fn from(filter: LabelFilter) -> Self {
        filter.to_string()
    }
}

impl fmt::Display for LabelFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        match &self.value {
            Some(value) => write!(f, "={value}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tbengine_sdk::Identity;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

    fn resource(state: State, age: u64) -> Resource {
        let identity = Identity {
            backend: "docker".into(),
            account: "a".into(),
            kind: Kind::CONTAINER,
            native: "1".into(),
            created: Some(NOW.minus(Duration::from_secs(age))),
        };
        let mut resource = Resource::new(identity, "web", state);
        resource.labels = [("team", "evals")].into_iter().collect();
        let attrs = [("image", "busybox"), ("region", "ap, us")];
        resource.attrs = attrs.into_iter().collect();
        resource
    }

    #[test]
    fn an_empty_scope_admits_everything() {
        assert!(Scope::default().admits(&resource(State::Running, 0), NOW));
    }

    #[test]
    fn every_list_narrows() {
        let resource = resource(State::Exited, 100);
        let scope = |change: fn(&mut Scope)| {
            let mut scope = Scope::default();
            change(&mut scope);
            scope.admits(&resource, NOW)
        };
        assert!(scope(|s| s.states = vec![State::Exited, State::Dead]));
        assert!(!scope(|s| s.states = vec![State::Running]));
        assert!(!scope(|s| s.kinds = vec![Kind::VOLUME]));
        assert!(!scope(|s| s.backends = vec!["other".into()]));
        assert!(scope(|s| s.labels = vec!["team".parse().unwrap()]));
        assert!(scope(|s| s.labels = vec!["team=evals".parse().unwrap()]));
        assert!(!scope(|s| s.labels = vec!["team=".parse().unwrap()]));
        assert!(!scope(
            |s| s.labels = vec!["team".parse().unwrap(), "x".parse().unwrap()]
        ));
        assert!(scope(|s| s.older_than = Some(Duration::from_secs(100))));
        assert!(!scope(|s| s.older_than = Some(Duration::from_secs(101))));
        assert!(scope(|s| s.created_before = Some(Duration::from_secs(100))));
        assert!(!scope(|s| s.created_before = Some(Duration::from_secs(101))));
        assert!(scope(|s| s.regions = vec!["eu".into(), "us".into()]));
        assert!(!scope(|s| s.regions = vec!["eu".into()]));
        assert!(scope(
            |s| s.attributes = vec!["image=busybox".parse().unwrap()]
        ));
        assert!(!scope(
            |s| s.attributes = vec!["image=alpine".parse().unwrap()]
        ));
        assert!(!scope(|s| s.attributes = vec!["team".parse().unwrap()]));
    }

    #[test]
    fn age_counts_from_the_end() {
        let mut resource = resource(State::Exited, 100);
        resource.finished = Some(NOW.minus(Duration::from_secs(5)));
        let scope = Scope {
            older_than: Some(Duration::from_secs(50)),
            ..Scope::default()
        };
        assert!(!scope.admits(&resource, NOW));
    }

    /// Whatever has ended counts from its end, and what never ran from its creation.
    #[test]
    fn age_counts_from_the_end_in_every_state_that_is_one() {
        let scope = Scope {
            older_than: Some(Duration::from_secs(50)),
            ..Scope::default()
        };
        for state in State::ALL {
            let mut resource = resource(*state, 100);
            resource.finished = Some(NOW.minus(Duration::from_secs(5)));
            let has_ended = state.is_dead() && *state != State::Created;
            assert_eq!(scope.admits(&resource, NOW), !has_ended, "{state}");
        }
    }

    #[test]
    fn an_unknown_age_is_not_in_scope() {
        let mut resource = resource(State::Exited, 100);
        resource.identity.created = None;
        let scope = Scope {
            older_than: Some(Duration::ZERO),
            ..Scope::default()
        };
        assert!(!scope.admits(&resource, NOW));
    }

    #[test]
    fn an_empty_label_is_an_error() {
        for text in ["", " ", "=x"] {
            assert!(text.parse::<LabelFilter>().is_err(), "{text:?}");
        }
    }
}
