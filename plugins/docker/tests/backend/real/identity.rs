//! What is not the target is left alone.

use std::time::Duration;

use tbengine_dockerd::{Dockerd, Network, shared};
use tbengine_sdk::{Backend, Bind, ErrorKind, Fact, Identity, Kind, ListRequest, Rule, State};

use crate::real::support::{
    FORCE, GENTLE, KILL, TERM, absent, backend, backend_of, find, kind_of, known,
};

#[tokio::test]
async fn what_runs_is_not_deleted_without_force() {
    let docker = backend();
    let daemon = shared();
    let running = daemon.run_sleeper(&[]);
    let paused = daemon.run_sleeper(&[]);
    daemon.docker(&["pause", &paused]);
    for id in [running, paused] {
        let container = known(&docker, Kind::CONTAINER, &id).await;
        assert_eq!(
            kind_of(docker.delete(&container.identity, GENTLE).await),
            ErrorKind::Conflict
        );
        assert_eq!(
            docker
                .get(&container.identity)
                .await
                .unwrap()
                .unwrap()
                .state,
            container.state
        );
        docker.delete(&container.identity, FORCE).await.unwrap();
        assert_eq!(docker.get(&container.identity).await.unwrap(), None);
        assert_eq!(
            kind_of(docker.delete(&container.identity, FORCE).await),
            ErrorKind::NotFound
        );
    }
}

#[tokio::test]
async fn a_decoy_named_like_the_victims_id_is_left_alone() {
    let docker = backend();
    let daemon = shared();
    let victim = daemon.create(&[], &["true"]);
    let identity = known(&docker, Kind::CONTAINER, &victim).await.identity;
    let decoy = daemon.run_sleeper(&["--name", &victim]);
    assert_eq!(
        docker.get(&identity).await.unwrap().unwrap().identity,
        identity
    );
    docker.delete(&identity, FORCE).await.unwrap();

    assert_eq!(docker.get(&identity).await.unwrap(), None);
    assert_eq!(
        kind_of(docker.delete(&identity, FORCE).await),
        ErrorKind::NotFound
    );
    assert_eq!(
        kind_of(docker.stop(&identity, KILL).await),
        ErrorKind::NotFound
    );
    assert_eq!(
        known(&docker, Kind::CONTAINER, &decoy).await.state,
        State::Running
    );

    let victim = daemon.create_network("victim", &["--internal"]);
    let identity = known(&docker, Kind::NETWORK, &victim).await.identity;
    let decoy = daemon.create_network(&victim, &["--internal"]);
    docker.delete(&identity, GENTLE).await.unwrap();
    assert_eq!(docker.get(&identity).await.unwrap(), None);
    assert_eq!(
        kind_of(docker.delete(&identity, GENTLE).await),
        ErrorKind::NotFound
    );
    assert!(find(&docker, Kind::NETWORK, &decoy).await.is_some());
}

#[tokio::test]
async fn names_and_prefixes_are_refused() {
    let docker = backend();
    let id = shared().run_sleeper(&["--name", "named"]);
    let identity = known(&docker, Kind::CONTAINER, &id).await.identity;
    for native in [
        "named",
        "/named",
        &id[..12],
        &id[..63],
        "",
        "..",
        &format!("{id}/../{id}"),
    ] {
        let target = Identity {
            native: native.to_owned(),
            ..identity.clone()
        };
        assert_eq!(
            kind_of(docker.get(&target).await),
            ErrorKind::Invalid,
            "{native}"
        );
        assert_eq!(
            kind_of(docker.delete(&target, FORCE).await),
            ErrorKind::Invalid,
            "{native}"
        );
        assert_eq!(
            kind_of(docker.stop(&target, KILL).await),
            ErrorKind::Invalid,
            "{native}"
        );
    }
    let image = Identity {
        kind: Kind::IMAGE,
        native: shared().image().to_owned(),
        ..identity.clone()
    };
    assert_eq!(
        kind_of(docker.delete(&image, FORCE).await),
        ErrorKind::Invalid
    );
    assert!(
        docker
            .get(&identity)
            .await
            .unwrap()
            .unwrap()
            .state
            .is_running()
    );
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let docker = backend();
    let any = known(&docker, Kind::CONTAINER, &shared().create(&[], &["true"]))
        .await
        .identity;
    for kind in docker.capabilities().words() {
        let target = absent(&any, kind);
        assert_eq!(docker.get(&target).await.unwrap(), None);
        assert_eq!(
            kind_of(docker.delete(&target, GENTLE).await),
            ErrorKind::NotFound,
            "{kind}"
        );
        assert_eq!(
            kind_of(docker.delete(&target, FORCE).await),
            ErrorKind::NotFound,
            "{kind}"
        );
    }
    assert_eq!(
        kind_of(docker.stop(&absent(&any, Kind::CONTAINER), TERM).await),
        ErrorKind::NotFound
    );
    for kind in [Kind::SANDBOX, Kind::SNAPSHOT] {
        assert_eq!(
            kind_of(docker.list(ListRequest::first(kind)).await),
            ErrorKind::Unsupported
        );
    }
    let unknown = ListRequest {
        cursor: Some("2".into()),
        ..ListRequest::first(Kind::CONTAINER)
    };
    assert_eq!(kind_of(docker.list(unknown).await), ErrorKind::Invalid);
}

