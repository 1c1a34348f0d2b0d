//! From E2B's words to ours.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use tbengine_sdk::{Identity, Kind, Labels, Resource, State, Timestamp, Unit, Usage};

/// A sandbox as `GET /v2/sandboxes` and `GET /sandboxes/{id}` describe it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sandbox {
    #[serde(rename = "sandboxID")]
    pub(crate) id: String,
    #[serde(rename = "templateID", default)]
    template: String,
    #[serde(default)]
    alias: Option<String>,
    #[serde(default)]
    started_at: Option<String>,
    #[serde(default)]
    end_at: Option<String>,
    #[serde(default)]
    cpu_count: Option<u64>,
    #[serde(rename = "memoryMB", default)]
    memory_mb: Option<u64>,
    #[serde(rename = "diskSizeMB", default)]
    disk_mb: Option<u64>,
    #[serde(default)]
    state: String,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
}

impl Sandbox {
    pub(crate) fn state(&self) -> State {
        match self.state.as_str() {
            "running" => State::Running,
            // Its memory is in storage, and it can be resumed.
            "paused" => State::Stopped,
            _ => State::Unknown,
        }
    }

    pub(crate) fn into_resource(self, backend: &Arc<str>, account: &Arc<str>) -> Resource {
        let state = self.state();
        let time = |text: &Option<String>| text.as_ref()?.parse::<Timestamp>().ok();
        let started = time(&self.started_at);
        let labels: Labels = self.metadata.unwrap_or_default().into_iter().collect();
        let identity = Identity {
            backend: backend.clone(),
            account: account.clone(),
            kind: Kind::SANDBOX,
            // A sandbox that was resumed since has another start, and so is not the one of the plan.
            created: started,
            native: self.id,
        };
        let name = self.alias.clone().unwrap_or_else(|| self.template.clone());
        let attrs = [
            ("template", Some(self.template)),
            ("alias", self.alias),
            ("ends", self.end_at),
        ];
        Resource {
            started,
            unit: unit(&labels),
            attrs: attrs
                .into_iter()
                .filter_map(|(key, value)| Some((key, value.filter(|value| !value.is_empty())?)))
                .collect(),
            usage: Usage {
                cpu_millis: self.cpu_count.map(|count| count.saturating_mul(1000)),
                memory_bytes: self.memory_mb.map(|mb| mb.saturating_mul(1 << 20)),
                disk_bytes: self.disk_mb.map(|mb| mb.saturating_mul(1 << 20)),
                ..Usage::default()
            },
            labels,
            ..Resource::new(identity, name, state)
        }
    }
}

/// What Harbor writes into the metadata of its sandboxes.
const SESSION: &str = "session_id";

/// The trial. Harbor means to have one live sandbox of each; more are a leak.
fn unit(labels: &Labels) -> Option<Unit> {
    let session = labels.get(SESSION).filter(|session| !session.is_empty())?;
    Some(Unit(session.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().copied().collect()
    }

    #[test]
    fn the_unit_is_the_session() {
        let session = "hello__DqmfGz2__env";
        assert_eq!(
            unit(&labels(&[("session_id", session)])),
            Some(Unit(session.into()))
        );
        assert_eq!(unit(&labels(&[("session_id", "")])), None);
        assert_eq!(unit(&labels(&[])), None);
    }

    #[test]
    fn a_state_that_is_not_known_and_a_time_that_is_none_are_unknown() {
        let sandbox: Sandbox = serde_json::from_value(serde_json::json!({
            "sandboxID": "i1", "state": "hibernated", "startedAt": "yesterday",
        }))
        .unwrap();
        let resource = sandbox.into_resource(&"e2b".into(), &"a".into());
        assert_eq!(
            (resource.state, resource.identity.created),
            (State::Unknown, None)
        );
    }
}
