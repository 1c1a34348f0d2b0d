//! The daemon of all tests, and what they ask of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tbengine_docker::Docker;
use tbengine_dockerd::{Dockerd, shared};
use tbengine_sdk::{
    Backend, DeleteOptions, Error, ErrorKind, Identity, Kind, ListRequest, OpenRequest, Resource,
    StopOptions, Timestamp,
};

pub(crate) const FORCE: DeleteOptions = DeleteOptions::FORCE;
pub(crate) const GENTLE: DeleteOptions = DeleteOptions::GENTLE;
pub(crate) const TERM: StopOptions = StopOptions::ASK;
pub(crate) const KILL: StopOptions = StopOptions::FORCE;

pub(crate) fn backend_of(daemon: &Dockerd, call_timeout: &str) -> Docker {
    Docker::open(OpenRequest {
        name: "docker".into(),
        config: json!({ "host": daemon.host(), "call-timeout": call_timeout }),
        environment: BTreeMap::new().into(),
        now: Timestamp::from_unix_seconds(1_800_000_000),
    })
    .unwrap()
}

pub(crate) fn backend() -> Docker {
    backend_of(shared(), "60s")
}

pub(crate) async fn listed(docker: &Docker, kind: Kind) -> Vec<Resource> {
    let page = docker.list(ListRequest::first(kind)).await.unwrap();
    assert_eq!(page.next, None);
    page.resources
}

pub(crate) async fn find(docker: &Docker, kind: Kind, native: &str) -> Option<Resource> {
    listed(docker, kind)
        .await
        .into_iter()
        .find(|resource| resource.identity.native == native)
}

pub(crate) async fn known(docker: &Docker, kind: Kind, native: &str) -> Resource {
    find(docker, kind, native)
        .await
        .unwrap_or_else(|| panic!("{kind} {native} is not listed"))
}

/// The identity of something that does not exist.
pub(crate) fn absent(docker_id: &Identity, kind: Kind) -> Identity {
    let hex = "f".repeat(64);
    let native = match kind {
        Kind::IMAGE => format!("sha256:{hex}"),
        _ => hex,
    };
    Identity {
        kind,
        native,
        ..docker_id.clone()
    }
}

pub(crate) async fn eventually<F: AsyncFn() -> bool>(what: &str, holds: F) {
    for _ in 0..300 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never came true: {what}");
}

pub(crate) fn kind_of<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorKind {
    result.expect_err("an error was expected").kind
}
