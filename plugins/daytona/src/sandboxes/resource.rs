//! From JSON to `Resource`.

use tbengine_sdk::http::shortened;
use tbengine_sdk::{Labels, Relation, Resource, Result, State, Unit, Usage};

use super::KIND;
use crate::account_scope::AccountScope;
use crate::native;
use crate::state::{self, DESTROYED};
use crate::wire::{Sandbox, time};

/// The label in which Harbor names the trial's environment. It means to have one live sandbox of each; more are a
/// leak.
const SESSION: &str = "harbor.session_id";

const GIB: f64 = (1_u64 << 30) as f64;

/// `None` if the sandbox has no usable id: it cannot be acted on, so it is as good as not listed.
pub(super) fn into_resource(item: Sandbox, scope: &AccountScope) -> Result<Option<Resource>> {
    scope.organization.admit(item.organization_id.as_deref())?;
    let Some(id) = item.id.clone().filter(|id| native::is_id(id)) else {
        tracing::warn!(id = ?item.id, "a sandbox without a usable id is left alone");
        return Ok(None);
    };
    let raw = item.state.as_deref().unwrap_or_default();
    let desired = item.desired_state.as_deref().unwrap_or_default();
    let identity = scope.identity(KIND, id.clone(), time(item.created_at.as_deref()));
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
    resource.surrendered = is_hidden(raw, desired);
    resource.attrs = attrs(&item, raw, desired);
    let owner = item.linked_sandbox_id.as_ref();
    resource.relations = owner
        .map(|owner| Relation::uses(KIND, owner))
        .into_iter()
        .collect();
    resource.usage = Usage {
        cpu_millis: whole(item.cpu, 1000.0),
        memory_bytes: whole(item.memory, GIB),
        disk_bytes: whole(item.disk, GIB),
        ..Usage::default()
    };
    resource.labels = item.labels.into_iter().collect();
    let session = resource.labels.get(SESSION);
    let session = session.filter(|session| !session.is_empty());
    resource.unit = session.map(|session| Unit(session.to_owned()));
    Ok(Some(resource))
}

pub(crate) fn whole(value: Option<f64>, unit: f64) -> Option<u64> {
    let value = value? * unit;
    // Beyond this a float is not a whole number any more, and no sandbox is that large.
    (0.0..=9e15)
        .contains(&value)
        .then_some(value.round() as u64)
}

/// Whether a deletion was taken that only hides it.
fn is_hidden(raw: &str, desired: &str) -> bool {
    state::is_errored(raw) && desired == DESTROYED
}

fn attrs(item: &Sandbox, raw: &str, desired: &str) -> Labels {
    let minutes = |value: Option<f64>| value.map(|value| value.to_string());
    let flag = |set: bool| set.then(|| "true".to_owned());
    [
        ("state", Some(raw.to_owned())),
        ("desired-state", Some(desired.to_owned())),
        ("hidden", flag(is_hidden(raw, desired))),
        ("target", item.target.clone()),
        ("region", item.target.clone()),
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
