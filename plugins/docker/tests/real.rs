//! The backend against a private dockerd: each outcome that a real daemon can show.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tbengine_docker::Docker;
use tbengine_dockerd::{Dockerd, shared};
use tbengine_sdk::{
    Backend, DeleteOptions, Error, ErrorKind, Identity, Kind, ListRequest, OpenRequest, Owner,
    Relation, Resource, State, StopOptions, Timestamp, Unit,
};

const FORCE: DeleteOptions = DeleteOptions { force: true };
const GENTLE: DeleteOptions = DeleteOptions { force: false };
const TERM: StopOptions = StopOptions { force: false };
const KILL: StopOptions = StopOptions { force: true };

fn backend_of(daemon: &Dockerd, call_timeout: &str) -> Docker {
    Docker::open(OpenRequest {
        name: "docker".into(),
        config: json!({ "host": daemon.host(), "call-timeout": call_timeout }),
        environment: BTreeMap::new().into(),
        now: Timestamp::from_unix_seconds(1_800_000_000),
    })
    .unwrap()
}

fn backend() -> Docker {
    backend_of(shared(), "60s")
}

async fn listed(docker: &Docker, kind: Kind) -> Vec<Resource> {
    let page = docker.list(ListRequest::first(kind)).await.unwrap();
    assert_eq!(page.next, None);
    page.resources
}

async fn find(docker: &Docker, kind: Kind, native: &str) -> Option<Resource> {
    listed(docker, kind)
        .await
        .into_iter()
        .find(|resource| resource.identity.native == native)
}

async fn known(docker: &Docker, kind: Kind, native: &str) -> Resource {
    find(docker, kind, native)
        .await
        .unwrap_or_else(|| panic!("{kind} {native} is not listed"))
}

/// The identity of something that does not exist.
fn absent(docker_id: &Identity, kind: Kind) -> Identity {
    let hex = "f".repeat(64);
    let native = match kind {
        Kind::Image => format!("sha256:{hex}"),
        _ => hex,
    };
    Identity {
        kind,
        native,
        ..docker_id.clone()
    }
}

async fn eventually<F: AsyncFn() -> bool>(what: &str, holds: F) {
    for _ in 0..300 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never came true: {what}");
}

fn kind_of<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorKind {
    result.expect_err("an error was expected").kind
}

#[tokio::test]
async fn check_names_the_daemon_and_always_the_same_account() {
    let docker = backend();
    let account = docker.check().await.unwrap();
    assert_eq!(
        account.id.as_ref(),
        shared().docker(&["info", "--format", "{{.ID}}"])
    );
    assert!(
        account.description.starts_with("Docker "),
        "{}",
        account.description
    );
    assert!(
        account
            .description
            .ends_with(&format!(" at {}", shared().host())),
        "{}",
        account.description
    );
    assert!(
        account.description.contains("(API 1."),
        "{}",
        account.description
    );
    assert_eq!(docker.check().await.unwrap(), account);
    assert_eq!(backend().check().await.unwrap().id, account.id);
}

#[tokio::test]
async fn each_state_of_a_container_is_seen() {
    let docker = backend();
    let daemon = shared();

    let created = known(&docker, Kind::Container, &daemon.create(&[], &["true"])).await;
    assert_eq!(created.state, State::Created);
    assert_eq!(
        (created.started, created.finished, created.exit_code),
        (None, None, None)
    );
    assert!(created.identity.created.is_some());

    let running = known(
        &docker,
        Kind::Container,
        &daemon.run_sleeper(&["--name", "a-sleeper"]),
    )
    .await;
    assert_eq!(
        (running.state, running.name.as_str()),
        (State::Running, "a-sleeper")
    );
    assert!(running.started.is_some() && running.finished.is_none() && running.exit_code.is_none());

    let id = daemon.run_sleeper(&[]);
    daemon.docker(&["pause", &id]);
    assert_eq!(
        known(&docker, Kind::Container, &id).await.state,
        State::Paused
    );

    let exited = known(&docker, Kind::Container, &daemon.run_to_end(&[], 3)).await;
    assert_eq!((exited.state, exited.exit_code), (State::Exited, Some(3)));
    assert!(exited.started.is_some() && exited.finished.is_some());
    assert_eq!(exited.age_from(), exited.finished);

    let id = daemon.run(&["--restart", "always"], &["false"]);
    eventually("a failing container restarts", async || {
        known(&docker, Kind::Container, &id).await.state == State::Restarting
    })
    .await;
    let restarting = known(&docker, Kind::Container, &id).await;
    assert_eq!(restarting.attrs.get("restart-policy"), Some("always"));

    let id = daemon.run_sleeper(&["--rm"]);
    assert_eq!(
        known(&docker, Kind::Container, &id)
            .await
            .attrs
            .get("auto-remove"),
        Some("true")
    );
}

