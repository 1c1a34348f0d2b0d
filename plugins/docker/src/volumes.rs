//! Volumes: from the daemon's JSON to `Resource`.

use std::collections::HashMap;

use tbengine_sdk::{Kind, Labels, Resource, Result, State};

use crate::account_ref::AccountRef;
use crate::api_version::ApiVersion;
use crate::connection::Connection;
use crate::native;
use crate::transport::Transport;
use crate::unit;
use crate::wire::{self, DiskUsage, Items, Volume, VolumeList, VolumeUsage};

/// The attribute that says when a volume was written to last, where the daemon knows no other time of it.
pub(crate) const WRITTEN: &str = "written";

/// A volume as one daemon shows it.
pub(crate) struct Found {
    volume: Volume,
    /// Whether its creation time stays what it is. Before Engine 23 it moves when somebody writes.
    keeps_time: bool,
}

/// Lists every volume. Sizes take the daemon a walk over all files, so only on request.
///
/// Names from volume plugins that are not valid for Docker cannot be queried; they are left out.
pub(crate) async fn list(transport: &Transport, sizes: bool) -> Result<Items<Found>> {
    let listed = transport.read::<VolumeList>("/volumes");
    let (mut list, sizes) = if sizes {
        let usage = transport.read::<DiskUsage>("/system/df?type=volume");
        let (list, usage) = futures_util::try_join!(listed, usage)?;
        (
            list,
            usage
                .volumes
                .read
                .into_iter()
                .map(|volume| (volume.name, volume.usage_data))
                .collect(),
        )
    } else {
        (listed.await?, HashMap::new())
    };
    for warning in &list.warnings {
        // A volume plugin that does not answer: its volumes are missing here.
        tracing::warn!(warning, "docker could not list all volumes");
    }
    let mut sizes = sizes;
    list.volumes
        .set_aside(|one| !one.name.is_empty(), |one| &one.driver);
    let volumes = &mut list.volumes.read;
    volumes.retain(|volume| native::is_full(Kind::VOLUME, &volume.name));
    for volume in volumes {
        volume.usage_data = sizes.remove(&volume.name).unwrap_or_default();
    }
    let keeps_time = keeps_time(transport).await?;
    let Items { read, odd } = list.volumes;
    let found = read.into_iter();
    let found = found.map(|volume| Found { volume, keeps_time });
    Ok(Items {
        read: found.collect(),
        odd,
    })
}

/// Lists every volume to prove what is gone. Each warning is of a volume plugin that does not answer, whose volumes are
/// missing.
pub(crate) async fn identify(transport: &Transport) -> Result<(Items<Found>, Vec<String>)> {
    let list: VolumeList = transport.read("/volumes").await?;
    let keeps_time = keeps_time(transport).await?;
    let Items { read, odd } = list.volumes;
    let found = read.into_iter();
    let read = found.map(|volume| Found { volume, keeps_time }).collect();
    Ok((Items { read, odd }, list.warnings))
}

/// Reads one volume by its name, which is its id.
pub(crate) async fn get(connection: &Connection, name: &str) -> Result<Option<Found>> {
    native::check(Kind::VOLUME, name)?;
    let answer = connection.bollard.inspect_volume(name).await;
    let found = connection.transport.found(answer)?.map(|found| Volume {
        name: found.name,
        driver: found.driver,
        created_at: found.created_at.unwrap_or_default(),
        labels: found.labels,
        usage_data: VolumeUsage::default(),
    });
    let volume = native::only(Kind::VOLUME, name, found, |volume| &volume.name)?;
    let keeps_time = keeps_time(&connection.transport).await?;
    Ok(volume.map(|volume| Found { volume, keeps_time }))
}

async fn keeps_time(transport: &Transport) -> Result<bool> {
    Ok(transport.version().await? >= ApiVersion::VOLUMES_KEEP_THEIR_TIME)
}

pub(crate) fn into_resource(found: Found, account: &AccountRef) -> Resource {
    let Found { volume, keeps_time } = found;
    let name = volume.name.clone();
    let time = wire::time(&volume.created_at);
    let identity = account.identity(Kind::VOLUME, volume.name, time.filter(|_| keeps_time));
    let mut resource = Resource::new(identity, name, State::Present);
    // It cannot have come later than somebody wrote to it.
    resource.arrived = time.filter(|_| !keeps_time);
    resource.labels = volume.labels.into_iter().collect();
    resource.unit = unit::of_others(&resource.labels);
    let anonymous = if native::is_digest(&resource.name) {
        "true"
    } else {
        ""
    };
    let written = if keeps_time { "" } else { &volume.created_at };
    resource.attrs = [
        ("driver", volume.driver.as_str()),
        ("anonymous", anonymous),
        (WRITTEN, written),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .collect::<Labels>();
    resource.usage.disk_bytes = wire::size(volume.usage_data.size);
    resource
}
