//! Containers: from the daemon's JSON to `Resource`.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use tbengine_sdk::{
    Damage, Error, Kind, Labels, Progress, Relation, Resource, Result, State, Timestamp,
};

use crate::account_ref::AccountRef;
use crate::item::{self, within};
use crate::native;
use crate::networks;
use crate::transport::Transport;
use crate::unit;
use crate::wire::{self, Container, ContainerConfig, ContainerState, ContainerSummary, Items};

/// Lists every container. A listing alone lacks times, exit codes and policies, so each container is
/// inspected; one that vanishes meanwhile is left out, and of one that cannot be inspected there is what the listing
/// says. `limit` is for each request that is about all of them.
pub(crate) async fn list(
    transport: &Transport,
    sizes: bool,
    limit: Duration,
    progress: &Progress,
) -> Result<Items<Found>> {
    let path = if sizes {
        "/containers/json?all=1&size=1"
    } else {
        "/containers/json?all=1"
    };
    let mut listed: Items<ContainerSummary> = within(limit, transport.read(path)).await?;
    progress.made();
    listed.set_aside(
        |one| native::is_full(Kind::CONTAINER, &one.id),
        |one| one.names.first().unwrap_or(&one.id),
    );
    let mut inspected: Vec<(usize, Option<Found>)> =
        stream::iter(listed.read.into_iter().enumerate())
            .map(|(index, summary)| async move {
                let found = look(transport, summary, sizes).await?;
                // Silence is not a sign of life.
                if !found.as_ref().is_some_and(Found::is_silent) {
                    progress.made();
                }
                Ok::<_, Error>((index, found))
            })
            // One that hangs is not to hold up those behind it.
            .buffer_unordered(item::AT_ONCE)
            .try_collect()
            .await?;
    inspected.sort_by_key(|(index, _)| *index);
    let mut found: Vec<Found> = inspected
        .into_iter()
        .filter_map(|(_, found)| found)
        .collect();
    if found.iter().any(Found::lacks_network_ids) {
        let ids = within(limit, networks::ids_by_name(transport)).await?;
        for each in found.iter_mut().filter(|each| each.lacks_network_ids()) {
            each.networks.clone_from(&ids);
        }
    }
    Ok(Items {
        read: found,
        odd: listed.odd,
    })
}

/// Lists every container as far as the listing itself knows it, to prove what is gone. It shows the second of the
/// creation, which is not that of the identity, so that is left out.
pub(crate) async fn identify(transport: &Transport) -> Result<Items<ContainerSummary>> {
    transport.read("/containers/json?all=1").await
}

pub(crate) fn identified(summary: ContainerSummary, account: &AccountRef) -> Resource {
    // Links are names within other containers.
    let mut names = summary
        .names
        .iter()
        .map(|name| name.trim_start_matches('/'));
    let name = names.find(|name| !name.contains('/'));
    let name = name.unwrap_or(&summary.id).to_owned();
    let identity = account.identity(Kind::CONTAINER, summary.id, None);
    Resource::new(identity, name, state_of(&summary.state))
}

/// Reads one container by its full id.
pub(crate) async fn get(transport: &Transport, id: &str) -> Result<Option<Found>> {
    let mut found = match item::read(|| inspect(transport, id)).await {
        Ok(None) => return Ok(None),
        Ok(Some(container)) => Found::whole(container),
        // A listing may show what an inspection cannot.
        Err(error) if item::is_of_one(&error) => match summary(transport, id).await? {
            Some(summary) => Found::damaged(summary, error),
            None => return Err(error),
        },
        Err(error) => return Err(error),
    };
    if found.lacks_network_ids() {
        found.networks = networks::ids_by_name(transport).await?;
    }
    Ok(Some(found))
}

