//! A recorded inventory: what was listed at one time, to judge it again elsewhere.
//!
//! A record goes into a test beside a policy, so it holds no secrets: what looks like one is replaced
//! by a word. The same inventory gives the same record.

mod secrets;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tbengine_sdk::{Labels, Resource, Timestamp};

use crate::discover::{Inventory, ListFailure};

/// What was listed at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Record {
    /// The version of this format, 1.
    tbengine_record: u32,
    /// When it was listed: `now` to the policies that judge it.
    pub recorded: Timestamp,
    /// What was listed, in the order of the ids.
    pub resources: Vec<Resource>,
    /// What could not be listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<ListFailure>,
}

/// Why a text is no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is not JSON of the right shape.
    #[error("it is not a recorded inventory: {0}")]
    Shape(#[from] serde_json::Error),
    /// It was written by a later tbengine.
    #[error("its format has the version {0}, and this tbengine reads version 1")]
    Version(u32),
}

impl Record {
    /// Records resources and what could not be listed, without what looks like a secret.
    pub fn new<'a>(
        resources: impl Iterator<Item = &'a Resource>,
        failures: &[ListFailure],
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
            tbengine_record: 1,
            recorded: now,
            resources,
            failures,
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// A [`RecordError`] that says what is wrong with the text.
    pub fn read(text: &str) -> Result<Self, RecordError> {
        let record: Self = serde_json::from_str(text)?;
        match record.tbengine_record {
            1 => Ok(record),
            other => Err(RecordError::Version(other)),
        }
    }

    /// The inventory, as if it had just been listed.
    pub fn inventory(&self) -> Inventory {
        Inventory::new(
            BTreeMap::new(),
            self.resources.clone(),
            self.failures.clone(),
        )
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
    use tbengine_sdk::{Error, ErrorKind, Identity, Kind, State};

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
            error: Error::new(ErrorKind::Denied, "refused by https://me:pw@host/x"),
        };
        let now = Timestamp::from_unix_ms(1_000);
        let record = Record::new([&b, &a].into_iter(), std::slice::from_ref(&failure), now);
        let same = Record::new([&a, &b].into_iter(), &[failure], now);
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
        let later = text.replacen("\"tbengine-record\":1", "\"tbengine-record\":2", 1);
        assert!(matches!(Record::read(&later), Err(RecordError::Version(2))));
        assert!(matches!(Record::read("[]"), Err(RecordError::Shape(_))));
    }
}
