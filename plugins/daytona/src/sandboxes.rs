//! Sandboxes: the requests, and from JSON to `Resource`.

use http::Method;
use tbengine_sdk::{
    Error, ErrorKind, Kind, Labels, Page, Resource, Result, State, StopOptions, Usage,
};

use crate::backend::{Place, gone, in_progress};
use crate::client::Client;
use crate::failure::{has_status, shortened, unexpected};
use crate::native;
use crate::owner;
use crate::poller::Sighting;
use crate::recent::Seen;
use crate::refusal::Call;
use crate::state::{self, DESTROYED};
use crate::wire::{Sandbox, SandboxPage, time};

const KIND: Kind = Kind::Sandbox;
const READ: Call = Call::Read(Some(KIND));
/// The service refuses larger pages.
const LARGEST_PAGE: usize = 200;
const GIB: f64 = (1_u64 << 30) as f64;

/// Lists one page. The order is the only one in which the service's cursors lose nothing while others
/// create and delete.
pub(crate) async fn list(
    client: &Client,
    place: &Place,
    cursor: Option<&str>,
    page_size: usize,
) -> Result<Page> {
    let limit = page_size.clamp(1, LARGEST_PAGE).to_string();
    let mut query = vec![
        ("limit", limit.as_str()),
        ("sort", "createdAt"),
        ("order", "asc"),
        ("includeErroredDeleted", "true"),
    ];
    let labels = (!place.labels.is_empty()).then(|| serde_json::json!(place.labels).to_string());
    query.extend(labels.as_deref().map(|labels| ("labels", labels)));
    query.extend(cursor.map(|cursor| ("cursor", cursor)));
    let (items, next) = match client.read(READ, &["sandbox"], &query).await? {
        SandboxPage::Page(page) => {
            let next = page.next_cursor.filter(|next| !next.is_empty());
            (page.items, next)
        }
        SandboxPage::Everything(_) if cursor.is_some() => return Err(unexpected(client.shown())),
        SandboxPage::Everything(items) => (items, None),
    };
    if next.is_some() && next.as_deref() == cursor {
        return Err(Error::new(
            ErrorKind::Internal,
            "the listing goes in circles: the service gave the same cursor again",
        ));
    }
    let mut resources = Vec::with_capacity(items.len());
    for item in items {
        if is_listed(&item, place) {
            resources.extend(into_resource(item, place)?);
        }
    }
    Ok(Page { resources, next })
}

/// Whether a sandbox is there, somebody's, in the region that is meant, and labelled as is wanted. What the
/// service was asked to leave out is left out here again: old servers know no filters.
fn is_listed(item: &Sandbox, place: &Place) -> bool {
    let is_gone = item.state.as_deref() == Some(DESTROYED);
    let is_elsewhere = place
        .target
        .as_deref()
        .is_some_and(|target| item.target.as_deref() != Some(target));
    let mut labels = place.labels.iter();
    let is_labelled = labels.all(|(key, value)| item.labels.get(key) == Some(value));
    !is_gone && !is_elsewhere && is_labelled && item.warm_pool_id.is_none()
}

/// Reads one sandbox by its id.
///
/// The service answers 404 also for a sandbox that it only hides, so what is not found is looked for
/// once more among those. Only what is in neither place is gone.
async fn get(client: &Client, place: &Place, id: &str) -> Result<Option<Resource>> {
    match read(client, place, id).await? {
        Some(found) => Ok(Some(found)),
        None => Ok(second_look(client, place, id).await?.hidden()),
    }
}

/// What a look among the hidden ones shows of a sandbox that cannot be read by its id.
pub(crate) enum SecondLook {
    /// A deletion has only hidden it.
    Hidden(Box<Resource>),
    /// The listing still shows it as it was before: it lags behind.
    Outdated,
    Nothing,
}

impl SecondLook {
    /// What is hidden. What a listing shows that lags behind is gone as far as anyone can tell now.
    pub(crate) fn hidden(self) -> Option<Resource> {
        match self {
            SecondLook::Hidden(found) => Some(*found),
            SecondLook::Outdated | SecondLook::Nothing => None,
        }
    }
}