/// Looks at one container of a listing.
async fn look(
    transport: &Transport,
    summary: ContainerSummary,
    sizes: bool,
) -> Result<Option<Found>> {
    let size = wire::size(summary.size_rw).filter(|_| sizes);
    let found = match item::read(|| inspect(transport, &summary.id)).await {
        Ok(None) => return Ok(None),
        Ok(Some(container)) => Found::whole(supplemented(container, summary)),
        Err(error) if item::is_about_all(&error) => return Err(error),
        Err(error) => Found::damaged(summary, error),
    };
    Ok(Some(Found { size, ..found }))
}

/// An inspected container with what the listing says of it beside: labels and what it uses. Either may leave out what
/// the other has, and whatever one of them says keeps something.
fn supplemented(mut container: Container, summary: ContainerSummary) -> Container {
    if !native::is_full(Kind::IMAGE, &container.image) {
        container.image = summary.image_id;
    }
    let labels = &mut container.config.labels;
    for (key, value) in summary.labels {
        labels.entry(key).or_insert(value);
    }
    for mount in summary.mounts {
        let mut known = container.mounts.iter();
        if !known.any(|known| (&known.r#type, &known.name) == (&mount.r#type, &mount.name)) {
            container.mounts.push(mount);
        }
    }
    let networks = &mut container.network_settings.networks;
    for (name, listed) in summary.network_settings.networks {
        let known = networks.entry(name).or_default();
        let id = known.as_ref().map_or("", |known| &known.network_id);
        if !native::is_full(Kind::NETWORK, id) {
            *known = listed;
        }
    }
    container
}

/// What a listing says of one container.
async fn summary(transport: &Transport, id: &str) -> Result<Option<ContainerSummary>> {
    native::check(Kind::CONTAINER, id)?;
    let listed: Items<ContainerSummary> = transport.read("/containers/json?all=1").await?;
    Ok(listed.read.into_iter().find(|one| one.id == id))
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
    /// Why only the listing shows it.
    damage: Option<Damage>,
}

impl Found {
    fn whole(container: Container) -> Self {
        Self {
            container,
            size: None,
            networks: HashMap::new(),
            damage: None,
        }
    }

    /// One that cannot be inspected: what the listing says of it.
    fn damaged(summary: ContainerSummary, why: Error) -> Self {
        let created = match summary.created {
            1.. => Timestamp::from_unix_seconds(summary.created).to_string(),
            _ => String::new(),
        };
        let container = Container {
            id: summary.id,
            created,
            name: summary.names.into_iter().next().unwrap_or_default(),
            image: summary.image_id,
            state: ContainerState {
                status: summary.state,
                ..ContainerState::default()
            },
            config: ContainerConfig {
                image: summary.image,
                labels: summary.labels,
                ..ContainerConfig::default()
            },
            mounts: summary.mounts,
            network_settings: summary.network_settings,
            ..Container::default()
        };
        Self {
            damage: Some(item::damage(why)),
            ..Self::whole(container)
        }
    }

    /// Whether its inspection gave no answer at all.
    fn is_silent(&self) -> bool {
        self.damage.as_ref().is_some_and(item::is_silent)
    }

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
                let id = attachment
                    .as_ref()
                    .map_or("", |attachment| &attachment.network_id);
                // Anything else than a full id is ignored, and the network is looked up by its name.
                let is_id = native::is_full(Kind::NETWORK, id);
                (name.as_str(), if is_id { id } else { "" })
            })
    }

    pub(crate) fn into_resource(self, account: &AccountRef) -> Resource {
        let uses = self.uses();
        let damaged = self.damage.or_else(|| {
            // A minimum age counts from it, so it may be the time that keeps the container.
            let is_odd = wire::is_odd_time(&self.container.state.finished_at);
            is_odd.then(|| Damage {
                message: "the time at which it ended is not a time".into(),
                code: None,
            })
        });
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
        let identity = account.identity(Kind::CONTAINER, id, wire::time(&created));
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
        resource.damaged = damaged;
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
        if self.damage.is_some() {
            // How it was asked for is not known, so it counts as used and not as owned.
            return false;
        }
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