#[tokio::test]
async fn list_and_get_agree_on_every_kind() {
    let docker = backend();
    let daemon = shared();
    daemon.create_network(
        "agree",
        &["--internal", "--label", "com.docker.compose.project=shop"],
    );
    daemon.create_volume("agree", &["--label", "com.docker.compose.project=shop"]);
    let image = daemon.create_image("agree:1");
    daemon.run_sleeper(&[
        "--network",
        "agree",
        "--volume",
        "agree:/a",
        "--volume",
        "/b",
        "--label",
        "k=v",
    ]);
    daemon.create(&["--network", "agree"], &["true"]);

    let mut seen = 0;
    for kind in docker.capabilities().kinds {
        for resource in listed(&docker, kind).await {
            // Other tests change and delete their containers meanwhile.
            let Some(again) = docker.get(&resource.identity).await.unwrap() else {
                continue;
            };
            assert_eq!(again.identity, resource.identity);
            assert_eq!(
                (&again.labels, &again.name),
                (&resource.labels, &resource.name)
            );
            assert_eq!(
                (&again.unit, &again.owner),
                (&resource.unit, &resource.owner)
            );
            assert!(resource.identity.created.is_some(), "{resource:?}");
            if kind != Kind::Container {
                assert_eq!((again.uses, again.attrs), (resource.uses, resource.attrs));
            }
            seen += 1;
        }
    }
    assert!(seen >= 5);
    let network = listed(&docker, Kind::Network)
        .await
        .into_iter()
        .find(|network| network.name == "agree")
        .unwrap();
    assert_eq!(network.unit, Some(Unit("shop".into())));
    assert_eq!(
        (network.state, network.attrs.get("driver")),
        (State::Present, Some("bridge"))
    );
    assert_eq!(
        known(&docker, Kind::Volume, "agree").await.unit,
        Some(Unit("shop".into()))
    );
    assert_eq!(
        known(&docker, Kind::Image, &image).await.attrs.get("tags"),
        Some("agree:1")
    );
}

#[tokio::test]
async fn predefined_networks_are_not_listed() {
    let docker = backend();
    let names: Vec<String> = listed(&docker, Kind::Network)
        .await
        .into_iter()
        .map(|network| network.name)
        .collect();
    assert!(
        !names
            .iter()
            .any(|name| matches!(name.as_str(), "host" | "none" | "bridge")),
        "{names:?}"
    );

    let account = docker.check().await.unwrap().id;
    let native = shared().docker(&["network", "inspect", "host", "--format", "{{.Id}}"]);
    let host = Identity {
        backend: "docker".into(),
        account,
        kind: Kind::Network,
        native,
        created: None,
    };
    let host = docker.get(&host).await.unwrap().unwrap().identity;
    assert_eq!(
        kind_of(docker.delete(&host, FORCE).await),
        ErrorKind::Unsupported
    );
}

#[tokio::test]
async fn a_container_names_what_it_uses_also_before_it_ran() {
    let docker = backend();
    let daemon = shared();
    let network = daemon.create_network("uses", &["--internal"]);
    daemon.create_volume("uses", &[]);
    let options = [
        "--network",
        "uses",
        "--volume",
        "uses:/named",
        "--volume",
        "/anonymous",
        "--volume",
        "/tmp:/bind",
    ];
    let image = daemon.inspect(daemon.image(), "{{.Id}}").unwrap();

    for id in [
        daemon.create(&options, &["true"]),
        daemon.run_sleeper(&options),
        daemon.run_to_end(&options, 0),
    ] {
        let container = known(&docker, Kind::Container, &id).await;
        let uses = |kind: Kind| -> Vec<&Relation> {
            container
                .uses
                .iter()
                .filter(|relation| relation.kind == kind)
                .collect()
        };
        assert_eq!(
            uses(Kind::Network),
            [&Relation {
                kind: Kind::Network,
                native: network.clone(),
                cascade: false
            }]
        );
        assert_eq!(
            uses(Kind::Image),
            [&Relation {
                kind: Kind::Image,
                native: image.clone(),
                cascade: false
            }]
        );
        let volumes = uses(Kind::Volume);
        assert_eq!(volumes.len(), 2, "{volumes:?}");
        assert!(
            volumes
                .iter()
                .all(|volume| volume.cascade == (volume.native != "uses")),
            "{volumes:?}"
        );
        assert_eq!(
            docker.get(&container.identity).await.unwrap().unwrap().uses,
            container.uses
        );
    }
}

