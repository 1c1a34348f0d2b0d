//! Networks: from the daemon's JSON to `Resource`.

use std::collections::HashMap;

use bollard::query_parameters::InspectNetworkOptions;
use tbengine_sdk::{Error, ErrorKind, Kind, Labels, Resource, Result, State};

use crate::account_ref::AccountRef;
use crate::connection::Connection;
use crate::native;
use crate::transport::Transport;
use crate::unit;
use crate::wire::{self, ContainerSummary, Items, Network};

/// Whether the daemon itself keeps a network of this name.
pub(crate) fn is_predefined(name: &str) -> bool {
    matches!(
        name,
        "bridge" | "host" | "none" | "ingress" | "docker_gwbridge" | "podman"
    )
}

/// Lists every network that someone made. Networks of a swarm have ids of another form and belong to
/// the swarm, so they are left out.
pub(crate) async fn list(transport: &Transport) -> Result<Items<Network>> {
    let mut networks = read_all(transport).await?;
    // Which ones the daemon keeps is known by their names.
    networks.set_aside(
        |one| !one.id.is_empty() && !one.name.is_empty(),
        |one| {
            if one.name.is_empty() {
                &one.id
            } else {
                &one.name
            }
        },
    );
    networks.read.retain(|network| {
        !is_predefined(&network.name)
            && !network.ingress
            && native::is_full(Kind::NETWORK, &network.id)
    });
    Ok(networks)
}

/// Reads one network by its full id; `None` also if another one answers, which is named like the id.
pub(crate) async fn get(connection: &Connection, id: &str) -> Result<Option<Network>> {
    native::check(Kind::NETWORK, id)?;
    let options = None::<InspectNetworkOptions>;
    let answer = connection.bollard.inspect_network(id, options).await;
    let found = connection.transport.found(answer)?.map(|found| Network {
        id: found.id.unwrap_or_default(),
        name: found.name.unwrap_or_default(),
        created: found.created.unwrap_or_default(),
        driver: found.driver.unwrap_or_default(),
        scope: found.scope.unwrap_or_default(),
        internal: found.internal.unwrap_or_default(),
        ingress: found.ingress.unwrap_or_default(),
        labels: found.labels.unwrap_or_default(),
    });
    native::only(Kind::NETWORK, id, found, |network| &network.id)
}

/// Fails if a container names a network, running or not. The daemon itself refuses only where one is connected: a
/// container that was created on the network and not started yet could never start once that is gone.
///
/// # Errors
/// `Dependency`, with the name of the container.
pub(crate) async fn check_unused(connection: &Connection, id: &str) -> Result<()> {
    let Some(network) = get(connection, id).await? else {
        return Ok(());
    };
    // A container that never ran knows its networks by name only.
    let filters = serde_json::json!({ "network": [id, network.name] }).to_string();
    let filters: String = form_urlencoded::byte_serialize(filters.as_bytes()).collect();
    let path = format!("/containers/json?all=1&filters={filters}");
    let users: Option<Vec<ContainerSummary>> = connection.transport.read(&path).await?;
    match users.unwrap_or_default().first() {
        None => Ok(()),
        Some(user) => {
            let name = user.names.first().unwrap_or(&user.id);
            Err(Error::new(
                ErrorKind::Dependency,
                format!(
                    "container {} is on this network",
                    name.trim_start_matches('/')
                ),
            ))
        }
    }
}

/// The ids of all networks by name; names are not unique.
pub(crate) async fn ids_by_name(transport: &Transport) -> Result<HashMap<String, Vec<String>>> {
    let mut ids: HashMap<String, Vec<String>> = HashMap::new();
    for network in read_all(transport).await?.read {
        ids.entry(network.name).or_default().push(network.id);
    }
    Ok(ids)
}

pub(crate) fn into_resource(network: Network, account: &AccountRef) -> Resource {
    let identity = account.identity(Kind::NETWORK, network.id, wire::time(&network.created));
    let mut resource = Resource::new(identity, network.name, State::Present);
    resource.labels = network.labels.into_iter().collect();
    resource.unit = unit::of_others(&resource.labels);
    let internal = if network.internal { "true" } else { "" };
    resource.attrs = [
        ("driver", network.driver.as_str()),
        ("scope", &network.scope),
        ("internal", internal),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .collect::<Labels>();
    resource
}

async fn read_all(transport: &Transport) -> Result<Items<Network>> {
    transport.read("/networks").await
}
