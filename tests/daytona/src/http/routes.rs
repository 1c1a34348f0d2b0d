//! Which path does what.

use std::sync::Arc;

use axum::Router;
use axum::extract::{OriginalUri, Request};
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post, put};
use http::Method;

use crate::error::ApiError;
use crate::http::gate::gate;
use crate::http::{Shared, admin, others, sandboxes};

/// Everything under `/api`, and the admin interface under `/_fake`.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    let api = Router::new()
        .route("/sandbox", get(sandboxes::list).post(sandboxes::create))
        .route("/sandbox/paginated", get(sandboxes::list_paginated))
        .route(
            "/sandbox/{id}",
            get(sandboxes::get).delete(sandboxes::delete),
        )
        .route("/sandbox/{id}/labels", put(sandboxes::replace_labels))
        .route(
            "/sandbox/{id}/toolbox-proxy-url",
            get(sandboxes::toolbox_proxy_url),
        )
        .route("/sandbox/{id}/{action}", post(sandboxes::act))
        .route(
            "/sandbox/{id}/{action}/{minutes}",
            post(sandboxes::set_interval),
        )
        .route("/snapshots", get(others::list_snapshots))
        .route(
            "/snapshots/{id}",
            get(others::get_snapshot).delete(others::delete_snapshot),
        )
        .route("/volumes", get(others::list_volumes))
        .route(
            "/volumes/{id}",
            get(others::get_volume).delete(others::delete_volume),
        )
        .route("/api-keys/current", get(others::current_key))
        .route("/organizations", get(others::organizations))
        .fallback(nothing_here)
        .layer(from_fn_with_state(shared.clone(), gate))
        // Nobody needs a key for the configuration, and the channel of events asks for it later.
        .route("/config", get(others::config))
        .route("/socket.io/", get(no_events));
    let admin = Router::new()
        .route("/oracle", get(admin::oracle))
        .route("/requests", get(admin::requests))
        .route("/live", get(admin::live))
        .route("/faults", get(admin::faults).put(admin::set_faults))
        .route("/throttles", put(admin::set_throttles))
        .route("/sandboxes", post(admin::put_sandbox))
        .route("/keys", post(admin::add_key))
        .route("/keys/{value}", delete(admin::revoke_key));
    Router::new()
        .nest("/api", api)
        .nest("/_fake", admin)
        .with_state(shared)
}

/// Clients that get no events poll instead.
async fn no_events(uri: OriginalUri) -> ApiError {
    ApiError::not_found(format!("Cannot GET {}", uri.path()))
}

async fn nothing_here(method: Method, uri: OriginalUri, _request: Request) -> ApiError {
    ApiError::not_found(format!("Cannot {method} {}", uri.path()))
}
