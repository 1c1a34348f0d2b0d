//! Containers: from the daemon's JSON to `Resource`.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use tbengine_sdk::{Kind, Labels, Relation, Resource, Result, State};

use crate::native;
use crate::networks;
use crate::place::Place;
use crate::transport::Transport;
use crate::unit;
use crate::wire::{self, Container, ContainerSummary};

/// How many inspections are in flight during a listing. More does not make dockerd any faster.
const INSPECTIONS: usize = 8;

/// Lists every container. A listing alone lacks times, exit codes and policies, so each container is
/// inspected; one that vanishes meanwhile is left out.
pub(crate) async fn list(transport: &Transport, sizes: bool) -> Result<Vec<Found>> {
    let path = if sizes {
        "/containers/json?all=1&size=1"
    } else {
        "/containers/json?all=1"
    };
    let summaries: Option<Vec<ContainerSummary>> = transport.read(path).await?;
    let mut found: Vec<Found> = stream::iter(summaries.unwrap_or_default())
        .map(|summary| async move {
            let inspected = inspect(transport, &summary.id).await?;
            Ok::<_, tbengine_sdk::Error>(inspected.map(|container| Found {
                container,
                size: wire::size(summary.size_rw).filter(|_| sizes),
                networks: HashMap::new(),
            }))
        })
        .buffered(INSPECTIONS)
        .try_filter_map(|found| async { Ok(found) })
        .try_collect()
        .await?;
    if found.iter().any(Found::lacks_network_ids) {
        let ids = networks::ids_by_name(transport).await?;
        for each in found.iter_mut().filter(|each| each.lacks_network_ids()) {
            each.networks.clone_from(&ids);
        }
    }
    Ok(found)
}

/// Lists every container as far as the listing itself knows it, to prove what is gone. It shows the second of the
/// creation, which is not that of the identity, so that is left out.
pub(crate) async fn identify(transport: &Transport) -> Result<Vec<ContainerSummary>> {
    let summaries: Option<Vec<ContainerSummary>> = transport.read("/containers/json?all=1").await?;
    Ok(summaries.unwrap_or_default())
}

pub(crate) fn identified(summary: ContainerSummary, place: &Place) -> Resource {
    // Links are names within other containers.
    let mut names = summary
        .names
        .iter()
        .map(|name| name.trim_start_matches('/'));
    let name = names.find(|name| !name.contains('/'));
    let name = name.unwrap_or(&summary.id).to_owned();
    let identity = place.identity(Kind::CONTAINER, summary.id, None);
    Resource::new(identity, name, state_of(&summary.state))
}

/// Reads one container by its full id.
pub(crate) async fn get(transport: &Transport, id: &str) -> Result<Option<Found>> {
    let Some(container) = inspect(transport, id).await? else {
        return Ok(None);
    };
    let mut found = Found {
        container,
        size: None,
        networks: HashMap::new(),
    };
    if found.lacks_network_ids() {
        found.networks = networks::ids_by_name(transport).await?;
    }
    Ok(Some(found))
}

/// `None` also if another container answers: the daemon takes names for ids, and anyone may name a
/// container like the id of another.
pub(crate) async fn inspect(transport: &Transport, id: &str) -> Result<Option<Container>> {
    native::check(Kind::CONTAINER, id)?;
    let found: Option<Container> = transport.find(&format!("/containers/{id}/json")).await?;
    native::only(Kind::CONTAINER, id, found, |container| &container.id)
}

/// A container with what its own JSON does not hold.
pub(crate) struct Found {
    container: Container,
    size: Option<u64>,
    /// The ids of networks by name, where the container knows only names.
    networks: HashMap<String, Vec<String>>,
}

impl Found {
    /// A container that never ran knows its networks by name only.
    fn lacks_network_ids(&self) -> bool {
        self.networks()
            .any(|(name, id)| id.is_empty() && !networks::is_predefined(name))
    }