#[tokio::test]
async fn an_anonymous_volume_asked_for_by_name_survives_its_users() {
    let docker = backend();
    let daemon = shared();
    let owner = daemon.create(&["--volume", "/data"], &["true"]);
    let volume = daemon
        .inspect(&owner, "{{(index .Mounts 0).Name}}")
        .unwrap();
    let borrowing = [
        daemon.create(&["--volume", &format!("{volume}:/data")], &["true"]),
        daemon.create(
            &[
                "--mount",
                &format!("type=volume,source={volume},target=/data"),
            ],
            &["true"],
        ),
    ];
    let relation = |container: &Resource| {
        container
            .uses
            .iter()
            .find(|relation| relation.native == volume)
            .unwrap()
            .cascade
    };
    for borrower in &borrowing {
        assert!(!relation(&known(&docker, Kind::Container, borrower).await));
    }
    let owner = known(&docker, Kind::Container, &owner).await;
    assert!(relation(&owner));
    docker.delete(&owner.identity, GENTLE).await.unwrap();
    for borrower in borrowing {
        let borrower = known(&docker, Kind::Container, &borrower).await;
        docker.delete(&borrower.identity, GENTLE).await.unwrap();
    }
    assert!(find(&docker, Kind::Volume, &volume).await.is_some());
}

#[tokio::test]
async fn deleting_a_container_takes_its_anonymous_volumes_and_no_others() {
    let docker = backend();
    let daemon = shared();
    let id = daemon.run_sleeper(&["--volume", "/anonymous", "--volume", "kept:/named"]);
    let container = known(&docker, Kind::Container, &id).await;
    let anonymous = container
        .uses
        .iter()
        .find(|relation| relation.cascade)
        .unwrap()
        .native
        .clone();
    assert!(find(&docker, Kind::Volume, &anonymous).await.is_some());

    docker.delete(&container.identity, FORCE).await.unwrap();
    assert_eq!(docker.get(&container.identity).await.unwrap(), None);
    assert!(find(&docker, Kind::Volume, &anonymous).await.is_none());
    assert!(find(&docker, Kind::Volume, "kept").await.is_some());
}

#[tokio::test]
async fn what_runs_is_not_deleted_without_force() {
    let docker = backend();
    let daemon = shared();
    let running = daemon.run_sleeper(&[]);
    let paused = daemon.run_sleeper(&[]);
    daemon.docker(&["pause", &paused]);
    for id in [running, paused] {
        let container = known(&docker, Kind::Container, &id).await;
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
    let identity = known(&docker, Kind::Container, &victim).await.identity;
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
        known(&docker, Kind::Container, &decoy).await.state,
        State::Running
    );

    let victim = daemon.create_network("victim", &["--internal"]);
    let identity = known(&docker, Kind::Network, &victim).await.identity;
    let decoy = daemon.create_network(&victim, &["--internal"]);
    docker.delete(&identity, GENTLE).await.unwrap();
    assert_eq!(docker.get(&identity).await.unwrap(), None);
    assert_eq!(
        kind_of(docker.delete(&identity, GENTLE).await),
        ErrorKind::NotFound
    );
    assert!(find(&docker, Kind::Network, &decoy).await.is_some());
}

#[tokio::test]
async fn names_and_prefixes_are_refused() {
    let docker = backend();
    let id = shared().run_sleeper(&["--name", "named"]);
    let identity = known(&docker, Kind::Container, &id).await.identity;
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
        kind: Kind::Image,
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
    let any = known(&docker, Kind::Container, &shared().create(&[], &["true"]))
        .await
        .identity;
    for kind in docker.capabilities().kinds {
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
        kind_of(docker.stop(&absent(&any, Kind::Container), TERM).await),
        ErrorKind::NotFound
    );
    for kind in [Kind::Sandbox, Kind::Snapshot] {
        assert_eq!(
            kind_of(docker.list(ListRequest::first(kind)).await),
            ErrorKind::Unsupported
        );
    }
    let unknown = ListRequest {
        cursor: Some("2".into()),
        ..ListRequest::first(Kind::Container)
    };
    assert_eq!(kind_of(docker.list(unknown).await), ErrorKind::Invalid);
}

