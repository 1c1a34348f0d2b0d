//! What the paths beside `/sandbox` do.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use serde_json::json as value;

use crate::accounts::{Caller, permission};
use crate::clock::iso;
use crate::error::ApiError;
use crate::http::{Shared, json};
use crate::list::params::Params;
use crate::oracle::By;
use crate::view::TOOLBOX_PROXY_URL;

type Answer = Result<Response, ApiError>;
type App = State<Arc<Shared>>;

/// `GET /snapshots`
pub(super) async fn list_snapshots(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    let params = Params::parse(query.as_deref().unwrap_or_default());
    shared.cloud(|cloud, _| {
        let page = cloud.list_snapshots(caller.organization, &params)?;
        Ok(json(200, &page))
    })
}

/// `GET /snapshots/{id}`
pub(super) async fn get_snapshot(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    shared.cloud(|cloud, _| {
        let found = cloud.get_snapshot(caller.organization, &id)?;
        Ok(json(200, &cloud.view_snapshot(found)))
    })
}

/// `DELETE /snapshots/{id}`; an empty body.
pub(super) async fn delete_snapshot(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    caller.may(permission::DELETE_SNAPSHOTS)?;
    let by = By::Key(caller.credential.name);
    shared.cloud(|cloud, now| cloud.delete_snapshot(caller.organization, &id, by, now))?;
    Ok(http::StatusCode::OK.into_response())
}

/// `GET /volumes`
pub(super) async fn list_volumes(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    caller.may(permission::READ_VOLUMES)?;
    let params = Params::parse(query.as_deref().unwrap_or_default());
    let deleted = params.flag("includeDeleted") == Some(true);
    let volumes = shared.cloud(|cloud, _| cloud.list_volumes(caller.organization, deleted));
    Ok(json(200, &volumes))
}

/// `GET /volumes/{id}`
pub(super) async fn get_volume(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    caller.may(permission::READ_VOLUMES)?;
    shared.cloud(|cloud, _| {
        let found = cloud.get_volume(caller.organization, &id)?;
        Ok(json(200, &cloud.view_volume(found)))
    })
}

/// `DELETE /volumes/{id}`; an empty body.
pub(super) async fn delete_volume(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    caller.may(permission::DELETE_VOLUMES)?;
    let by = By::Key(caller.credential.name);
    shared.cloud(|cloud, now| cloud.delete_volume(caller.organization, &id, by, now))?;
    Ok(http::StatusCode::OK.into_response())
}

/// `GET /api-keys/current`
pub(super) async fn current_key(
    State(shared): App,
    Extension(caller): Extension<Caller>,
) -> Answer {
    let Caller {
        organization,
        credential,
    } = caller;
    if credential.organization.is_none() {
        return Err(ApiError::forbidden("Access denied"));
    }
    shared.cloud(|cloud, now| {
        let mut key = value!({
            "name": credential.name,
            "value": "dtn_********************",
            "createdAt": iso(now.minus(std::time::Duration::from_secs(86_400))),
            "permissions": credential.permissions,
            "lastUsedAt": iso(now),
            "expiresAt": credential.expires_at.map(iso),
            "userId": credential.user,
        });
        if cloud.settings.key_tells_organization {
            key["organizationId"] = cloud.accounts.id_of(organization).into();
        }
        Ok(json(200, &key))
    })
}

/// `GET /organizations`; not for keys.
pub(super) async fn organizations(
    State(shared): App,
    Extension(caller): Extension<Caller>,
) -> Answer {
    if caller.credential.organization.is_some() {
        return Err(ApiError::unauthorized());
    }
    let id = shared.cloud(|cloud, _| cloud.accounts.id_of(caller.organization).to_owned());
    Ok(json(
        200,
        &value!([{ "id": id, "name": "Personal", "personal": true }]),
    ))
}

/// `GET /config`
pub(super) async fn config() -> Response {
    let config = value!({
        "version": "0.190.0",
        "oidc": { "issuer": "http://127.0.0.1:1", "clientId": "fake", "audience": "fake" },
        "linkedAccountsEnabled": false,
        "announcements": {},
        "proxyTemplateUrl": "http://{{PORT}}-{{sandboxId}}.127.0.0.1:1",
        "proxyToolboxUrl": TOOLBOX_PROXY_URL,
        "defaultSnapshot": "daytonaio/sandbox:0.5.0",
        "dashboardUrl": "http://127.0.0.1:1",
        "maxAutoArchiveInterval": 43_200,
        "maintananceMode": false,
        "environment": "fake",
    });
    json(200, &config)
}