/// Engine 20.10, which the tests run, dates a volume by its last change: the time is a fact that binds an unused one,
/// and no part of the identity, which must not move.
#[tokio::test]
async fn the_time_of_a_volume_says_when_it_was_written_to() {
    let docker = backend();
    shared().create_volume("reused", &[]);
    let old = known(&docker, Kind::VOLUME, "reused").await;
    assert_eq!(old.identity.created, None);
    assert!(old.born().is_some());
    shared().docker(&["volume", "rm", "reused"]);
    // Docker dates volumes to the second.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    shared().create_volume("reused", &[]);
    let new = docker.get(&old.identity).await.unwrap().unwrap();
    assert_eq!(new.identity, old.identity);
    assert_ne!(new.attrs.get("written"), old.attrs.get("written"));
    let kinds = docker.capabilities().kinds;
    let volumes = kinds.iter().find(|info| info.kind == Kind::VOLUME);
    assert_eq!(
        volumes.unwrap().binds,
        [Bind {
            fact: Fact::Attr("written".into()),
            rule: Rule::SameIfUnused
        }]
    );
}

#[tokio::test]
async fn of_many_deletions_at_once_one_wins_and_none_is_a_fault() {
    let docker = backend();
    let mut in_progress = 0;
    for _ in 0..20 {
        let container = known(&docker, Kind::CONTAINER, &shared().run_sleeper(&[]))
            .await
            .identity;
        let deletions = (0..6).map(|_| docker.delete(&container, FORCE));
        let results = futures_util::future::join_all(deletions).await;
        assert!(results.iter().any(Result::is_ok), "{results:?}");
        for error in results.into_iter().filter_map(Result::err) {
            assert!(
                matches!(error.kind, ErrorKind::InProgress | ErrorKind::NotFound),
                "{error:?}"
            );
            in_progress += usize::from(error.kind == ErrorKind::InProgress);
        }
        assert_eq!(docker.get(&container).await.unwrap(), None);
        if in_progress > 0 {
            return;
        }
    }
    panic!("no deletion ever met another one in progress");
}

#[tokio::test]
async fn the_account_says_the_clock_of_the_daemon() {
    let docker = backend();
    let before = std::time::SystemTime::now();
    let account = docker.check().await.unwrap();
    let now = account.now.expect("a clock");
    let since = before.duration_since(std::time::UNIX_EPOCH).unwrap();
    let ahead = now.as_unix_ms() - i64::try_from(since.as_millis()).unwrap();
    assert!((-1_000..30_000).contains(&ahead), "{ahead} ms");
    // This daemon has no network `bridge`.
    assert_eq!(account.server, None);
}

#[tokio::test]
async fn a_daemon_with_a_bridge_says_the_same_server_until_it_starts_anew() {
    let daemon = match Dockerd::start_with(Network::Bridge) {
        Ok(daemon) => daemon,
        Err(error) => panic!("{error}"),
    };
    let server = async |daemon: &Dockerd| {
        let account = backend_of(daemon, "60s").check().await.unwrap();
        account.server.expect("a server")
    };
    let first = server(&daemon).await;
    assert_eq!(server(&daemon).await, first);
    daemon.terminate();
    daemon.restart().unwrap();
    assert_ne!(server(&daemon).await, first);
}
