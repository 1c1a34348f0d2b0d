//! Images: from the daemon's JSON to `Resource`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bollard::query_parameters::RemoveImageOptions;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tbengine_sdk::{
    Damage, Error, ErrorKind, Kind, Progress, Relation, Resource, Result, State, Timestamp,
};

use crate::account_ref::AccountRef;
use crate::error::{RequestError, gone};
use crate::item::{self, within};
use crate::names::{self, Names};
use crate::native;
use crate::transport::Transport;
use crate::unit;
use crate::wire::{self, ContainerSummary, Image, ImageSummary, Items};
use tbengine_sdk::http::Call;

/// The classic builder makes one image per step of a Dockerfile, and images are built on images.
const MAX_ANCESTRY: usize = 500;

/// An image with its ancestors.
pub(crate) struct Found {
    id: String,
    created: Option<Timestamp>,
    /// When it was given a tag here last.
    tagged: Option<Timestamp>,
    names: Names,
    labels: HashMap<String, String>,
    size: Option<u64>,
    /// From the parent on; the deletion of the image deletes those of them that have no tag.
    ancestors: Vec<Ancestor>,
    /// Why only the listing's own facts are known.
    damaged: Option<Damage>,
}

struct Ancestor {
    id: String,
    tagged: bool,
}

/// Lists every image that has a tag or no child. Those between are steps of a build: they go with
/// their last child, and the daemon refuses to delete them before.
///
/// A listing alone does not say when an image came to this host, so each is inspected; one that vanishes meanwhile is
/// left out.
pub(crate) async fn list(
    transport: &Transport,
    limit: Duration,
    progress: &Progress,
) -> Result<Items<Found>> {
    let mut listed: Items<ImageSummary> =
        within(limit, transport.read("/images/json?all=1")).await?;
    progress.made();
    listed.set_aside(
        |one| native::is_full(Kind::IMAGE, &one.id),
        |one| one.repo_tags.first().unwrap_or(&one.id),
    );
    let (mut summaries, odd) = (listed.read, listed.odd);
    // One that is shown twice is one.
    let mut known = HashSet::new();
    summaries.retain(|image| known.insert(image.id.clone()));
    let parents: HashSet<String> = summaries
        .iter()
        .map(|image| image.parent_id.clone())
        .collect();
    let (shown, steps): (Vec<_>, Vec<_>) = summaries
        .into_iter()
        .partition(|image| is_tagged(image) || !parents.contains(&image.id));
    let read = stream::iter(shown.into_iter().enumerate()).map(|(index, image)| async move {
        let (inspected, damaged) = match item::read(|| inspect(transport, &image.id)).await {
            Ok(Some(inspected)) => (inspected, None),
            Ok(None) => return Ok((index, None)),
            Err(error) if item::is_about_all(&error) => return Err(error),
            Err(error) => (Image::default(), Some(item::damage(error))),
        };
        if !damaged.as_ref().is_some_and(item::is_silent) {
            progress.made();
        }
        let tagged = wire::time(&inspected.metadata.last_tag_time);
        let image = supplemented(image, inspected);
        Ok((index, Some((image, tagged, damaged))))
    });
    let mut read: Vec<_> = read
        .buffer_unordered(item::AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?;
    read.sort_by_key(|(index, _)| *index);
    let read: Vec<_> = read.into_iter().filter_map(|(_, image)| image).collect();
    // An inspection may name a parent that the listing does not.
    let images = read.iter().map(|(image, ..)| image).chain(&steps);
    let links: HashMap<String, (String, bool)> = images
        .clone()
        .map(|image| {
            let link = (image.parent_id.clone(), is_tagged(image));
            (image.id.clone(), link)
        })
        .collect();
    let parents: HashSet<String> = images.map(|image| image.parent_id.clone()).collect();
    let found = read.into_iter();
    let found = found
        .filter(|(image, ..)| is_tagged(image) || !parents.contains(&image.id))
        .map(|(image, tagged, damaged)| Found {
            created: created_of(&image),
            tagged,
            names: Names::new(&image.repo_tags, image.repo_digests),
            labels: image.labels,
            // It is in the listing anyway, so it costs nothing.
            size: wire::size(image.size),
            ancestors: ancestors(&image.parent_id, &links),
            id: image.id,
            damaged,
        });
    Ok(Items {
        read: found.collect(),
        odd,
    })
}

/// An image of a listing with what its inspection says of it beside: names, labels and the parent. Either may leave out
/// what the other has, and whatever one of them says keeps something.
fn supplemented(mut image: ImageSummary, inspected: Image) -> ImageSummary {
    for (known, other) in [
        (&mut image.repo_tags, inspected.repo_tags),
        (&mut image.repo_digests, inspected.repo_digests),
    ] {
        for name in other {
            if !known.contains(&name) {
                known.push(name);
            }
        }
    }
    for (key, value) in inspected.config.labels {
        image.labels.entry(key).or_insert(value);
    }
    if !native::is_full(Kind::IMAGE, &image.parent_id) {
        image.parent_id = inspected.parent;
    }
    image
}

fn is_tagged(image: &ImageSummary) -> bool {
    names::tags_of(&image.repo_tags).next().is_some()
}

/// Lists every image, the steps of builds as well, as far as the listing itself knows it: to prove what is gone.
pub(crate) async fn identify(transport: &Transport) -> Result<Items<ImageSummary>> {
    transport.read("/images/json?all=1").await
}

pub(crate) fn identified(image: ImageSummary, account: &AccountRef) -> Resource {
    let created = created_of(&image);
    let names = Names::new(&image.repo_tags, image.repo_digests);
    let name = names.shown().unwrap_or(&image.id).to_owned();
    let identity = account.identity(Kind::IMAGE, image.id, created);
    let mut resource = Resource::new(identity, name, State::Present);
    resource.names = names.into_sorted();
    resource
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
        let tagged = names::tags_of(&parent.repo_tags).next().is_some();
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
        tagged: wire::time(&image.metadata.last_tag_time),
        names: Names::new(&image.repo_tags, image.repo_digests),
        labels: image.config.labels,
        size: None,
        damaged: None,
        ancestors,
        id: image.id,
    }))
}

