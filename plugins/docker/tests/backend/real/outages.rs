//! An unreachable daemon, and what it leaves half done.

use std::time::Duration;

use tbengine_dockerd::Dockerd;
use tbengine_sdk::{Backend, ErrorKind, Kind, ListRequest, State};

use crate::real::support::{FORCE, backend_of, eventually, kind_of, known, listed};

#[tokio::test]
async fn an_unreachable_daemon_is_unavailable_and_answers_again() {
    let daemon = Dockerd::start().unwrap();
    let docker = backend_of(&daemon, "2s");
    let container = known(&docker, Kind::CONTAINER, &daemon.create(&[], &["true"]))
        .await
        .identity;

    daemon.crash();
    // The first call may still go out on the old connection.
    assert_eq!(
        kind_of(docker.get(&container).await),
        ErrorKind::Unavailable
    );
    let refused = docker.check().await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unavailable);
    assert!(
        refused.message.contains("refused") && refused.hint.is_some(),
        "{refused:?}"
    );
    assert_eq!(
        kind_of(docker.get(&container).await),
        ErrorKind::Unavailable
    );
    assert_eq!(
        kind_of(docker.delete(&container, FORCE).await),
        ErrorKind::Unavailable
    );

    daemon.restart().unwrap();
    docker.check().await.unwrap();
    assert!(docker.get(&container).await.unwrap().is_some());

    daemon.freeze();
    let hung = docker.delete(&container, FORCE).await.unwrap_err();
    assert_eq!(hung.kind, ErrorKind::Transient);
    assert!(hung.message.contains("outcome unknown"), "{hung:?}");
    assert_eq!(kind_of(docker.get(&container).await), ErrorKind::Transient);
    daemon.thaw();
    eventually("it answers", async || docker.check().await.is_ok()).await;

    daemon.terminate();
    assert_eq!(
        kind_of(docker.get(&container).await),
        ErrorKind::Unavailable
    );
    let missing = docker.check().await.unwrap_err();
    assert_eq!(missing.kind, ErrorKind::Unavailable);
    assert!(
        missing.message.contains("does not exist") && missing.hint.is_some(),
        "{missing:?}"
    );
    assert_eq!(
        kind_of(
            backend_of(&daemon, "2s")
                .list(ListRequest::first(Kind::IMAGE))
                .await
        ),
        ErrorKind::Unavailable
    );
}

#[tokio::test]
async fn a_container_that_a_crash_left_half_removed_can_be_deleted() {
    let daemon = Dockerd::start().unwrap();
    let docker = backend_of(&daemon, "60s");
    for _ in 0..10 {
        let ids: Vec<String> = (0..6).map(|_| daemon.run_sleeper(&[])).collect();
        let socket = daemon.socket();
        // Deletions whose replies never come.
        for id in &ids {
            use std::io::Write as _;
            let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
            stream
                .write_all(
                    format!("DELETE /containers/{id}?force=1 HTTP/1.1\r\nHost: d\r\n\r\n")
                        .as_bytes(),
                )
                .unwrap();
            std::mem::forget(stream);
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
        daemon.crash();
        daemon.restart().unwrap();
        let left = listed(&docker, Kind::CONTAINER).await;
        let dead = left
            .iter()
            .filter(|container| container.state == State::Dead)
            .count();
        for container in left {
            docker.delete(&container.identity, FORCE).await.unwrap();
            assert_eq!(docker.get(&container.identity).await.unwrap(), None);
        }
        if dead > 0 {
            return;
        }
    }
    panic!("no crash ever left a dead container");
}
