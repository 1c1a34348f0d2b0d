//! How many requests a change takes, and what stops it.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tbengine_sdk::{Backend, DeleteOptions, ErrorKind, Identity, Timestamp};

use crate::scripted::support::{GENTLE, ID, Server, TERM, container, kind_of, ok, refused, target};

#[tokio::test]
async fn a_healthy_deletion_reads_first_and_deletes_once_without_force() {
    let server = Server::start(|_| None).await;
    server.backend().delete(&target(), GENTLE).await.unwrap();
    let requests = server.requests();
    let delete: Vec<&String> = requests
        .iter()
        .filter(|line| line.starts_with("DELETE"))
        .collect();
    assert_eq!(
        delete,
        [&format!(
            "DELETE /v1.41/containers/{ID}?v=true&force=false&link=false"
        )]
    );
    assert_eq!(
        requests[requests.len() - 2],
        format!("GET /v1.41/containers/{ID}/json")
    );
}

#[tokio::test]
async fn what_the_caller_has_just_read_is_not_read_again() {
    let server = Server::start(|_| None).await;
    let just_read = DeleteOptions {
        just_read: true,
        ..DeleteOptions::GENTLE
    };
    server.backend().delete(&target(), just_read).await.unwrap();
    let requests = server.requests();
    let about = requests.iter().filter(|line| line.contains(ID));
    assert_eq!(about.count(), 1, "{requests:?}");
}

#[tokio::test]
async fn another_resource_under_the_id_is_never_touched() {
    // Someone's container is named like the target's id.
    let mut decoy = container(json!({ "Status": "running" }));
    decoy["Id"] = json!("f".repeat(64));
    let path = format!("GET /v1.41/containers/{ID}/json");
    let server = Server::start(move |line| (line == path).then(|| ok(decoy.clone()))).await;
    let docker = server.backend();
    assert_eq!(docker.get(&target()).await.unwrap(), None);
    assert_eq!(
        kind_of(docker.delete(&target(), DeleteOptions::FORCE).await),
        ErrorKind::NotFound
    );
    assert_eq!(
        kind_of(docker.stop(&target(), TERM).await),
        ErrorKind::NotFound
    );

    let younger = Identity {
        created: Some(Timestamp::from_unix_seconds(1)),
        ..target()
    };
    let healthy = Server::start(|_| None).await;
    assert_eq!(
        kind_of(healthy.backend().delete(&younger, GENTLE).await),
        ErrorKind::Conflict
    );
    for server in [server, healthy] {
        assert!(
            server.requests().iter().all(|line| line.starts_with("GET")),
            "{:?}",
            server.requests()
        );
    }
}

#[tokio::test]
async fn a_signal_that_comes_too_late_is_a_success() {
    let ended = Arc::new(Mutex::new(false));
    let path = format!("GET /v1.41/containers/{ID}/json");
    let server = Server::start(move |line| {
        let mut ended = ended.lock().unwrap();
        if line.starts_with("POST") {
            *ended = true;
            return Some(refused(
                409,
                "Cannot kill container: it went away in other words",
            ));
        }
        (*ended && line == path).then(|| ok(container(json!({ "Status": "exited" }))))
    })
    .await;
    server.backend().stop(&target(), TERM).await.unwrap();

    let server =
        Server::start(|line| line.starts_with("POST").then(|| refused(409, "not now"))).await;
    assert_eq!(
        kind_of(server.backend().stop(&target(), TERM).await),
        ErrorKind::Conflict
    );
    let server = Server::start(|line| {
        line.starts_with("POST")
            .then(|| refused(404, "No such container"))
    })
    .await;
    assert_eq!(
        kind_of(server.backend().stop(&target(), TERM).await),
        ErrorKind::NotFound
    );
}