#[tokio::test]
async fn a_network_with_endpoints_is_a_dependency() {
    let docker = backend();
    let daemon = shared();
    let id = daemon.create_network("busy", &["--internal"]);
    let network = known(&docker, Kind::Network, &id).await.identity;
    let holder = known(
        &docker,
        Kind::Container,
        &daemon.run_sleeper(&["--network", "busy"]),
    )
    .await
    .identity;
    assert_eq!(
        kind_of(docker.delete(&network, FORCE).await),
        ErrorKind::Dependency
    );
    docker.delete(&holder, FORCE).await.unwrap();
    docker.delete(&network, GENTLE).await.unwrap();
    assert_eq!(docker.get(&network).await.unwrap(), None);
}

#[tokio::test]
async fn a_volume_in_use_is_a_dependency() {
    let docker = backend();
    let daemon = shared();
    daemon.create_volume("busy", &[]);
    let volume = known(&docker, Kind::Volume, "busy").await.identity;
    for holder in [
        daemon.run_sleeper(&["--volume", "busy:/v"]),
        daemon.create(&["--volume", "busy:/v"], &["true"]),
    ] {
        let holder = known(&docker, Kind::Container, &holder).await.identity;
        assert_eq!(
            kind_of(docker.delete(&volume, FORCE).await),
            ErrorKind::Dependency
        );
        docker.delete(&holder, FORCE).await.unwrap();
    }
    docker.delete(&volume, GENTLE).await.unwrap();
    assert_eq!(docker.get(&volume).await.unwrap(), None);
}

#[tokio::test]
async fn a_volume_made_anew_under_the_same_name_is_left_alone() {
    let docker = backend();
    shared().create_volume("reused", &[]);
    let old = known(&docker, Kind::Volume, "reused").await.identity;
    shared().docker(&["volume", "rm", "reused"]);
    // Docker dates volumes to the second.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    shared().create_volume("reused", &[]);
    assert_ne!(docker.get(&old).await.unwrap().unwrap().identity, old);
    assert_eq!(
        kind_of(docker.delete(&old, FORCE).await),
        ErrorKind::Conflict
    );
    assert!(find(&docker, Kind::Volume, "reused").await.is_some());
}

#[tokio::test]
async fn an_image_in_use_is_a_dependency_even_with_force() {
    let docker = backend();
    let daemon = shared();
    let id = daemon.create_image("busy-image:1");
    daemon.docker(&["tag", "busy-image:1", "busy-image:2"]);
    let image = known(&docker, Kind::Image, &id).await.identity;
    let running = daemon.docker(&["run", "--detach", "busy-image:1", "sleep", "100000"]);
    let created = daemon.docker(&["create", "busy-image:1", "true"]);
    for holder in [running, created] {
        assert_eq!(
            kind_of(docker.delete(&image, FORCE).await),
            ErrorKind::Dependency
        );
        let holder = known(&docker, Kind::Container, &holder).await.identity;
        docker.delete(&holder, FORCE).await.unwrap();
    }
    assert_eq!(
        known(&docker, Kind::Image, &id).await.attrs.get("tags"),
        Some("busy-image:1,busy-image:2")
    );

    let single = daemon.create_image("busy-single:1");
    let image = known(&docker, Kind::Image, &single).await.identity;
    let holder = daemon.docker(&["create", "busy-single:1", "true"]);
    for options in [GENTLE, FORCE] {
        assert_eq!(
            kind_of(docker.delete(&image, options).await),
            ErrorKind::Dependency
        );
    }
    daemon.docker(&["rm", &holder]);
    docker.delete(&image, GENTLE).await.unwrap();
    assert_eq!(docker.get(&image).await.unwrap(), None);
}