    fn networks(&self) -> impl Iterator<Item = (&str, &str)> {
        self.container
            .network_settings
            .networks
            .iter()
            .map(|(name, attachment)| {
                (
                    name.as_str(),
                    attachment
                        .as_ref()
                        .map_or("", |attachment| &attachment.network_id),
                )
            })
    }

    pub(crate) fn into_resource(self, place: &Place) -> Resource {
        let uses = self.uses();
        let Container {
            id,
            created,
            name,
            path,
            state,
            config,
            host_config,
            ..
        } = self.container;
        let identity = place.identity(Kind::CONTAINER, id, wire::time(&created));
        let mut resource = Resource::new(
            identity,
            name.trim_start_matches('/'),
            state_of(&state.status),
        );
        if matches!(resource.state, State::Exited | State::Dead) {
            resource.exit_code = state.exit_code;
        }
        resource.started = wire::time(&state.started_at);
        resource.finished = wire::time(&state.finished_at);
        resource.labels = config.labels.into_iter().collect();
        resource.unit = unit::of_container(&resource.labels);
        resource.attrs = attrs(
            [
                ("image", config.image),
                ("program", path),
                ("working-dir", config.working_dir),
            ],
            &host_config.restart_policy.name,
            host_config.auto_remove,
        );
        resource.usage.disk_bytes = self.size;
        resource.relations = uses;
        resource
    }

    /// Its networks, volumes and image, in an order that does not change from read to read.
    fn uses(&self) -> Vec<Relation> {
        let mut uses = Vec::new();
        for (name, id) in self
            .networks()
            .filter(|(name, _)| !networks::is_predefined(name))
        {
            let ids = match id {
                "" => self
                    .networks
                    .get(name)
                    .map(Vec::as_slice)
                    .unwrap_or_default(),
                _ => &[id.to_owned()],
            };
            uses.extend(
                ids.iter()
                    .map(|id| Relation::uses(Kind::NETWORK, id.clone())),
            );
        }
        for mount in self
            .container
            .mounts
            .iter()
            .filter(|mount| mount.r#type == "volume" && !mount.name.is_empty())
        {
            uses.push(match self.is_anonymous(&mount.name) {
                true => Relation::owns(Kind::VOLUME, mount.name.clone()),
                false => Relation::uses(Kind::VOLUME, mount.name.clone()),
            });
        }
        if native::is_full(Kind::IMAGE, &self.container.image) {
            uses.push(Relation::uses(Kind::IMAGE, self.container.image.clone()));
        }
        uses.retain(|relation| native::is_full(relation.kind, &relation.native));
        uses.sort_by(|a, b| (a.kind, &a.native).cmp(&(b.kind, &b.native)));
        uses.dedup();
        uses
    }

    /// Whether removing the container with `v=1` removes the volume: it has a made-up name, and nobody
    /// asked for it by that name.
    fn is_anonymous(&self, volume: &str) -> bool {
        let host = &self.container.host_config;
        let asked_for = host
            .binds
            .iter()
            .any(|bind| bind.split(':').next() == Some(volume))
            || host.mounts.iter().any(|mount| mount.source == volume);
        native::is_digest(volume) && !asked_for
    }
}

fn state_of(status: &str) -> State {
    match status {
        "created" => State::Created,
        // On its way to exited, but not there yet.
        "running" | "stopping" => State::Running,
        "paused" => State::Paused,
        "restarting" => State::Restarting,
        "exited" => State::Exited,
        "removing" => State::Removing,
        "dead" => State::Dead,
        _ => State::Unknown,
    }
}

fn attrs(texts: [(&'static str, String); 3], restart_policy: &str, auto_remove: bool) -> Labels {
    let policy = Some(restart_policy).filter(|policy| !matches!(*policy, "" | "no"));
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    let flags = [
        policy.map(|policy| ("restart-policy", policy.to_owned())),
        auto_remove.then(|| ("auto-remove", "true".to_owned())),
    ];
    texts.chain(flags.into_iter().flatten()).collect()
}
