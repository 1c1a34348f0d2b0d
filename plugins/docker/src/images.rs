//! Images: from the daemon's JSON to `Resource`.

use std::collections::{HashMap, HashSet};

use tbengine_sdk::{Error, ErrorKind, Kind, Labels, Relation, Resource, Result, State, Timestamp};

use crate::error::gone;
use crate::native;
use crate::place::Place;
use crate::transport::Transport;
use crate::unit;
use crate::wire::{self, ContainerSummary, Image, ImageSummary};

/// The tag of an image that has none.
const NO_TAG: &str = "<none>:<none>";
/// What the digest of an image begins with that no repository knows.
const NO_REPOSITORY: &str = "<none>@";
/// The classic builder makes one image per step of a Dockerfile, and images are built on images.
const MAX_ANCESTRY: usize = 500;

/// An image with its ancestors.
pub(crate) struct Found {
    id: String,
    created: Option<Timestamp>,
    tags: Vec<String>,
    /// `repository@digest`, for each registry that it was pulled from or pushed to.
    digests: Vec<String>,
    labels: HashMap<String, String>,
    size: Option<u64>,
    /// From the parent on; the deletion of the image deletes those of them that have no tag.
    ancestors: Vec<Ancestor>,
}

struct Ancestor {
    id: String,
    tagged: bool,
}

impl Found {
    pub(crate) fn tags(&self) -> usize {
        self.tags.len()
    }
}

/// Lists every image that has a tag or no child. Those between are steps of a build: they go with
/// their last child, and the daemon refuses to delete them before.
pub(crate) async fn list(transport: &Transport, sizes: bool) -> Result<Vec<Found>> {
    let summaries: Option<Vec<ImageSummary>> = transport.read("/images/json?all=1").await?;
    let summaries = summaries.unwrap_or_default();
    let parents: HashSet<String> = summaries
        .iter()
        .map(|image| image.parent_id.clone())
        .collect();
    let links: HashMap<String, (String, bool)> = summaries
        .iter()
        .map(|image| {
            (
                image.id.clone(),
                (
                    image.parent_id.clone(),
                    tags_of(&image.repo_tags).next().is_some(),
                ),
            )
        })
        .collect();
    let shown = summaries.into_iter().filter(|image| {
        let tagged = tags_of(&image.repo_tags).next().is_some();
        native::is_full(Kind::IMAGE, &image.id) && (tagged || !parents.contains(&image.id))
    });
    Ok(shown
        .map(|image| Found {
            created: Some(image.created)
                .filter(|seconds| *seconds > 0)
                .map(Timestamp::from_unix_seconds),
            tags: tags_of(&image.repo_tags).map(str::to_owned).collect(),
            digests: digests_of(image.repo_digests),
            labels: image.labels,
            size: image.size.filter(|_| sizes),
            ancestors: ancestors(&image.parent_id, &links),
            id: image.id,
        })
        .collect())
}

/// Reads one image by its `sha256:…` id.
pub(crate) async fn get(transport: &Transport, id: &str) -> Result<Option<Found>> {
    native::check(Kind::IMAGE, id)?;
    let Some(image) = inspect(transport, id).await? else {
        return Ok(None);
    };
    let mut ancestors = Vec::new();
    let mut next = image.parent;
    while native::is_full(Kind::IMAGE, &next) && ancestors.len() < MAX_ANCESTRY {
        let Some(parent) = inspect(transport, &next).await? else {
            break;
        };
        let tagged = tags_of(&parent.repo_tags).next().is_some();
        ancestors.push(Ancestor { id: next, tagged });
        if tagged {
            break;
        }
        next = parent.parent;
    }
    Ok(Some(Found {
        // A listing knows only the second.
        created: wire::time(&image.created)
            .map(|time| Timestamp::from_unix_seconds(time.as_unix_ms().div_euclid(1000))),
        tags: tags_of(&image.repo_tags).map(str::to_owned).collect(),
        digests: digests_of(image.repo_digests),
        labels: image.config.labels,
        size: None,
        ancestors,
        id: image.id,
    }))
}

/// Whether any container, running or not, is made from exactly this image.
pub(crate) async fn is_used(transport: &Transport, id: &str) -> Result<bool> {
    let containers: Option<Vec<ContainerSummary>> =
        transport.read("/containers/json?all=1").await?;
    Ok(containers
        .unwrap_or_default()
        .iter()
        .any(|container| container.image_id == id))
}

/// Whether the daemon must be told to force the deletion of an image: it wants that for an image with
/// several tags. It would then also take the image from under stopped containers, so never for an
/// image that is in use.
pub(crate) async fn needs_force(transport: &Transport, id: &str) -> Result<bool> {
    let image = get(transport, id).await?.ok_or_else(gone)?;
    if image.tags() < 2 {
        return Ok(false);
    }
    if is_used(transport, id).await? {
        return Err(Error::new(
            ErrorKind::Dependency,
            "a container uses this image",
        ));
    }
    Ok(true)
}

pub(crate) fn into_resource(image: Found, place: &Place) -> Resource {
    let name = image
        .tags
        .first()
        .cloned()
        .unwrap_or_else(|| image.id.clone());
    let mut resource = Resource::new(
        place.identity(Kind::IMAGE, image.id, image.created),
        name,
        State::Present,
    );
    resource.names = image.tags.iter().cloned().chain(image.digests).collect();
    resource.names.sort_unstable();
    resource.labels = unit::labels_of_image(image.labels);
    resource.unit = unit::of_others(&resource.labels);
    resource.attrs = match image.tags.is_empty() {
        true => Labels::from_iter([("dangling", "true")]),
        false => Labels::from_iter([("tags", image.tags.join(","))]),
    };
    resource.usage.disk_bytes = image.size;
    resource.relations = image
        .ancestors
        .into_iter()
        .map(|ancestor| match ancestor.tagged {
            true => Relation::uses(Kind::IMAGE, ancestor.id),
            false => Relation::owns(Kind::IMAGE, ancestor.id),
        })
        .collect();
    resource
}

async fn inspect(transport: &Transport, id: &str) -> Result<Option<Image>> {
    let found: Option<Image> = transport.find(&format!("/images/{id}/json")).await?;
    native::only(Kind::IMAGE, id, found, |image| &image.id)
}

/// The parent, and on through parents without a tag.
fn ancestors(parent: &str, links: &HashMap<String, (String, bool)>) -> Vec<Ancestor> {
    let mut found = Vec::new();
    let mut next = parent;
    while let Some((parent, tagged)) = links.get(next).filter(|_| found.len() < MAX_ANCESTRY) {
        found.push(Ancestor {
            id: next.to_owned(),
            tagged: *tagged,
        });
        if *tagged {
            break;
        }
        next = parent;
    }
    found
}

fn digests_of(digests: Vec<String>) -> Vec<String> {
    let named = |digest: &String| !digest.starts_with(NO_REPOSITORY);
    digests.into_iter().filter(named).collect()
}

fn tags_of(tags: &[String]) -> impl Iterator<Item = &str> {
    tags.iter().map(String::as_str).filter(|tag| *tag != NO_TAG)
}