#[tokio::test]
async fn an_image_with_several_tags_needs_force() {
    let docker = backend();
    let daemon = shared();
    let id = daemon.create_image("tagged:1");
    daemon.docker(&["tag", "tagged:1", "other/name:2"]);
    let image = known(&docker, Kind::Image, &id).await.identity;
    let error = docker.delete(&image, GENTLE).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.hint.unwrap().contains("force"));
    docker.delete(&image, FORCE).await.unwrap();
    assert_eq!(docker.get(&image).await.unwrap(), None);
}

#[tokio::test]
async fn an_image_takes_its_untagged_ancestors_and_names_them_before() {
    let docker = backend();
    let daemon = shared();
    let base = daemon.create_image("base:1");
    let child_of = |from: &str, tag: &str| {
        let container = daemon.docker(&["create", from, "true"]);
        let id = daemon.docker(&["commit", &container, tag]);
        daemon.docker(&["rm", &container]);
        id
    };
    let middle = child_of("base:1", "middle:1");
    let top = child_of("middle:1", "top:1");
    let middle_identity = known(&docker, Kind::Image, &middle).await.identity;
    assert_eq!(
        kind_of(docker.delete(&middle_identity, GENTLE).await),
        ErrorKind::Dependency
    );
    // Moving its tag elsewhere makes it a step between two images.
    daemon.docker(&["tag", daemon.image(), "middle:1"]);

    assert!(find(&docker, Kind::Image, &middle).await.is_none());
    let image = known(&docker, Kind::Image, &top).await;
    let relation = |native: &str, cascade| Relation {
        kind: Kind::Image,
        native: native.to_owned(),
        cascade,
    };
    assert_eq!(
        image.uses,
        [relation(&middle, true), relation(&base, false)]
    );
    assert_eq!(
        docker.get(&image.identity).await.unwrap().unwrap().uses,
        image.uses
    );

    docker.delete(&image.identity, GENTLE).await.unwrap();
    assert_eq!(docker.get(&image.identity).await.unwrap(), None);
    assert_eq!(docker.get(&middle_identity).await.unwrap(), None);
    assert!(find(&docker, Kind::Image, &base).await.is_some());
    daemon.docker(&["rmi", "middle:1"]);
}

#[tokio::test]
async fn a_dangling_image_is_listed_and_deleted() {
    let docker = backend();
    let daemon = shared();
    let container = daemon.create(&[], &["true"]);
    let id = daemon.docker(&["commit", "--message", "dangling", &container]);
    let image = known(&docker, Kind::Image, &id).await;
    assert_eq!(
        (image.attrs.get("dangling"), image.name.as_str()),
        (Some("true"), id.as_str())
    );
    docker.delete(&image.identity, GENTLE).await.unwrap();
    assert_eq!(docker.get(&image.identity).await.unwrap(), None);
}

