//! What is there on the daemon.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tbengine_sdk::{Identity, Kind};

use super::api::Api;

/// What is there on the daemon, as it says itself.
#[derive(Debug, Default)]
pub struct Truth {
    /// The containers, and whether they run.
    pub containers: BTreeMap<String, bool>,
    networks: BTreeSet<String>,
    volumes: BTreeSet<String>,
    /// The images, with their names.
    pub images: BTreeMap<String, BTreeSet<String>>,
}

impl Truth {
    /// Reads everything.
    ///
    /// # Errors
    /// If the daemon does not answer.
    pub fn read(api: &Api) -> Result<Self, String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rows = |value: Value| match value {
            Value::Array(rows) => rows,
            _ => Vec::new(),
        };
        let containers = rows(api.read("/containers/json?all=1")?);
        let containers = containers.iter().map(|one| {
            let runs = matches!(one["State"].as_str(), Some("running" | "paused"));
            (text(&one["Id"]), runs)
        });
        let networks = rows(api.read("/networks")?);
        let volumes = rows(api.read("/volumes")?["Volumes"].take());
        let images = rows(api.read("/images/json?all=1")?);
        let images = images.iter().map(|one| {
            let names = one["RepoTags"].as_array().into_iter().flatten();
            (text(&one["Id"]), names.map(text).collect())
        });
        Ok(Self {
            containers: containers.collect(),
            networks: networks.iter().map(|one| text(&one["Id"])).collect(),
            volumes: volumes.iter().map(|one| text(&one["Name"])).collect(),
            images: images.collect(),
        })
    }

    /// Whether something is there.
    pub fn has(&self, identity: &Identity) -> bool {
        let native = &identity.native;
        match identity.kind {
            Kind::CONTAINER => self.containers.contains_key(native),
            Kind::NETWORK => self.networks.contains(native),
            Kind::VOLUME => self.volumes.contains(native),
            _ => self.images.contains_key(native),
        }
    }
}
