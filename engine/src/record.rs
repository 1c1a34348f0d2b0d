//! A recorded inventory: what was listed at one time, to evaluate it again elsewhere.
//!
//! A record goes into a test beside a policy, so it holds no secrets: what looks like one is replaced
//! by a word. The same inventory gives the same record.

mod secrets;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tbengine_sdk::{KindInfo, Labels, Resource, Timestamp};

use crate::clocks::Clocks;
use crate::discover::{Inventory, ListFailure};
use crate::kinds::Kinds;

/// What was listed at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Record {
    /// The version of this format, 2.
    tbengine_record: u32,
    /// What each backend declares of its kinds, so that it is evaluated without them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kinds: BTreeMap<Arc<str>, Vec<KindInfo>>,
    /// When it was listed: `now` to the policies that judge it.
    pub recorded: Timestamp,
    /// The clocks of the providers that were off then, in milliseconds ahead of the one that says when it was listed.
    #[serde(default, skip_serializing_if = "Clocks::is_empty")]
    pub clocks: Clocks,
    /// What was listed, in the order of the ids.
    pub resources: Vec<Resource>,
    /// What could not be listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<ListFailure>,
}

/// Why a text is not a record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is not JSON of the right shape.
    #[error("it is not a recorded inventory: {0}")]
    Shape(#[from] serde_json::Error),
    /// It was written by a later tbengine.
    #[error("its format has the version {0}, and this tbengine reads versions 1 and 2")]
    Version(u64),
}

impl Record {
    /// Records resources and what could not be listed, without what looks like a secret.
    pub fn new<'a>(
        resources: impl Iterator<Item = &'a Resource>,
        failures: &[ListFailure],
        kinds: &Kinds,
        now: Timestamp,
    ) -> Self {
        let mut resources: Vec<Resource> = resources.cloned().collect();
        for resource in &mut resources {
            resource.name = secrets::strip_text(&resource.name);
            resource.labels = strip(&resource.labels);
            resource.attrs = strip(&resource.attrs);
        }
        resources.sort_by_cached_key(|resource| resource.identity.id().to_string());
        let mut failures = failures.to_vec();
        for failure in &mut failures {
            failure.error.message = secrets::strip_text(&failure.error.message);
        }
        failures.sort_by_key(|failure| (failure.backend.clone(), failure.kind));
        Self {
            tbengine_record: FORMAT,
            kinds: kinds.declared_by(resources.iter().map(|one| &one.identity.backend)),
            recorded: now,
            clocks: Clocks::default(),
            resources,
            failures,
        }
    }

    /// The record, listed when these clocks were off.
    #[must_use]
    pub fn with_clocks(mut self, clocks: Clocks) -> Self {
        self.clocks = clocks;
        self
    }

    /// Reads a record.
    ///
    /// # Errors
    /// A [`RecordError`] that says what is wrong with the text.
    pub fn read(text: &str) -> Result<Self, RecordError> {
        let mut document: Value = serde_json::from_str(text)?;
        match document["tbengine-record"].as_u64() {
            Some(1) => bring_to_2(&mut document),
            Some(other) if other != u64::from(FORMAT) => return Err(RecordError::Version(other)),
            _ => {}
        }
        Ok(serde_json::from_value(document)?)
    }

    /// The inventory, as if it had just been listed.
    pub fn inventory(&self) -> Inventory {
        let resources = self.resources.clone();
        let mut inventory = Inventory::new(BTreeMap::new(), resources, self.failures.clone())
            .with_kinds(Kinds::declared(self.kinds.clone()));
        inventory.clocks = self.clocks.clone();
        inventory
    }
}

/// The version that is written.
const FORMAT: u32 = 2;

/// Version 1 knew what a resource uses, and what goes along with it, but no other bond.
fn bring_to_2(document: &mut Value) {
    document["tbengine-record"] = FORMAT.into();
    let resources = document.get_mut("resources").and_then(Value::as_array_mut);
    for resource in resources.into_iter().flatten() {
        let Some(resource) = resource.as_object_mut() else {
            continue;
        };
        let Some(mut uses) = resource.remove("uses") else {
            continue;
        };
        for relation in uses.as_array_mut().into_iter().flatten() {
            let relation = relation.as_object_mut();
            if let Some(relation) = relation
                && relation.remove("cascade") == Some(Value::Bool(true))
            {
                relation.insert("bond".into(), "owns".into());
            }
        }
        resource.insert("relations".into(), uses);
    }
}

