//! Volumes: the requests, and from JSON to `Resource`.

use tbengine_sdk::http::{Call, Method, shortened};
use tbengine_sdk::{ErrorKind, Kind, Labels, Page, Resource, Result, State};

use crate::account_scope::AccountScope;
use crate::client::Client;
use crate::error::{gone, has_status, in_progress};
use crate::native;
use crate::state;
use crate::wire::{self, Rows, Volume, time};

const KIND: Kind = Kind::VOLUME;
const READ: Call = Call::Read(Some(KIND));
/// The state of what is gone and still readable.
const DELETED: &str = "deleted";

/// Lists every volume. The service has no pages of them.
pub(crate) async fn list(client: &Client, scope: &AccountScope) -> Result<Page> {
    let rows: Rows<Volume> = client.read(READ, &["volumes"], &[]).await?;
    let mut resources = Vec::with_capacity(rows.read.len());
    let mut unreadable = rows.odd;
    for item in rows.read {
        if item.state.as_deref() != Some(DELETED) {
            let shown = item.name.clone().unwrap_or_default();
            match into_resource(item, scope)? {
                Some(resource) => resources.push(resource),
                None => unreadable.push(wire::unreadable(shown)),
            }
        }
    }
    Ok(Page {
        resources,
        unreadable,
        next: None,
    })
}

/// Reads one volume by its id.
pub(crate) async fn get(
    client: &Client,
    scope: &AccountScope,
    id: &str,
) -> Result<Option<Resource>> {
    match client.read::<Volume>(READ, &["volumes", id], &[]).await {
        Ok(found) if native::is_same(found.id.as_deref(), id) => {
            if found.state.as_deref() == Some(DELETED) {
                return Ok(None);
            }
            into_resource(found, scope)
        }
        Ok(_) => Err(client.unexpected()),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Deletes a volume that was just seen.
pub(crate) async fn delete(client: &Client, scope: &AccountScope, id: &str) -> Result<()> {
    let sent = client
        .send(Call::Delete(KIND), Method::DELETE, &["volumes", id], &[])
        .await;
    match sent {
        Ok(_) => Ok(()),
        // It is in no state that can be deleted: being made, or being removed already.
        Err(error) if has_status(&error, 400) => match get(client, scope, id).await? {
            None => Err(gone(KIND)),
            Some(found) if found.state == State::Removing => Err(in_progress()),
            Some(_) => Err(error),
        },
        Err(error) => Err(error),
    }
}

fn into_resource(item: Volume, scope: &AccountScope) -> Result<Option<Resource>> {
    scope.organization.admit(item.organization_id.as_deref())?;
    let Some(id) = item.id.clone().filter(|id| native::is_id(id)) else {
        tracing::warn!(id = ?item.id, "a volume without a usable id is left alone");
        return Ok(None);
    };
    let raw = item.state.as_deref().unwrap_or_default();
    let identity = scope.identity(KIND, id.clone(), time(item.created_at.as_deref()));
    let name = item.name.filter(|name| !name.is_empty());
    let mut resource = Resource::new(identity, name.unwrap_or(id), state::of_volume(raw));
    resource.last_activity = time(item.last_used_at.as_deref());
    let facts: [(&str, Option<String>); 2] = [
        ("state", item.state.clone()),
        ("error-reason", item.error_reason.as_deref().map(shortened)),
    ];
    resource.attrs = facts
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect::<Labels>();
    Ok(Some(resource))
}
