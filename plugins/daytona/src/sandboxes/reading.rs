//! The sandboxes that exist: listings, reads by id, and the look among what is only hidden.

use std::collections::HashMap;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tbengine_sdk::{Detail, Error, ErrorKind, ListRequest, Page, Relation, Resource, Result};
use tokio::time::{Instant, timeout_at};

use super::resource::into_resource;
use super::{KIND, READ};
use crate::account_scope::AccountScope;
use crate::client::Client;
use crate::links::{Link, Links};
use crate::native;
use crate::poller::Sighting;
use crate::state::{self, DESTROYED};
use crate::wire::{self, Sandbox, SandboxPage};

/// The service refuses larger pages.
const MAX_PAGE: usize = 200;
/// How many sandboxes of a page are read at once to learn what they are linked to.
const LINK_READS: usize = 16;
/// How often such a read is tried that meets a passing fault.
const LINK_ATTEMPTS: u32 = 3;

/// Lists one page. The order is the only one in which the service's cursors lose nothing while others
/// create and delete.
pub(crate) async fn list(
    client: &Client,
    scope: &AccountScope,
    request: &ListRequest,
    links: &Links,
    until: Instant,
) -> Result<Page> {
    let cursor = request.cursor.as_deref();
    let limit = request.page_size.clamp(1, MAX_PAGE).to_string();
    let mut query = vec![
        ("limit", limit.as_str()),
        ("sort", "createdAt"),
        ("order", "asc"),
        ("includeErroredDeleted", "true"),
    ];
    let labels = (!scope.labels.is_empty()).then(|| serde_json::json!(scope.labels).to_string());
    query.extend(labels.as_deref().map(|labels| ("labels", labels)));
    query.extend(cursor.map(|cursor| ("cursor", cursor)));
    let page: SandboxPage = client.read(READ, &["sandbox"], &query).await?;
    if matches!(page, SandboxPage::Everything(_)) && cursor.is_some() {
        return Err(client.unexpected());
    }
    // Servers from before 0.180 list whole sandboxes, and know of no links.
    let shows_links = matches!(page, SandboxPage::Everything(_));
    let (rows, next) = page.into_parts();
    let next = next.filter(|next| !next.is_empty());
    if next.is_some() && next.as_deref() == cursor {
        return Err(Error::new(
            ErrorKind::Internal,
            "the listing does not end: the service returned the same cursor again",
        ));
    }
    let mut resources = Vec::with_capacity(rows.read.len());
    let mut unreadable = rows.odd;
    let mut listed: Vec<Sandbox> = rows.read;
    listed.retain(|item| is_listed(item, scope));
    let linked = match request.detail {
        _ if shows_links => HashMap::new(),
        Detail::Identity => HashMap::new(),
        _ => links_of(client, &listed, links, until).await?,
    };
    for item in listed {
        let shown = item.name.clone().unwrap_or_default();
        let link = item.id.as_ref().and_then(|id| linked.get(id));
        match into_resource(item, scope)? {
            Some(mut resource) => {
                tie(&mut resource, link);
                resources.push(resource);
            }
            None => unreadable.push(wire::unreadable(shown)),
        }
    }
    Ok(Page {
        resources,
        unreadable,
        next,
    })
}

/// What the sandboxes of a page are linked to, by their ids. What is not read by a time counts as not readable: a page that
/// is late would cost the whole listing.
async fn links_of(
    client: &Client,
    listed: &[Sandbox],
    links: &Links,
    until: Instant,
) -> Result<HashMap<String, Link>> {
    listed.iter().for_each(|item| links.note(item));
    let link_of = async |item: &Sandbox| {
        let link = match links.known(item) {
            Some(link) => link,
            None => match timeout_at(until, read_link(client, item, links)).await {
                Ok(link) => link?,
                Err(_) => links.unread(item),
            },
        };
        Ok::<_, Error>((item.id.clone().unwrap_or_default(), link))
    };
    stream::iter(listed)
        .map(link_of)
        .buffer_unordered(LINK_READS)
        .try_collect()
        .await
}

/// Reads a sandbox to learn what it is linked to. One that cannot be read may be linked to any that it can be linked to.
async fn read_link(client: &Client, item: &Sandbox, links: &Links) -> Result<Link> {
    let Some(id) = item.id.as_deref().filter(|id| native::is_id(id)) else {
        return Ok(links.unread(item));
    };
    for _ in 0..LINK_ATTEMPTS {
        let found: Result<Sandbox> = client.read(READ, &["sandbox", id], &[]).await;
        match found {
            Ok(found) if native::is_same(found.id.as_deref(), id) => {
                links.read(id, found.linked_sandbox_id.clone());
                return Ok(found.linked_sandbox_id.map_or(Link::No, Link::To));
            }
            // It is gone, or hidden.
            Ok(other) if other.id.as_deref().is_some_and(native::is_id) => return Ok(Link::No),
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(Link::No),
            Err(error) if error.kind.gates_backend() || error.kind == ErrorKind::Denied => {
                return Err(error);
            }
            Ok(_) | Err(_) => {}
        }
    }
    Ok(links.unread(item))
}

/// Ties a sandbox to those that cannot go before it, since they would take it along.
fn tie(resource: &mut Resource, link: Option<&Link>) {
    let owners = match link {
        None | Some(Link::No) => return,
        Some(Link::To(owner)) => std::slice::from_ref(owner),
        Some(Link::Unread(owners)) => owners.as_slice(),
    };
    resource.relations = owners
        .iter()
        .map(|owner| Relation::uses(KIND, owner))
        .collect();
}

