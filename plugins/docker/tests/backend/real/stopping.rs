//! Ending what runs.

use std::time::Duration;

use tbengine_docker::Docker;
use tbengine_dockerd::shared;
use tbengine_sdk::{Backend, ErrorKind, Identity, Kind, State};

use crate::real::support::{FORCE, KILL, TERM, absent, backend, eventually, kind_of, known};

#[tokio::test]
async fn stop_sends_the_containers_own_signal() {
    let docker = backend();
    let daemon = shared();
    let by_term = daemon.run_obedient(&[]);
    let by_usr1 = daemon.run(
        &["--stop-signal", "SIGUSR1"],
        &[
            "sh",
            "-c",
            "trap 'exit 7' USR1; trap 'exit 8' TERM; sleep 100000 & wait",
        ],
    );
    // The shells must have set their traps.
    tokio::time::sleep(Duration::from_millis(500)).await;
    for (id, exit_code) in [(by_term, 0), (by_usr1, 7)] {
        let container = known(&docker, Kind::CONTAINER, &id).await.identity;
        docker.stop(&container, TERM).await.unwrap();
        eventually("it ends", async || {
            docker.get(&container).await.unwrap().unwrap().state == State::Exited
        })
        .await;
        let ended = docker.get(&container).await.unwrap().unwrap();
        assert_eq!(ended.exit_code, Some(exit_code));
        docker.stop(&container, TERM).await.unwrap();
        docker.stop(&container, KILL).await.unwrap();
    }
    for kind in [Kind::NETWORK, Kind::VOLUME, Kind::IMAGE] {
        let any = known(&docker, Kind::CONTAINER, &daemon.create(&[], &["true"]))
            .await
            .identity;
        assert_eq!(
            kind_of(docker.stop(&absent(&any, kind), TERM).await),
            ErrorKind::Unsupported
        );
    }
}

#[tokio::test]
async fn stop_returns_at_once_and_force_ends_what_ignores_it() {
    let docker = backend();
    let container = known(&docker, Kind::CONTAINER, &shared().run_sleeper(&[]))
        .await
        .identity;
    docker.stop(&container, TERM).await.unwrap();
    assert_eq!(
        docker.get(&container).await.unwrap().unwrap().state,
        State::Running
    );
    docker.stop(&container, KILL).await.unwrap();
    eventually("it ends", async || {
        docker.get(&container).await.unwrap().unwrap().state == State::Exited
    })
    .await;
    assert_eq!(
        docker.get(&container).await.unwrap().unwrap().exit_code,
        Some(137)
    );
}

#[tokio::test]
async fn what_was_stopped_does_not_come_back_by_its_restart_policy() {
    let docker = backend();
    let daemon = shared();
    for policy in ["always", "unless-stopped", "on-failure"] {
        for options in [TERM, KILL] {
            let id = daemon.run(
                &["--restart", policy],
                &["sh", "-c", "trap 'exit 1' TERM; sleep 100000 & wait"],
            );
            tokio::time::sleep(Duration::from_millis(500)).await;
            let container = known(&docker, Kind::CONTAINER, &id).await.identity;
            docker.stop(&container, options).await.unwrap();
            stays_ended(&docker, &container).await;
        }
    }
}

#[tokio::test]
async fn a_container_in_its_restart_cycle_stops() {
    let docker = backend();
    for options in [TERM, KILL] {
        let id = shared().run(&["--restart", "always"], &["false"]);
        let container = known(&docker, Kind::CONTAINER, &id).await.identity;
        eventually("it waits for its next start", async || {
            docker.get(&container).await.unwrap().unwrap().state == State::Restarting
        })
        .await;
        docker.stop(&container, options).await.unwrap();
        stays_ended(&docker, &container).await;
    }
}

#[tokio::test]
async fn a_paused_container_stops() {
    let docker = backend();
    let daemon = shared();
    for (options, extra) in [
        (TERM, vec![]),
        (TERM, vec!["--stop-signal", "TERM"]),
        (KILL, vec![]),
    ] {
        let id = daemon.run_obedient(&[&["--restart", "always"], extra.as_slice()].concat());
        tokio::time::sleep(Duration::from_millis(500)).await;
        daemon.docker(&["pause", &id]);
        let container = known(&docker, Kind::CONTAINER, &id).await.identity;
        docker.stop(&container, options).await.unwrap();
        stays_ended(&docker, &container).await;
    }
}

async fn stays_ended(docker: &Docker, container: &Identity) {
    let state = async || docker.get(container).await.unwrap().unwrap().state;
    eventually("it ends", async || state().await == State::Exited).await;
    // The first delay of a restart is 100 ms.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(state().await, State::Exited);
}

#[tokio::test]
async fn an_auto_removed_container_is_gone_after_a_stop() {
    let docker = backend();
    let container = known(&docker, Kind::CONTAINER, &shared().run_sleeper(&["--rm"]))
        .await
        .identity;
    docker.stop(&container, KILL).await.unwrap();
    eventually("it is gone", async || {
        docker.get(&container).await.unwrap().is_none()
    })
    .await;

    // Its own removal and ours at the same time.
    let container = known(&docker, Kind::CONTAINER, &shared().run_sleeper(&["--rm"]))
        .await
        .identity;
    match docker.delete(&container, FORCE).await {
        Ok(_) => {}
        Err(error) => assert!(
            matches!(error.kind, ErrorKind::InProgress | ErrorKind::NotFound),
            "{error:?}"
        ),
    }
    eventually("it is gone", async || {
        docker.get(&container).await.unwrap().is_none()
    })
    .await;
}