/// Reads what is shown under an id. What is not may be hidden.
pub(crate) async fn read(client: &Client, place: &Place, id: &str) -> Result<Option<Resource>> {
    match client.read::<Sandbox>(READ, &["sandbox", id], &[]).await {
        Ok(found) if native::is_same(found.id.as_deref(), id) => {
            if found.state.as_deref() == Some(DESTROYED) {
                return Ok(None);
            }
            into_resource(found, place)
        }
        // Another one that is named like the id of this one; ours is not there.
        Ok(other) if other.id.as_deref().is_some_and(native::is_id) => Ok(None),
        Ok(_) => Err(unexpected(client.shown())),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// One listing of everything that is being destroyed, and of what was only hidden instead. `None` if
/// it has more pages than that.
pub(crate) async fn leaving(
    client: &Client,
    place: &Place,
    pages: usize,
) -> Result<Option<Sighting>> {
    let limit = LARGEST_PAGE.to_string();
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
        let (items, next) = match client.read(READ, &["sandbox"], &query).await? {
            SandboxPage::Page(page) => (page.items, page.next_cursor),
            SandboxPage::Everything(items) => (items, None),
        };
        for mut item in items {
            let Some(id) = item.id.clone() else { continue };
            let is_unwanted = item.desired_state.as_deref() == Some(DESTROYED);
            match item.state.as_deref() {
                Some(state) if state::is_errored(state) => {
                    // Read by its id it was not found, so it is hidden even if the listing lags behind.
                    item.desired_state = Some(DESTROYED.to_owned());
                    sighting
                        .hidden
                        .extend(into_resource(item, place)?.map(|found| (id, found)));
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
pub(crate) async fn second_look(client: &Client, place: &Place, id: &str) -> Result<SecondLook> {
    let query = [("id", id), ("includeErroredDeleted", "true")];
    let items = match client.read(READ, &["sandbox"], &query).await? {
        SandboxPage::Page(page) => page.items,
        SandboxPage::Everything(items) => items,
    };
    let found = items
        .into_iter()
        .find(|item| native::is_same(item.id.as_deref(), id));
    let Some(mut found) = found else {
        return Ok(SecondLook::Nothing);
    };
    if !found.state.as_deref().is_some_and(state::is_errored) {
        return Ok(SecondLook::Outdated);
    }
    found.desired_state = Some(DESTROYED.to_owned());
    let found = into_resource(found, place)?;
    Ok(found.map_or(SecondLook::Nothing, |found| {
        SecondLook::Hidden(Box::new(found))
    }))
}

/// Asks a sandbox to end that was just seen.
pub(crate) async fn stop(
    client: &Client,
    place: &Place,
    id: &str,
    options: StopOptions,
) -> Result<()> {
    let query: &[(&str, &str)] = match options.force {
        true => &[("force", "true")],
        false => &[],
    };
    let sent = client
        .send(Call::Stop, Method::POST, &["sandbox", id, "stop"], query)
        .await;
    let error = match sent {
        Ok(_) => return Ok(()),
        // In no state that can be stopped, or busy: its state tells whether that is as good.
        Err(error) if has_status(&error, 400) || has_status(&error, 409) => error,
        Err(error) => return Err(error),
    };
    let found = get(client, place, id).await?.ok_or_else(|| gone(KIND))?;
    let raw = found.attrs.get("state").unwrap_or_default();
    let is_ending = raw == "stopping" || found.attrs.get("desired-state") == Some("stopped");
    match found.state {
        state if state.is_dead() || state == State::Removing || is_ending => Ok(()),
        _ => Err(Error {
            message: format!("{} (it is {raw})", error.message),
            ..error
        }),
    }
}

/// Moves a sandbox to cold storage that was just seen and has ended.
pub(crate) async fn archive(client: &Client, place: &Place, id: &str) -> Result<()> {
    let path = ["sandbox", id, "archive"];
    let error = match client.send(Call::Archive, Method::POST, &path, &[]).await {
        Ok(_) => return Ok(()),
        // Not stopped, or busy: its state tells whether that is as good.
        Err(error) if error.kind == ErrorKind::Conflict || has_status(&error, 409) => error,
        Err(error) => return Err(error),
    };
    let found = get(client, place, id).await?.ok_or_else(|| gone(KIND))?;
    let seen = Seen::new(&found);
    match seen.state {
        State::Removing => Err(in_progress()),
        _ if seen.is_in_storage => Ok(()),
        _ => Err(Error {
            message: format!("{} (it is {})", error.message, seen.raw),
            ..error
        }),
    }
}

/// Deletes a sandbox that was just seen, whether it runs or not. Answers whether it is known to be on
/// its way out; some are gone at once.
pub(crate) async fn delete(client: &Client, place: &Place, id: &str) -> Result<bool> {
    let sent = client
        .send(Call::Delete(KIND), Method::DELETE, &["sandbox", id], &[])
        .await;
    match sent {
        Ok(body) => {
            // The answer shows the state in which the deletion met it.
            let met: Sandbox = serde_json::from_slice(&body).unwrap_or_default();
            match met.state.as_deref() {
                Some(raw) if state::is_errored(raw) => Err(hides(raw)),
                state => Ok(state == Some("destroying")),
            }
        }
        Err(error) if error.kind == ErrorKind::NotFound => {
            match second_look(client, place, id).await?.hidden() {
                Some(found) => Err(hides(&Seen::new(&found).raw)),
                None => Err(error),
            }
        }
        Err(error) if has_status(&error, 409) => Err(busy(client, place, id, error).await),
        Err(error) if error.kind == ErrorKind::Dependency => {
            Err(name_forks(client, id, error).await)
        }
        Err(error) => Err(error),
    }
}

/// What a 409 means: somebody's deletion is under way, or something else is.
async fn busy(client: &Client, place: &Place, id: &str, error: Error) -> Error {
    let seen = match get(client, place, id).await {
        Ok(None) => return gone(KIND),
        Ok(Some(found)) => Seen::new(&found),
        Err(failed) => return failed,
    };
    match seen.state {
        _ if seen.is_hidden => hides(&seen.raw),
        State::Removing => in_progress(),
        _ => Error {
            message: format!("{} (it is {})", error.message, seen.raw),
            ..error
        },
    }
}

/// Says which forks are in the way, as far as the service tells.
async fn name_forks(client: &Client, id: &str, error: Error) -> Error {
    let forks = client
        .read::<Vec<Sandbox>>(READ, &["sandbox", id, "forks"], &[])
        .await
        .unwrap_or_default();
    let ids: Vec<String> = forks
        .into_iter()
        .filter_map(|fork| fork.id)
        .filter(|fork| native::is_id(fork))
        .take(5)
        .collect();
    if ids.is_empty() {
        return error;
    }
    Error {
        message: format!("{} (forks: {})", error.message, ids.join(", ")),
        ..error
    }
}

/// The error for what a deletion only hides.
pub(crate) fn hides(raw: &str) -> Error {
    let after = match raw {
        "build_failed" => "24 hours",
        _ => "7 days",
    };
    Error::new(
        ErrorKind::Stuck,
        format!("daytona does not destroy a sandbox in the state {raw}: its deletion only hides it"),
    )
    .with_hint(format!(
        "daytona throws it away by itself, usually after {after}; until then it may count towards quotas"
    ))
}

/// `None` if the sandbox has no usable id: it cannot be acted on, so it is as good as not listed.
fn into_resource(item: Sandbox, place: &Place) -> Result<Option<Resource>> {
    place.organization.admit(item.organization_id.as_deref())?;
    let Some(id) = item.id.clone().filter(|id| native::is_id(id)) else {
        tracing::warn!(id = ?item.id, "a sandbox without a usable id is left alone");
        return Ok(None);
    };
    let raw = item.state.as_deref().unwrap_or_default();
    let desired = item.desired_state.as_deref().unwrap_or_default();
    let identity = place.identity(KIND, id.clone(), time(item.created_at.as_deref()));
    let name = item.name.clone().filter(|name| !name.is_empty());
    let mut resource = Resource::new(
        identity,
        name.unwrap_or(id),
        state::of_sandbox(raw, desired),
    );
    let active = time(item.last_activity_at.as_deref());
    resource.last_activity = active;
    if matches!(resource.state, State::Stopped | State::Archived) {
        // The service notes every change of state as activity, and every change at all as an update.
        resource.finished = active.or_else(|| time(item.updated_at.as_deref()));
    }
    resource.attrs = attrs(&item, raw, desired);
    resource.usage = Usage {
        cpu_millis: whole(item.cpu, 1000.0),
        memory_bytes: whole(item.memory, GIB),
        disk_bytes: whole(item.disk, GIB),
    };
    resource.labels = item.labels.into_iter().collect();
    resource.unit = owner::unit(&resource.labels);
    resource.owner = owner::of_sandbox(&resource.labels);
    Ok(Some(resource))
}

pub(crate) fn whole(value: Option<f64>, unit: f64) -> Option<u64> {
    let value = value? * unit;
    // Beyond this a float is no whole number any more, and no sandbox is that large.
    (0.0..=9e15)
        .contains(&value)
        .then_some(value.round() as u64)
}

fn attrs(item: &Sandbox, raw: &str, desired: &str) -> Labels {
    let minutes = |value: Option<f64>| value.map(|value| value.to_string());
    let flag = |set: bool| set.then(|| "true".to_owned());
    let is_hidden = state::is_errored(raw) && desired == DESTROYED;
    [
        ("state", Some(raw.to_owned())),
        ("desired-state", Some(desired.to_owned())),
        ("hidden", flag(is_hidden)),
        ("target", item.target.clone()),
        ("snapshot", item.snapshot.clone()),
        ("sandbox-class", item.sandbox_class.clone()),
        ("error-reason", item.error_reason.as_deref().map(shortened)),
        (
            "recoverable",
            item.recoverable.map(|recoverable| recoverable.to_string()),
        ),
        ("backup-state", item.backup_state.clone()),
        (
            "gpu",
            item.gpu.filter(|gpu| *gpu > 0.0).map(|gpu| gpu.to_string()),
        ),
        ("auto-stop-minutes", minutes(item.auto_stop_interval)),
        ("auto-pause-minutes", minutes(item.auto_pause_interval)),
        ("auto-archive-minutes", minutes(item.auto_archive_interval)),
        ("auto-delete-minutes", minutes(item.auto_delete_interval)),
        ("auto-destroy-at", item.auto_destroy_at.clone()),
        // Whose stop deletes it.
        ("ephemeral", flag(item.auto_delete_interval == Some(0.0))),
        ("linked-sandbox", item.linked_sandbox_id.clone()),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value.filter(|value| !value.is_empty())?)))
    .collect()
}
