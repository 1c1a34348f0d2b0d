//! What the paths under `/sandbox` do.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tbengine_sdk::Timestamp;

use crate::accounts::{Caller, permission};
use crate::cloud::Cloud;
use crate::cloud::change::Change;
use crate::cloud::create::Create;
use crate::error::ApiError;
use crate::faults::drawing::PageFaults;
use crate::http::{Shared, json};
use crate::list::cursor::Cursor;
use crate::list::offset::page_of;
use crate::list::params::Params;
use crate::list::query::Query;
use crate::oracle::By;
use crate::settings::Listing;
use crate::view::{SandboxView, TOOLBOX_PROXY_URL};

type Answer = Result<Response, ApiError>;
type App = State<Arc<Shared>>;

/// `GET /sandbox`
pub(super) async fn list(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    let params = Params::parse(query.as_deref().unwrap_or_default());
    let query = Query::parse(&params)?;
    let faults = shared.faults(|faults| faults.draw_page());
    shared.cloud(|cloud, now| {
        if cloud.settings.listing == Listing::BareArray {
            let all = cloud.sorted(caller.organization, &query, now);
            let all: Vec<_> = all.iter().map(|row| cloud.view_full(row)).collect();
            return Ok(json(200, &all));
        }
        Ok(page(cloud, &caller, &query, &params, faults, now))
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CursorPage<'a> {
    items: Vec<SandboxView<'a>>,
    next_cursor: Option<String>,
}

fn page(
    cloud: &mut Cloud,
    caller: &Caller,
    query: &Query,
    params: &Params,
    faults: PageFaults,
    now: Timestamp,
) -> Response {
    let left_out = faults.missing_item.then(|| cloud.random.usize(..));
    let mut page = cloud.list(caller.organization, query, now);
    if faults.repeat_items && page.next.is_some() && page.rows.len() > 1 {
        let middle = page.rows.get(page.rows.len() / 2 - 1);
        page.next = middle.map(|row| Cursor::after(row, query.sort).encode());
    }
    if faults.repeat_cursor
        && let Some(cursor) = params.first("cursor")
    {
        page.next = Some(cursor.to_owned());
    }
    if let Some(left_out) = left_out
        && !page.rows.is_empty()
    {
        page.rows.remove(left_out % page.rows.len());
    }
    let body = CursorPage {
        items: page.rows.iter().map(|row| cloud.view_item(row)).collect(),
        next_cursor: page.next,
    };
    json(200, &body)
}

/// `GET /sandbox/paginated`
pub(super) async fn list_paginated(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    let params = Params::parse(query.as_deref().unwrap_or_default());
    let query = Query::parse_paginated(&params)?;
    let mut problems = Vec::new();
    let number = params.page(&mut problems);
    Params::check(problems)?;
    shared.cloud(|cloud, now| {
        let all = cloud.sorted(caller.organization, &query, now);
        let page = page_of(&all, number, query.limit, |row| cloud.view_full(row));
        Ok(json(200, &page))
    })
}

/// `POST /sandbox`
pub(super) async fn create(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Answer {
    caller.may(permission::WRITE_SANDBOXES)?;
    let create: Create =
        serde_json::from_slice(&body).map_err(|error| ApiError::bad_request(error.to_string()))?;
    shared.cloud(|cloud, now| {
        let row = cloud.create(caller.organization, create, now)?;
        Ok(json(200, &cloud.view_full(&row)))
    })
}

/// `GET /sandbox/{id}`
pub(super) async fn get(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    shared.cloud(|cloud, now| {
        let row = cloud.get(caller.organization, &id, now)?;
        Ok(json(200, &cloud.view_full(row)))
    })
}

/// `DELETE /sandbox/{id}`; there is no parameter, and a `force` is ignored.
pub(super) async fn delete(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    caller.may(permission::DELETE_SANDBOXES)?;
    change(&shared, &caller, &id, Change::Delete, 200).await
}

/// `POST /sandbox/{id}/<action>`
pub(super) async fn act(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    Path((id, action)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Answer {
    let params = Params::parse(query.as_deref().unwrap_or_default());
    let (asked, status) = match action.as_str() {
        "stop" => {
            let force = params.flag("force") == Some(true);
            (Change::Stop { force }, 200)
        }
        "start" => (Change::Start, 200),
        "pause" => (Change::Pause, 200),
        "archive" => (Change::Archive, 200),
        "recover" => (Change::Recover, 200),
        "last-activity" => (Change::Touch, 201),
        _ => {
            let path = format!("Cannot POST /api/sandbox/{id}/{action}");
            return Err(ApiError::not_found(path));
        }
    };
    caller.may(permission::WRITE_SANDBOXES)?;
    change(&shared, &caller, &id, asked, status).await
}

/// `POST /sandbox/{id}/<interval>/<minutes>`; answers 201, whatever the specification says.
pub(super) async fn set_interval(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    Path((id, interval, minutes)): Path<(String, String, String)>,
) -> Answer {
    let asked: fn(i64) -> Change = match interval.as_str() {
        "autostop" => Change::AutoStop,
        "autoarchive" => Change::AutoArchive,
        "autodelete" => Change::AutoDelete,
        "ttl" => Change::TimeToLive,
        _ => {
            let path = format!("Cannot POST /api/sandbox/{id}/{interval}/{minutes}");
            return Err(ApiError::not_found(path));
        }
    };
    caller.may(permission::WRITE_SANDBOXES)?;
    // Nothing checks that it is a number before the database does.
    let minutes = minutes.parse().map_err(|_| ApiError::unexpected())?;
    change(&shared, &caller, &id, asked(minutes), 201).await
}

#[derive(Deserialize)]
struct Labels {
    labels: BTreeMap<String, String>,
}

/// `PUT /sandbox/{id}/labels`; answers the full sandbox, whatever the specification says.
pub(super) async fn replace_labels(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    caller.may(permission::WRITE_SANDBOXES)?;
    let Labels { labels } = serde_json::from_slice(&body)
        .map_err(|_| ApiError::bad_request("labels must be an object"))?;
    change(&shared, &caller, &id, Change::Labels(labels), 200).await
}

/// `GET /sandbox/{id}/toolbox-proxy-url`
pub(super) async fn toolbox_proxy_url(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    shared.cloud(|cloud, now| {
        cloud.get(caller.organization, &id, now)?;
        Ok(json(200, &BTreeMap::from([("url", TOOLBOX_PROXY_URL)])))
    })
}

/// Reads, and writes a moment later: in between, others can.
async fn change(shared: &Shared, caller: &Caller, id: &str, change: Change, status: u16) -> Answer {
    let (seen, window) = shared.cloud(|cloud, _| {
        let seen = cloud.read(caller.organization, id, &change)?;
        Ok((seen, cloud.settings.race_window))
    })?;
    if !window.is_zero() {
        tokio::time::sleep(window).await;
    }
    let by = By::Key(caller.credential.name.clone());
    shared.cloud(|cloud, now| {
        let row = cloud.commit(&seen, change, by, now)?;
        Ok(json(status, &cloud.view_full(&row)))
    })
}
