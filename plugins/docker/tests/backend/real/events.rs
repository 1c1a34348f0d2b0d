//! Following the events of the daemon.

use std::time::Duration;

use tbengine_dockerd::shared;
use tbengine_sdk::{Backend, Change, Changes, Kind, WatchRequest};

use crate::real::support::backend;

const LONG: Duration = Duration::from_secs(30);

fn request(since: Option<&str>, wait: Duration) -> WatchRequest {
    WatchRequest {
        kinds: vec![Kind::CONTAINER, Kind::NETWORK, Kind::VOLUME],
        since: since.map(str::to_owned),
        wait,
    }
}

/// Follows until there is an event of this resource. Others are made and deleted by other tests.
async fn await_change(docker: &impl Backend, since: &str, kind: Kind, native: &str) -> Changes {
    let mut cursor = since.to_owned();
    loop {
        let changes = docker.watch(request(Some(&cursor), LONG)).await.unwrap();
        assert!(!changes.lost, "{changes:?}");
        let mut subjects = changes.changes.iter().filter_map(Change::subject);
        if subjects.any(|subject| subject == (kind, native)) {
            return changes;
        }
        cursor.clone_from(&changes.cursor);
    }
}

#[tokio::test]
async fn changes_of_containers_networks_and_volumes_are_reported() {
    let docker = backend();
    let daemon = shared();
    let start = docker.watch(request(None, LONG)).await.unwrap();
    assert_eq!(start.changes, []);

    let container = daemon.run_sleeper(&[]);
    let changes = await_change(&docker, &start.cursor, Kind::CONTAINER, &container).await;
    daemon.docker(&["kill", &container]);
    let changes = await_change(&docker, &changes.cursor, Kind::CONTAINER, &container).await;
    daemon.docker(&["rm", &container]);
    await_change(&docker, &changes.cursor, Kind::CONTAINER, &container).await;

    let network = daemon.create_network("told", &["--internal"]);
    await_change(&docker, &start.cursor, Kind::NETWORK, &network).await;
    daemon.create_volume("told", &[]);
    await_change(&docker, &start.cursor, Kind::VOLUME, "told").await;
}

#[tokio::test]
async fn only_the_requested_kinds_are_reported() {
    let docker = backend();
    let start = docker.watch(request(None, LONG)).await.unwrap();
    let container = shared().create(&[], &["true"]);
    await_change(&docker, &start.cursor, Kind::CONTAINER, &container).await;
    let only_networks = WatchRequest {
        kinds: vec![Kind::NETWORK],
        ..request(Some(&start.cursor), Duration::ZERO)
    };
    let changes = docker.watch(only_networks).await.unwrap();
    let mut kinds = changes.changes.iter().filter_map(Change::subject);
    assert!(kinds.all(|(kind, _)| kind == Kind::NETWORK), "{changes:?}");
}

#[tokio::test]
async fn a_cursor_of_another_connection_is_lost() {
    let start = backend().watch(request(None, LONG)).await.unwrap();
    let docker = backend();
    let changes = docker
        .watch(request(Some(&start.cursor), LONG))
        .await
        .unwrap();
    assert!(changes.lost && changes.changes.is_empty(), "{changes:?}");
    // From here on nothing is.
    let container = shared().create(&[], &["true"]);
    await_change(&docker, &changes.cursor, Kind::CONTAINER, &container).await;
}

#[tokio::test]
async fn a_daemon_that_ends_loses_the_cursor() {
    let daemon = tbengine_dockerd::Dockerd::start().unwrap_or_else(|error| panic!("{error}"));
    let docker = crate::real::support::backend_of(&daemon, "60s");
    let start = docker.watch(request(None, LONG)).await.unwrap();
    daemon.crash();
    daemon.restart().unwrap();
    let changes = docker
        .watch(request(Some(&start.cursor), LONG))
        .await
        .unwrap();
    assert!(changes.lost, "{changes:?}");
}

#[tokio::test]
async fn what_is_no_cursor_is_refused() {
    for text in ["", "1", "x.1", "1.x", "1.2.3"] {
        let changes = backend().watch(request(Some(text), Duration::ZERO)).await;
        assert!(changes.is_err(), "{text}: {changes:?}");
    }
}