fn strip(pairs: &Labels) -> Labels {
    pairs
        .iter()
        .map(|(key, value)| (key, secrets::strip_pair(key, value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use tbengine_sdk::{Class, Error, ErrorKind, Identity, Kind, Relation, State};

    use super::*;

    fn resource(native: &str) -> Resource {
        let identity = Identity {
            backend: "docker".into(),
            account: "a".into(),
            kind: Kind::CONTAINER,
            native: native.into(),
            created: Some(Timestamp::from_unix_ms(5)),
        };
        let mut resource = Resource::new(identity, native, State::Exited);
        resource.labels = [("team", "evals"), ("api-token", "hunter2")]
            .into_iter()
            .collect();
        resource
    }

    #[test]
    fn a_record_is_sorted_stripped_and_reads_back() {
        let (a, b) = (resource("a"), resource("b"));
        let failure = ListFailure {
            backend: "cloud".into(),
            kind: None,
            item: None,
            error: Error::new(ErrorKind::Denied, "refused by https://me:pw@host/x"),
        };
        let now = Timestamp::from_unix_ms(1_000);
        let record = Record::new(
            [&b, &a].into_iter(),
            std::slice::from_ref(&failure),
            &Kinds::default(),
            now,
        );
        let same = Record::new([&a, &b].into_iter(), &[failure], &Kinds::default(), now);
        assert_eq!(record, same);
        let text = serde_json::to_string(&record).unwrap();
        assert!(!text.contains("hunter2") && !text.contains("pw@"), "{text}");
        let read = Record::read(&text).unwrap();
        assert_eq!(read, record);
        let inventory = read.inventory();
        assert_eq!(inventory.resources[0].identity.native, "a");
        assert_eq!(inventory.resources[0].labels.get("team"), Some("evals"));
        assert_eq!(
            inventory.resources[0].labels.get("api-token"),
            Some("[stripped]")
        );
        let later = text.replacen("\"tbengine-record\":2", "\"tbengine-record\":3", 1);
        assert!(matches!(Record::read(&later), Err(RecordError::Version(3))));
        assert!(matches!(Record::read("[]"), Err(RecordError::Shape(_))));
    }

    #[test]
    fn a_record_of_the_first_version_is_read() {
        let text = r#"{"tbengine-record":1,"recorded":"2026-01-01T00:00:00Z","resources":[{
            "identity":{"backend":"docker","account":"a","kind":"container","native":"c"},
            "name":"c","state":"exited","owner":{"is":"unknown"},"usage":{},
            "uses":[{"kind":"volume","native":"v","cascade":true},{"kind":"network","native":"n"}]}]}"#;
        let record = Record::read(text).unwrap();
        let relations = &record.resources[0].relations;
        assert_eq!(
            *relations,
            [
                Relation::owns(Kind::VOLUME, "v"),
                Relation::uses(Kind::NETWORK, "n")
            ]
        );
        let inventory = record.inventory();
        let class = inventory.class_of(&record.resources[0].identity);
        assert_eq!(class, Class::Compute);
    }

    #[test]
    fn a_record_brings_the_declarations_that_it_needs() {
        let pod = Kind::fixed("pod");
        let declared = KindInfo::new(pod, Class::Compute, "a pod");
        let kinds = Kinds::declared(BTreeMap::from([("docker".into(), vec![declared])]));
        let mut one = resource("a");
        one.identity.kind = pod;
        let record = Record::new([&one].into_iter(), &[], &kinds, Timestamp::from_unix_ms(1));
        let text = serde_json::to_string(&record).unwrap();
        let inventory = Record::read(&text).unwrap().inventory();
        assert_eq!(inventory.class_of(&one.identity), Class::Compute);
    }
}