/// Whether any container, running or not, is made from exactly this image.
async fn is_used(transport: &Transport, id: &str) -> Result<bool> {
    let containers: Items<ContainerSummary> = transport.read("/containers/json?all=1").await?;
    // One that cannot be read may be made from it.
    let is_its = |container: &ContainerSummary| container.image_id == id;
    Ok(!containers.odd.is_empty() || containers.read.iter().any(is_its))
}

/// Takes the names away that an image has beside the one with which it goes, so that the daemon deletes it by its id
/// without force: with force it would also take the names that came a moment ago, and the image from under stopped
/// containers.
///
/// ```text
/// names in one repository:  DELETE /images/ID                      the daemon takes them all
/// names in several:         for each but the last: GET NAME, is it ID? DELETE NAME;  then DELETE /images/ID
/// ```
/// `planned` are the names that the caller knows of, who has read the image just now.
pub(crate) async fn free(
    transport: &Transport,
    actions: &bollard::Docker,
    id: &str,
    planned: Option<&[String]>,
) -> Result<()> {
    let names = get(transport, id).await?.ok_or_else(gone)?.names;
    let new = |name: &&str| planned.is_some_and(|planned| planned.iter().all(|one| one != name));
    if let Some(new) = names.all().find(new) {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("the image is also known as `{new}` now"),
        ));
    }
    let extra = names.beside_one_repository();
    if extra.is_empty() {
        return Ok(());
    }
    if is_used(transport, id).await? {
        return Err(Error::new(
            ErrorKind::Dependency,
            "a container uses this image",
        ));
    }
    for name in extra {
        // It may have moved to another image since; the name alone would take it from there.
        let named: Option<Image> = transport.find(&format!("/images/{name}/json")).await?;
        if named.is_none_or(|named| named.id != id) {
            continue;
        }
        let options = RemoveImageOptions {
            force: false,
            noprune: false,
            platforms: None,
        };
        let sent = actions.remove_image(name, Some(options), None).await;
        sent.map_err(|failure| {
            transport.error(
                Call::Delete(Kind::IMAGE),
                RequestError::from_bollard(failure),
            )
        })?;
    }
    Ok(())
}

pub(crate) fn into_resource(image: Found, account: &AccountRef) -> Resource {
    let name = image.names.shown().unwrap_or(&image.id).to_owned();
    let mut resource = Resource::new(
        account.identity(Kind::IMAGE, image.id, image.created),
        name,
        State::Present,
    );
    resource.arrived = image.tagged;
    resource.damaged = image.damaged;
    resource.labels = unit::labels_of_image(image.labels);
    resource.unit = unit::of_others(&resource.labels);
    resource.attrs = image.names.attrs();
    resource.names = image.names.into_sorted();
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

fn created_of(image: &ImageSummary) -> Option<Timestamp> {
    Some(image.created)
        .filter(|seconds| *seconds > 0)
        .map(Timestamp::from_unix_seconds)
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
