//! Following what the daemon tells.

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
async fn told_of(docker: &impl Backend, since: &str, kind: Kind, native: &str) -> Changes {
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
async fn what_happens_to_containers_networks_and_volumes_is_told() {
    let docker = backend();
    let daemon = shared();
    let start = docker.watch(request(None, LONG)).await.unwrap();
    assert_eq!(start.changes, []);

    let container = daemon.run_sleeper(&[]);
    let told = told_of(&docker, &start.cursor, Kind::CONTAINER, &container).await;
    daemon.docker(&["kill", &container]);
    let told = told_of(&docker, &told.cursor, Kind::CONTAINER, &container).await;
    daemon.docker(&["rm", &container]);
    told_of(&docker, &told.cursor, Kind::CONTAINER, &container).await;

    let network = daemon.create_network("told", &["--internal"]);
    told_of(&docker, &start.cursor, Kind::NETWORK, &network).await;
    daemon.create_volume("told", &[]);
    told_of(&docker, &start.cursor, Kind::VOLUME, "told").await;
}

#[tokio::test]
async fn only_the_kinds_that_were_asked_for_are_told() {
    let docker = backend();
    let start = docker.watch(request(None, LONG)).await.unwrap();
    let container = shared().create(&[], &["true"]);
    told_of(&docker, &start.cursor, Kind::CONTAINER, &container).await;
    let only_networks = WatchRequest {
        kinds: vec![Kind::NETWORK],
        ..request(Some(&start.cursor), Duration::ZERO)
    };
    let told = docker.watch(only_networks).await.unwrap();
    let mut kinds = told.changes.iter().filter_map(Change::subject);
    assert!(kinds.all(|(kind, _)| kind == Kind::NETWORK), "{told:?}");
}

#[tokio::test]
async fn a_cursor_of_another_connection_is_lost() {
    let start = backend().watch(request(None, LONG)).await.unwrap();
    let docker = backend();
    let told = docker
        .watch(request(Some(&start.cursor), LONG))
        .await
        .unwrap();
    assert!(told.lost && told.changes.is_empty(), "{told:?}");
    // From here on nothing is.
    let container = shared().create(&[], &["true"]);
    told_of(&docker, &told.cursor, Kind::CONTAINER, &container).await;
}

#[tokio::test]
async fn a_daemon_that_ends_loses_the_cursor() {
    let daemon = tbengine_dockerd::Dockerd::start().unwrap_or_else(|error| panic!("{error}"));
    let docker = crate::real::support::backend_of(&daemon, "60s");
    let start = docker.watch(request(None, LONG)).await.unwrap();
    daemon.crash();
    daemon.restart().unwrap();
    let told = docker
        .watch(request(Some(&start.cursor), LONG))
        .await
        .unwrap();
    assert!(told.lost, "{told:?}");
}

#[tokio::test]
async fn what_is_no_cursor_is_refused() {
    for text in ["", "1", "x.1", "1.x", "1.2.3"] {
        let told = backend().watch(request(Some(text), Duration::ZERO)).await;
        assert!(told.is_err(), "{text}: {told:?}");
    }
}
