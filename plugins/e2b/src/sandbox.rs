//! From E2B's words to ours.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_sdk::recognise::{HARBOR, is_harbor_project};
use tbengine_sdk::{Identity, Kind, Labels, Owner, Resource, State, Timestamp, Unit, Usage};

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
            owner: owner(&labels),
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
const ENVIRONMENT: &str = "environment_name";

/// The trial. Harbor means to have one live sandbox of each; more are a leak.
fn unit(labels: &Labels) -> Option<Unit> {
    let session = labels.get(SESSION).filter(|session| !session.is_empty())?;
    Some(Unit(session.to_owned()))
}

/// Harbor is proven by both keys and the form of its session; one alone is a word that anybody uses.
fn owner(labels: &Labels) -> Owner {
    if let Some(run) = labels.get(RUN_ID_LABEL).filter(|run| !run.is_empty()) {
        return Owner::Run(run.to_owned());
    }
    let has_environment = labels.get(ENVIRONMENT).is_some_and(|name| !name.is_empty());
    if has_environment && labels.get(SESSION).is_some_and(is_harbor_project) {
        return Owner::Benchmark(HARBOR.to_owned());
    }
    Owner::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().copied().collect()
    }

    #[test]
    fn harbor_is_proven_by_both_of_its_keys() {
        let session = ("session_id", "hello__DqmfGz2__env");
        let both = labels(&[session, ("environment_name", "hello")]);
        assert_eq!(owner(&both), Owner::Benchmark("harbor".into()));
        assert_eq!(unit(&both), Some(Unit("hello__DqmfGz2__env".into())));
        for unproven in [
            labels(&[]),
            labels(&[session]),
            labels(&[("session_id", "mine"), ("environment_name", "hello")]),
            labels(&[session, ("environment_name", "")]),
        ] {
            assert_eq!(owner(&unproven), Owner::Unknown, "{unproven:?}");
        }
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