/// Whether a sandbox is there, someone's, in the region that is meant, and labelled as is wanted. What the
/// service was asked to leave out is left out here again: old servers know no filters.
fn is_listed(item: &Sandbox, scope: &AccountScope) -> bool {
    let is_gone = item.state.as_deref() == Some(DESTROYED);
    let is_elsewhere = scope
        .target
        .as_deref()
        .is_some_and(|target| item.target.as_deref() != Some(target));
    let mut labels = scope.labels.iter();
    let is_labelled = labels.all(|(key, value)| item.labels.get(key) == Some(value));
    !is_gone && !is_elsewhere && is_labelled && item.warm_pool_id.is_none()
}

/// Reads one sandbox by its id.
///
/// The service answers 404 also for a sandbox that it only hides, so what is not found is looked for
/// once more among those. Only what is in neither place is gone.
pub(super) async fn get(
    client: &Client,
    scope: &AccountScope,
    id: &str,
) -> Result<Option<Resource>> {
    match read(client, scope, id).await? {
        Some(found) => Ok(Some(found)),
        None => Ok(confirming_read(client, scope, id).await?.hidden()),
    }
}

/// What a look among the hidden ones shows of a sandbox that cannot be read by its id.
pub(crate) enum ConfirmingRead {
    /// A deletion has only hidden it.
    Hidden(Box<Resource>),
    /// The listing still shows it as it was before: it lags behind.
    Outdated,
    Nothing,
}

impl ConfirmingRead {
    /// What is hidden. What a listing shows that lags behind is gone as far as is known now.
    pub(crate) fn hidden(self) -> Option<Resource> {
        match self {
            ConfirmingRead::Hidden(found) => Some(*found),
            ConfirmingRead::Outdated | ConfirmingRead::Nothing => None,
        }
    }
}

/// Reads what is shown under an id. What is not may be hidden.
pub(crate) async fn read(
    client: &Client,
    scope: &AccountScope,
    id: &str,
) -> Result<Option<Resource>> {
    match client.read::<Sandbox>(READ, &["sandbox", id], &[]).await {
        Ok(found) if native::is_same(found.id.as_deref(), id) => {
            if found.state.as_deref() == Some(DESTROYED) {
                return Ok(None);
            }
            into_resource(found, scope)
        }
        // Another one that is named like the id of this one; ours is not there.
        Ok(other) if other.id.as_deref().is_some_and(native::is_id) => Ok(None),
        Ok(_) => Err(client.unexpected()),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// One listing of everything that is being destroyed, and of what was only hidden instead. `None` if
/// it has more pages than that.
pub(crate) async fn leaving(
    client: &Client,
    scope: &AccountScope,
    pages: usize,
) -> Result<Option<Sighting>> {
    let limit = MAX_PAGE.to_string();
    let mut sighting = Sighting::default();
    let mut cursor: Option<String> = None;
    for _ in 0..pages {
        let mut query = vec![
            ("limit", limit.as_str()),
            ("sort", "createdAt"),
            ("order", "asc"),
            ("includeErroredDeleted", "true"),
            ("states", "destroying"),
            ("states", "error"),
            ("states", "build_failed"),
        ];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page: SandboxPage = client.read(READ, &["sandbox"], &query).await?;
        let (rows, next) = page.into_parts();
        if !rows.odd.is_empty() {
            return Ok(None);
        }
        for mut item in rows.read {
            let Some(id) = item.id.clone() else { continue };
            let is_unwanted = item.desired_state.as_deref() == Some(DESTROYED);
            match item.state.as_deref() {
                Some(state) if state::is_errored(state) => {
                    // Read by its id it was not found, so it is hidden even if the listing lags behind.
                    item.desired_state = Some(DESTROYED.to_owned());
                    sighting
                        .hidden
                        .extend(into_resource(item, scope)?.map(|found| (id, found)));
                }
                Some("destroying") => _ = sighting.removing.insert(id),
                _ if is_unwanted => _ = sighting.removing.insert(id),
                _ => {}
            }
        }
        match next.filter(|next| !next.is_empty()) {
            None => return Ok(Some(sighting)),
            Some(next) if cursor.as_ref() == Some(&next) => return Ok(None),
            Some(next) => cursor = Some(next),
        }
    }
    Ok(None)
}

/// Looks for a sandbox among those that a deletion has only hidden.
pub(crate) async fn confirming_read(
    client: &Client,
    scope: &AccountScope,
    id: &str,
) -> Result<ConfirmingRead> {
    let query = [("id", id), ("includeErroredDeleted", "true")];
    let page: SandboxPage = client.read(READ, &["sandbox"], &query).await?;
    let (rows, _) = page.into_parts();
    let found = rows
        .read
        .into_iter()
        .find(|item| native::is_same(item.id.as_deref(), id));
    let Some(mut found) = found else {
        // It may be the one that cannot be read.
        return match rows.odd.is_empty() {
            true => Ok(ConfirmingRead::Nothing),
            false => Err(client.unexpected()),
        };
    };
    if !found.state.as_deref().is_some_and(state::is_errored) {
        return Ok(ConfirmingRead::Outdated);
    }
    found.desired_state = Some(DESTROYED.to_owned());
    let found = into_resource(found, scope)?;
    Ok(found.map_or(ConfirmingRead::Nothing, |found| {
        ConfirmingRead::Hidden(Box::new(found))
    }))
}