#[tokio::test]
async fn of_many_deletions_at_once_one_wins_and_none_is_a_fault() {
    let docker = backend();
    let mut in_progress = 0;
    for _ in 0..20 {
        let container = known(&docker, Kind::Container, &shared().run_sleeper(&[]))
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
        let container = known(&docker, Kind::Container, &id).await.identity;
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
    for kind in [Kind::Network, Kind::Volume, Kind::Image] {
        let any = known(&docker, Kind::Container, &daemon.create(&[], &["true"]))
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
    let container = known(&docker, Kind::Container, &shared().run_sleeper(&[]))
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
            let container = known(&docker, Kind::Container, &id).await.identity;
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
        let container = known(&docker, Kind::Container, &id).await.identity;
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
        let container = known(&docker, Kind::Container, &id).await.identity;
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
    let container = known(&docker, Kind::Container, &shared().run_sleeper(&["--rm"]))
        .await
        .identity;
    docker.stop(&container, KILL).await.unwrap();
    eventually("it is gone", async || {
        docker.get(&container).await.unwrap().is_none()
    })
    .await;

    // Its own removal and ours at the same time.
    let container = known(&docker, Kind::Container, &shared().run_sleeper(&["--rm"]))
        .await
        .identity;
    match docker.delete(&container, FORCE).await {
        Ok(()) => {}
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

#[tokio::test]
async fn hostile_labels_come_through_unharmed() {
    let docker = backend();
    let hostile = [
        ("ansi", "\u{1b}[2J\u{1b}]0;title\u{7}".to_owned()),
        ("newline", "a\r\nERROR: approve? [Y/n]".to_owned()),
        ("bidi", "\u{202e}gpj.exe\u{2028}\u{200b}".to_owned()),
        ("huge", "x".repeat(1 << 20)),
        ("", "an empty key".to_owned()),
        ("nul", "\0".to_owned()),
    ];
    let labels: BTreeMap<_, _> = hostile.iter().cloned().collect();
    let reply = shared().post(
        "/containers/create",
        &json!({ "Image": shared().image(), "Cmd": ["true"], "Labels": labels }).to_string(),
    );
    let reply: serde_json::Value = serde_json::from_str(&reply).unwrap();
    let container = known(&docker, Kind::Container, reply["Id"].as_str().unwrap()).await;
    for (key, value) in &hostile {
        assert_eq!(container.labels.get(key), Some(value.as_str()), "{key}");
    }
    docker.delete(&container.identity, GENTLE).await.unwrap();
}

#[tokio::test]
async fn owners_and_units_are_recognised() {
    let docker = backend();
    let daemon = shared();
    let label = |key: &str, value: &str| format!("{key}={value}");
    let project = label("com.docker.compose.project", "hello__dqmfgz2__env");
    let service = label("com.docker.compose.service", "main");
    let harbor = daemon.create(&["--label", &project, "--label", &service], &["true"]);
    let harbor = known(&docker, Kind::Container, &harbor).await;
    assert_eq!(harbor.owner, Owner::Benchmark("harbor".into()));
    assert_eq!(harbor.unit, Some(Unit("hello__dqmfgz2__env".into())));
    assert_eq!(harbor.attrs.get("image"), Some(daemon.image()));

    let ours = daemon.create(&["--label", "tbengine.run-id=r-1"], &["true"]);
    assert_eq!(
        known(&docker, Kind::Container, &ours).await.owner,
        Owner::Run("r-1".into())
    );

    let image = daemon.create_image("tb__hello__client:latest");
    assert_eq!(
        known(&docker, Kind::Image, &image).await.owner,
        Owner::Benchmark("terminal-bench".into())
    );
}

#[tokio::test]
async fn sizes_are_found_out_only_on_request() {
    let docker = backend();
    let daemon = shared();
    daemon.create_volume("sized", &[]);
    let id = daemon.run(
        &["--volume", "sized:/v"],
        &["sh", "-c", "i=0; while [ $i -lt 1000 ]; do echo 0123456789 >>/f; echo 0123456789 >>/v/f; i=$((i+1)); done"],
    );
    daemon.docker(&["wait", &id]);
    let image = daemon.inspect(daemon.image(), "{{.Id}}").unwrap();
    for sizes in [true, false] {
        for (kind, native, at_least) in [
            (Kind::Container, id.as_str(), 11_000),
            (Kind::Volume, "sized", 11_000),
            (Kind::Image, &image, 500_000),
        ] {
            let page = docker
                .list(ListRequest {
                    sizes,
                    ..ListRequest::first(kind)
                })
                .await
                .unwrap();
            let found = page
                .resources
                .into_iter()
                .find(|resource| resource.identity.native == native)
                .unwrap();
            assert_eq!(
                found.usage.disk_bytes.is_some_and(|size| size >= at_least),
                sizes,
                "{kind} {found:?}"
            );
        }
    }
}

#[tokio::test]
async fn containers_may_vanish_while_they_are_listed() {
    let docker = backend();
    let ids: Vec<String> = (0..20).map(|_| shared().create(&[], &["true"])).collect();
    let to_remove = ids.clone();
    let removal = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = ["rm"]
            .into_iter()
            .chain(to_remove.iter().map(String::as_str))
            .collect();
        shared().docker(&arguments);
    });
    while !removal.is_finished() {
        listed(&docker, Kind::Container).await;
    }
    removal.await.unwrap();
    assert!(
        listed(&docker, Kind::Container)
            .await
            .iter()
            .all(|container| !ids.contains(&container.identity.native))
    );
}

#[tokio::test]
async fn a_daemon_that_is_away_is_unavailable_and_answers_again() {
    let daemon = Dockerd::start().unwrap();
    let docker = backend_of(&daemon, "2s");
    let container = known(&docker, Kind::Container, &daemon.create(&[], &["true"]))
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
        refused.message.contains("refuses") && refused.hint.is_some(),
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
    assert!(hung.message.contains("outcome is unknown"), "{hung:?}");
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
                .list(ListRequest::first(Kind::Image))
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
        let left = listed(&docker, Kind::Container).await;
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
