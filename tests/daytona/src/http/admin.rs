//! What tests and users can see and set, under `/_fake`. No key, no faults, no record.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json as value;

use crate::accounts::permission;
use crate::error::ApiError;
use crate::faults::plan::FaultPlan;
use crate::http::{Shared, json};
use crate::make::sandbox;
use crate::sandbox::{Fields, Runner};
use crate::settings::{Throttle, Throttles};
use crate::state::{Desired, State as SandboxState};

type Answer = Result<Response, ApiError>;
type App = State<Arc<Shared>>;

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::bad_request(error.to_string()))
}

/// What is gone, what is hidden, what is live, and the counts of requests.
pub(super) async fn oracle(State(shared): App) -> Response {
    shared.cloud(|cloud, _| {
        let record = &cloud.record;
        json(
            200,
            &value!({
                "destroyed": record.destroyed,
                "hidden": record.hidden,
                "created": record.created,
                "live": cloud.live(),
                "requests": record.requests.len(),
                "statuses": record.statuses(),
                "throttlers": record.throttlers,
                "peakRequestsPerSecond": record.peak_requests(Duration::from_secs(1)),
            }),
        )
    })
}

/// Every request.
pub(super) async fn requests(State(shared): App) -> Response {
    shared.cloud(|cloud, _| json(200, &cloud.record.requests))
}

/// What is there and not hidden.
pub(super) async fn live(State(shared): App) -> Response {
    shared.cloud(|cloud, _| json(200, &cloud.live()))
}

/// The plan of what goes wrong.
pub(super) async fn faults(State(shared): App) -> Response {
    shared.faults(|faults| json(200, faults.plan()))
}

/// Replaces that plan.
pub(super) async fn set_faults(State(shared): App, body: Bytes) -> Answer {
    let plan: FaultPlan = read(&body)?;
    shared.set_faults(plan.clone());
    Ok(json(200, &plan))
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Limit {
    limit: u32,
    window_ms: u64,
}

/// Sets the limits of the first organization; what is not named is off.
pub(super) async fn set_throttles(State(shared): App, body: Bytes) -> Answer {
    let limits: BTreeMap<String, Limit> = read(&body)?;
    let of = |name: &str| {
        let limit = limits.get(name)?;
        Some(Throttle {
            limit: limit.limit,
            window: Duration::from_millis(limit.window_ms),
        })
    };
    let throttles = Throttles {
        sandbox_lifecycle: of("sandbox-lifecycle"),
        sandbox_create: of("sandbox-create"),
        authenticated: of("authenticated"),
    };
    shared.cloud(|cloud, _| cloud.accounts.set_throttles(0, throttles));
    Ok(json(200, &value!({})))
}

/// A sandbox in any condition.
#[derive(Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
struct Condition {
    id: Option<String>,
    name: Option<String>,
    organization: usize,
    state: SandboxState,
    desired: Option<Desired>,
    pending: Option<bool>,
    labels: BTreeMap<String, String>,
    age_seconds: u64,
    ephemeral: bool,
    fork_of: Option<String>,
    linked_to: Option<String>,
    runner: Runner,
    fields: Fields,
}

impl Default for Condition {
    fn default() -> Self {
        Self {
            id: None,
            name: None,
            organization: 0,
            state: SandboxState::Started,
            desired: None,
            pending: None,
            labels: BTreeMap::new(),
            age_seconds: 3600,
            ephemeral: false,
            fork_of: None,
            linked_to: None,
            runner: Runner::Works,
            fields: Fields::Documented,
        }
    }
}

/// Puts a sandbox there.
pub(super) async fn put_sandbox(State(shared): App, body: Bytes) -> Answer {
    let condition: Condition = read(&body)?;
    let mut make = sandbox()
        .organization(condition.organization)
        .state(condition.state)
        .age(Duration::from_secs(condition.age_seconds))
        .runner(condition.runner)
        .fields(condition.fields);
    make.id = condition.id;
    make.name = condition.name;
    make.desired = condition.desired;
    make.pending = condition.pending;
    make.made.labels = condition.labels;
    if condition.ephemeral {
        make = make.ephemeral();
    }
    if let Some(parent) = condition.fork_of {
        make = make.fork_of(&parent);
    }
    if let Some(owner) = condition.linked_to {
        make = make.linked_to(&owner);
    }
    let id = shared.cloud(|cloud, now| cloud.put(make, now));
    Ok(json(201, &value!({ "id": id.as_ref() })))
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct NewKey {
    value: String,
    name: String,
    #[serde(default)]
    organization: usize,
    permissions: Option<Vec<String>>,
}

/// Adds a key; without a list it may do everything.
pub(super) async fn add_key(State(shared): App, body: Bytes) -> Answer {
    let key: NewKey = read(&body)?;
    let permissions: Vec<&str> = match &key.permissions {
        Some(permissions) => permissions.iter().map(String::as_str).collect(),
        None => permission::ALL.to_vec(),
    };
    shared.cloud(|cloud, _| {
        cloud
            .accounts
            .add_key(&key.value, &key.name, key.organization, &permissions);
    });
    Ok(json(201, &value!({})))
}

/// Takes a key back.
pub(super) async fn revoke_key(State(shared): App, Path(key): Path<String>) -> Response {
    shared.cloud(|cloud, _| cloud.accounts.revoke(&key));
    json(200, &value!({}))
}
