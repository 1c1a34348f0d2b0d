//! Snapshots: the requests, and from JSON to `Resource`.

use std::collections::HashSet;

use tbengine_sdk::http::{Call, Method, shortened};
use tbengine_sdk::{Error, ErrorKind, Kind, Labels, Page, Resource, Result, State};

use crate::account_scope::AccountScope;
use crate::client::Client;
use crate::error::{gone, has_status, in_progress};
use crate::native;
use crate::sandboxes::whole;
use crate::state;
use crate::wire::{self, Snapshot, SnapshotPage, time};

const KIND: Kind = Kind::SNAPSHOT;
const READ: Call = Call::Read(Some(KIND));
const PAGE_SIZE: &str = "200";
const MAX_PAGES: u32 = 10_000;
const GIB: f64 = (1_u64 << 30) as f64;

/// Lists every snapshot of ours. The service pages by offset, so all pages are collected before anyone
/// can delete anything; what others delete meanwhile may still hide a few.
pub(crate) async fn list(client: &Client, scope: &AccountScope) -> Result<Page> {
    let mut seen = HashSet::new();
    let mut resources = Vec::new();
    let mut unreadable = Vec::new();
    for number in 1..=MAX_PAGES {
        let number = number.to_string();
        let query = [
            ("page", number.as_str()),
            ("limit", PAGE_SIZE),
            ("sort", "createdAt"),
            ("order", "asc"),
        ];
        let page: SnapshotPage = client.read(READ, &["snapshots"], &query).await?;
        let is_empty = page.items.read.is_empty() && page.items.odd.is_empty();
        let is_last = is_empty
            || page
                .total_pages
                .is_none_or(|total| number.parse::<u64>().is_ok_and(|number| number >= total));
        unreadable.extend(page.items.odd);
        for item in page.items.read {
            let is_new = item.id.clone().is_none_or(|id| seen.insert(id));
            if is_new && is_listed(&item, scope) {
                let shown = item.name.clone().unwrap_or_default();
                match into_resource(item, scope)? {
                    Some(resource) => resources.push(resource),
                    None => unreadable.push(wire::unreadable(shown)),
                }
            }
        }
        if is_last {
            return Ok(Page {
                resources,
                unreadable,
                next: None,
            });
        }
    }
    Err(Error::new(
        ErrorKind::Internal,
        format!("the listing of snapshots did not end after {MAX_PAGES} pages"),
    ))
}

/// Whether it is ours and in the region that is meant. Daytona's own snapshots are in every listing.
fn is_listed(item: &Snapshot, scope: &AccountScope) -> bool {
    let is_elsewhere = match (&scope.target, &item.region_ids) {
        (Some(target), Some(regions)) => !regions.is_empty() && !regions.contains(target),
        _ => false,
    };
    item.general == Some(false) && !is_elsewhere
}

/// Reads one snapshot by its id.
pub(crate) async fn get(
    client: &Client,
    scope: &AccountScope,
    id: &str,
) -> Result<Option<Resource>> {
    match client.read::<Snapshot>(READ, &["snapshots", id], &[]).await {
        Ok(found) if native::is_same(found.id.as_deref(), id) => into_resource(found, scope),
        // Another one that is named like the id of this one.
        Ok(other) if other.id.as_deref().is_some_and(native::is_id) => Ok(None),
        Ok(_) => Err(client.unexpected()),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Deletes a snapshot that was just seen. The sandboxes that were made from it have disks of their own.
pub(crate) async fn delete(client: &Client, scope: &AccountScope, id: &str) -> Result<()> {
    let sent = client
        .send(Call::Delete(KIND), Method::DELETE, &["snapshots", id], &[])
        .await;
    match sent {
        Ok(_) => Ok(()),
        Err(error) if has_status(&error, 409) => match get(client, scope, id).await? {
            None => Err(gone(KIND)),
            Some(found) if found.state == State::Removing => Err(in_progress()),
            Some(_) => Err(error),
        },
        Err(error) => Err(error),
    }
}

fn into_resource(item: Snapshot, scope: &AccountScope) -> Result<Option<Resource>> {
    if item.general == Some(false) {
        scope.organization.admit(item.organization_id.as_deref())?;
    }
    let Some(id) = item.id.clone().filter(|id| native::is_id(id)) else {
        tracing::warn!(id = ?item.id, "a snapshot without a usable id is left alone");
        return Ok(None);
    };
    let raw = item.state.as_deref().unwrap_or_default();
    let identity = scope.identity(KIND, id.clone(), time(item.created_at.as_deref()));
    let name = item.name.clone().filter(|name| !name.is_empty());
    let mut resource = Resource::new(identity, name.unwrap_or(id), state::of_snapshot(raw));
    resource.last_activity = time(item.last_used_at.as_deref());
    resource.usage.disk_bytes = whole(item.size, GIB);
    resource.attrs = attrs(&item, raw);
    Ok(Some(resource))
}

fn attrs(item: &Snapshot, raw: &str) -> Labels {
    [
        ("state", Some(raw.to_owned())),
        (
            "general",
            (item.general != Some(false)).then(|| "true".to_owned()),
        ),
        ("image", item.image_name.clone()),
        ("error-reason", item.error_reason.as_deref().map(shortened)),
        ("source-sandbox", item.source_sandbox_id.clone()),
        (
            "targets",
            item.region_ids.as_ref().map(|regions| regions.join(",")),
        ),
        (
            "region",
            item.region_ids.as_ref().map(|regions| regions.join(",")),
        ),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value.filter(|value| !value.is_empty())?)))
    .collect()
}
