//! E2B's API as its OpenAPI document describes it, with a state: sandboxes that run, pause and go.
//!
//! Pages go from the latest start to the earliest, the token says where the last ended, a key is needed, and
//! a limit of requests can be set.
#![allow(dead_code, reason = "each test uses a part of this module")]

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

/// The key that is good.
pub(crate) const KEY: &str = "e2b_0123456789abcdef";

#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<Cloud>>);

#[derive(Default)]
struct Cloud {
    /// By the time of their start, and their id.
    sandboxes: BTreeMap<(u64, String), Sandbox>,
    made: u64,
    /// How many more requests are allowed.
    allowed: Option<u64>,
    /// What the next request answers instead.
    next_status: Option<StatusCode>,
}

#[derive(Clone)]
struct Sandbox {
    paused: bool,
    metadata: BTreeMap<String, String>,
}

impl Fake {
    /// Starts the service, and gives its address.
    pub(crate) async fn serve(&self) -> String {
        let routes = Router::new()
            .route("/v2/sandboxes", get(list))
            .route("/sandboxes/{id}", get(read).delete(kill))
            .route("/sandboxes/{id}/pause", post(pause))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        format!("http://{address}")
    }

    fn lock(&self) -> MutexGuard<'_, Cloud> {
        self.0.lock().unwrap()
    }

    pub(crate) fn make(&self, paused: bool, metadata: BTreeMap<String, String>) -> String {
        let mut cloud = self.lock();
        cloud.made += 1;
        // Ids are unrelated to the order of creation.
        let id = format!("i{:x}", (cloud.made * 0x9e37_79b9_7f4a) & 0xffff_ffff_ffff);
        let key = (cloud.made, id.clone());
        cloud.sandboxes.insert(key, Sandbox { paused, metadata });
        id
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().sandboxes.len()
    }

    pub(crate) fn clear(&self) {
        self.lock().sandboxes.clear();
    }

    pub(crate) fn allow(&self, requests: u64) {
        self.lock().allowed = Some(requests);
    }

    pub(crate) fn answer_next(&self, status: u16) {
        self.lock().next_status = StatusCode::from_u16(status).ok();
    }

    /// Lets a request in, or says why not.
    fn enter(&self, headers: &HeaderMap) -> Result<MutexGuard<'_, Cloud>, Response> {
        let mut cloud = self.lock();
        if let Some(status) = cloud.next_status.take() {
            return Err(error(status, "as it was told"));
        }
        if headers.get("x-api-key").is_none_or(|key| key != KEY) {
            let said = format!("Invalid API key {:?}", headers.get("x-api-key"));
            return Err(error(StatusCode::UNAUTHORIZED, &said));
        }
        if let Some(allowed) = &mut cloud.allowed {
            if *allowed == 0 {
                let answer = error(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded");
                return Err(([("retry-after", "7")], answer).into_response());
            }
            *allowed -= 1;
        }
        Ok(cloud)
    }
}

fn error(status: StatusCode, message: &str) -> Response {
    let body = json!({ "code": status.as_u16(), "message": message });
    (status, axum::Json(body)).into_response()
}

impl Cloud {
    fn key(&self, id: &str) -> Option<(u64, String)> {
        // As the service does: an id with the old client's id behind it is found as well.
        let id = id.split('-').next().unwrap_or(id);
        self.sandboxes
            .keys()
            .find(|(_, known)| known == id)
            .cloned()
    }
}

fn show((start, id): &(u64, String), sandbox: &Sandbox) -> Value {
    json!({
        "templateID": "rki5dems9wqfm4r03t7g", "alias": "base", "sandboxID": id, "clientID": "6532622b",
        "startedAt": format!("2026-01-01T{:02}:{:02}:{:02}Z", start / 3600 % 24, start / 60 % 60, start % 60),
        "endAt": "2026-01-03T00:00:00Z", "cpuCount": 2, "memoryMB": 512, "diskSizeMB": 1024,
        "metadata": sandbox.metadata, "state": if sandbox.paused { "paused" } else { "running" },
        "envdVersion": "0.2.0",
    })
}

async fn list(
    State(fake): State<Fake>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let cloud = match fake.enter(&headers) {
        Ok(cloud) => cloud,
        Err(refusal) => return refusal,
    };
    let limit = query
        .get("limit")
        .map_or(Ok(100), |limit| limit.parse::<usize>());
    let Some(limit) = limit.ok().filter(|limit| (1..=100).contains(limit)) else {
        return error(StatusCode::BAD_REQUEST, "limit must be between 1 and 100");
    };
    let states = query.get("state").map_or("running,paused", String::as_str);
    let after = match query.get("nextToken") {
        None => None,
        Some(token) => match token.split_once("__").map(|(at, id)| (at.parse(), id)) {
            Some((Ok(at), id)) => Some((at, id.to_owned())),
            _ => return error(StatusCode::BAD_REQUEST, "invalid next token"),
        },
    };
    let end = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut rest = cloud
        .sandboxes
        .range((Bound::Unbounded, end))
        .rev()
        .filter(|(_, sandbox)| {
            let state = if sandbox.paused { "paused" } else { "running" };
            states.split(',').any(|wanted| wanted == state)
        });
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let body: Vec<Value> = page
        .iter()
        .map(|(key, sandbox)| show(key, sandbox))
        .collect();
    match (rest.next(), page.last()) {
        (Some(_), Some(((at, id), _))) => {
            ([("x-next-token", format!("{at}__{id}"))], axum::Json(body)).into_response()
        }
        _ => axum::Json(body).into_response(),
    }
}

async fn read(State(fake): State<Fake>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let cloud = match fake.enter(&headers) {
        Ok(cloud) => cloud,
        Err(refusal) => return refusal,
    };
    match cloud.key(&id) {
        Some(key) => axum::Json(show(&key, &cloud.sandboxes[&key])).into_response(),
        None => error(StatusCode::NOT_FOUND, "sandbox not found"),
    }
}

async fn kill(State(fake): State<Fake>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let mut cloud = match fake.enter(&headers) {
        Ok(cloud) => cloud,
        Err(refusal) => return refusal,
    };
    match cloud.key(&id) {
        Some(key) => {
            cloud.sandboxes.remove(&key);
            StatusCode::NO_CONTENT.into_response()
        }
        None => error(StatusCode::NOT_FOUND, "sandbox not found"),
    }
}

async fn pause(State(fake): State<Fake>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let mut cloud = match fake.enter(&headers) {
        Ok(cloud) => cloud,
        Err(refusal) => return refusal,
    };
    let sandbox = cloud.key(&id).and_then(|key| cloud.sandboxes.get_mut(&key));
    match sandbox {
        None => error(StatusCode::NOT_FOUND, "sandbox not found"),
        Some(sandbox) if sandbox.paused => error(StatusCode::CONFLICT, "sandbox is already paused"),
        Some(sandbox) => {
            sandbox.paused = true;
            StatusCode::NO_CONTENT.into_response()
        }
    }
}
