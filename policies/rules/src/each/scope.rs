//! Which resources are considered at all.

use tbengine_policy::params::{ParamError, Params};
use tbengine_policy::types::{Context, Resource, State};

/// Which resources are considered: those that all three parameters admit.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Which states are considered; empty means all.
    pub states: Vec<State>,
    /// The words of the kinds that are considered; empty means all.
    pub kinds: Vec<String>,
    /// Which labels are considered.
    pub labels: LabelFilter,
}

impl Scope {
    /// Reads the parameters `states`, `kinds` and `labels`.
    pub(crate) fn read(params: &Params) -> Result<Self, ParamError> {
        Ok(Self {
            states: known(params, "states", &State::ALL, State::word)?,
            labels: LabelFilter::read(params)?,
            kinds: kinds(params)?,
        })
    }

    /// Whether a resource is considered.
    pub fn admits(&self, context: &Context, resource: &Resource) -> bool {
        let is_word = |word: &String| *word == resource.kind(context);
        (self.states.is_empty() || self.states.contains(&resource.state))
            && (self.kinds.is_empty() || self.kinds.iter().any(is_word))
            && self.labels.admits(resource)
    }

    /// Those of the kinds that no backend has.
    pub(crate) fn unknown_kinds<'a>(
        &'a self,
        context: &'a Context,
    ) -> impl Iterator<Item = &'a String> {
        let is_known = |word: &&String| context.kinds.iter().any(|kind| kind.word == **word);
        self.kinds.iter().filter(move |word| !is_known(word))
    }
}

/// Reads words of which each must be one of those known.
fn known<T: Copy>(
    params: &Params,
    name: &str,
    all: &[T],
    word: fn(T) -> &'static str,
) -> Result<Vec<T>, ParamError> {
    let words: Vec<String> = params.get(name)?.unwrap_or_default();
    words
        .iter()
        .map(|given| {
            all.iter()
                .copied()
                .find(|one| word(*one) == given)
                .ok_or_else(|| {
                    let all: Vec<&str> = all.iter().copied().map(word).collect();
                    ParamError::new(name, format!("`{given}` is none of {}", all.join(", ")))
                })
        })
        .collect()
}

/// Reads the words of kinds. Backends bring words of their own, so any that could be one will do.
fn kinds(params: &Params) -> Result<Vec<String>, ParamError> {
    let words: Vec<String> = params.get("kinds")?.unwrap_or_default();
    let is_kind = |word: &str| {
        word.bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    match words.iter().find(|word| !is_kind(word)) {
        None => Ok(words),
        Some(word) => Err(ParamError::new(
            "kinds",
            format!("`{word}` is not a kind of resource, like container or build-cache"),
        )),
    }
}

/// Keys with the values that will do; no values means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelFilter(Vec<(String, Vec<String>)>);

impl LabelFilter {
    /// Reads the words `key` and `key=value`.
    pub(crate) fn read(params: &Params) -> Result<Self, ParamError> {
        let words: Vec<String> = params.get("labels")?.unwrap_or_default();
        let mut filter = Self::default();
        for word in &words {
            let (key, value) = word
                .split_once('=')
                .map_or((word.as_str(), None), |(key, value)| (key, Some(value)));
            if key.is_empty() {
                return Err(ParamError::new("labels", format!("`{word}` has no key")));
            }
            filter.add(key, value);
        }
        Ok(filter)
    }

    fn add(&mut self, key: &str, value: Option<&str>) {
        let value = value.map(str::to_owned);
        match self.0.iter_mut().find(|(have, _)| have == key) {
            // The key alone is wider than any of its values.
            Some((_, values)) if values.is_empty() || value.is_none() => values.clear(),
            Some((_, values)) => values.extend(value),
            None => self.0.push((key.to_owned(), value.into_iter().collect())),
        }
    }

    /// The keys that the engine must send.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    fn admits(&self, resource: &Resource) -> bool {
        self.0.iter().all(|(key, values)| {
            resource
                .label(key)
                .is_some_and(|have| values.is_empty() || values.iter().any(|value| value == have))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::each::profile::DEFAULT;
    use crate::each::samples::settings;
    use crate::samples::{container, context};

    fn considers(labels: &str, have: &[(&str, &str)]) -> bool {
        let mut one = container("c");
        one.labels = have
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        settings(DEFAULT, &[("labels", labels)])
            .unwrap()
            .scope
            .admits(&context(), &one)
    }

    #[test]
    fn values_of_one_key_are_alternatives_and_keys_add_up() {
        assert!(considers("a=1,a=2", &[("a", "2")]));
        assert!(!considers("a=1,a=2", &[("a", "3")]));
        assert!(considers("a=1,a", &[("a", "3")]));
        assert!(!considers("a,b", &[("a", "1")]));
        assert!(considers("a,b", &[("a", "1"), ("b", "")]));
        assert!(considers("a=x=y", &[("a", "x=y")]));
    }

    #[test]
    fn a_label_without_key_is_an_error() {
        assert_eq!(
            settings(DEFAULT, &[("labels", "=x")]).unwrap_err().param,
            "labels"
        );
    }

    #[test]
    fn states_and_kinds_narrow() {
        let set = settings(DEFAULT, &[("states", "exited"), ("kinds", "sandbox")]).unwrap();
        assert!(!set.scope.admits(&context(), &container("c")));
        let set = settings(
            DEFAULT,
            &[("states", "exited"), ("kinds", "sandbox,container")],
        )
        .unwrap();
        assert!(set.scope.admits(&context(), &container("c")));
    }
}
