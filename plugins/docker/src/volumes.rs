//! Volumes: from the daemon's JSON to `Resource`.

use std::collections::HashMap;

use tbengine_sdk::{Kind, Labels, Resource, Result, State};

use crate::native;
use crate::place::Place;
use crate::transport::Transport;
use crate::unit;
use crate::wire::{self, DiskUsage, Volume, VolumeList};

/// Lists every volume. Sizes take the daemon a walk over all files, so only on request.
///
/// Names from volume plugins that are no names to Docker could not be asked for; they are left out.
pub(crate) async fn list(transport: &Transport, sizes: bool) -> Result<Vec<Volume>> {
    let listed = transport.read::<VolumeList>("/volumes");
    let (mut list, sizes) = if sizes {
        let usage = transport.read::<DiskUsage>("/system/df?type=volume");
        let (list, usage) = futures_util::try_join!(listed, usage)?;
        (
            list,
            usage
                .volumes
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
        .retain(|volume| native::is_full(Kind::VOLUME, &volume.name));
    for volume in &mut list.volumes {
        volume.usage_data = sizes.remove(&volume.name).unwrap_or_default();
    }
    Ok(list.volumes)
}

/// Reads one volume by its name, which is its id.
pub(crate) async fn get(transport: &Transport, name: &str) -> Result<Option<Volume>> {
    native::check(Kind::VOLUME, name)?;
    let found: Option<Volume> = transport.find(&format!("/volumes/{name}")).await?;
    native::only(Kind::VOLUME, name, found, |volume| &volume.name)
}

pub(crate) fn into_resource(volume: Volume, place: &Place) -> Resource {
    let name = volume.name.clone();
    let identity = place.identity(Kind::VOLUME, volume.name, wire::time(&volume.created_at));
    let mut resource = Resource::new(identity, name, State::Present);
    resource.labels = volume.labels.into_iter().collect();
    resource.unit = unit::of_others(&resource.labels);
    let anonymous = if native::is_digest(&resource.name) {
        "true"
    } else {
        ""
    };
    resource.attrs = [("driver", volume.driver.as_str()), ("anonymous", anonymous)]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect::<Labels>();
    resource.usage.disk_bytes = volume.usage_data.size.and_then(|size| size.try_into().ok());
    resource
}
