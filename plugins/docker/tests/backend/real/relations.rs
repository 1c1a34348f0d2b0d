//! What uses what, and what goes along.

use tbengine_dockerd::shared;
use tbengine_sdk::{Backend, Bond, ErrorKind, Kind, Relation, Resource};

use crate::real::support::{FORCE, GENTLE, backend, find, kind_of, known};

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
        let container = known(&docker, Kind::CONTAINER, &id).await;
        let uses = |kind: Kind| -> Vec<&Relation> {
            container
                .relations
                .iter()
                .filter(|relation| relation.kind == kind)
                .collect()
        };
        assert_eq!(
            uses(Kind::NETWORK),
            [&Relation {
                kind: Kind::NETWORK,
                native: network.clone(),
                bond: Bond::Uses
            }]
        );
        assert_eq!(
            uses(Kind::IMAGE),
            [&Relation {
                kind: Kind::IMAGE,
                native: image.clone(),
                bond: Bond::Uses
            }]
        );
        let volumes = uses(Kind::VOLUME);
        assert_eq!(volumes.len(), 2, "{volumes:?}");
        assert!(
            volumes
                .iter()
                .all(|volume| volume.bond.takes_along() == (volume.native != "uses")),
            "{volumes:?}"
        );
        assert_eq!(
            docker
                .get(&container.identity)
                .await
                .unwrap()
                .unwrap()
                .relations,
            container.relations
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
            .relations
            .iter()
            .find(|relation| relation.native == volume)
            .unwrap()
            .bond
            .takes_along()
    };
    for borrower in &borrowing {
        assert!(!relation(&known(&docker, Kind::CONTAINER, borrower).await));
    }
    let owner = known(&docker, Kind::CONTAINER, &owner).await;
    assert!(relation(&owner));
    docker.delete(&owner.identity, GENTLE).await.unwrap();
    for borrower in borrowing {
        let borrower = known(&docker, Kind::CONTAINER, &borrower).await;
        docker.delete(&borrower.identity, GENTLE).await.unwrap();
    }
    assert!(find(&docker, Kind::VOLUME, &volume).await.is_some());
}

#[tokio::test]
async fn deleting_a_container_takes_its_anonymous_volumes_and_no_others() {
    let docker = backend();
    let daemon = shared();
    let id = daemon.run_sleeper(&["--volume", "/anonymous", "--volume", "kept:/named"]);
    let container = known(&docker, Kind::CONTAINER, &id).await;
    let anonymous = container
        .relations
        .iter()
        .find(|relation| relation.bond.takes_along())
        .unwrap()
        .native
        .clone();
    assert!(find(&docker, Kind::VOLUME, &anonymous).await.is_some());

    docker.delete(&container.identity, FORCE).await.unwrap();
    assert_eq!(docker.get(&container.identity).await.unwrap(), None);
    assert!(find(&docker, Kind::VOLUME, &anonymous).await.is_none());
    assert!(find(&docker, Kind::VOLUME, "kept").await.is_some());
}

#[tokio::test]
async fn a_network_with_endpoints_is_a_dependency() {
    let docker = backend();
    let daemon = shared();
    let id = daemon.create_network("busy", &["--internal"]);
    let network = known(&docker, Kind::NETWORK, &id).await.identity;
    let dependent = known(
        &docker,
        Kind::CONTAINER,
        &daemon.run_sleeper(&["--network", "busy"]),
    )
    .await
    .identity;
    assert_eq!(
        kind_of(docker.delete(&network, FORCE).await),
        ErrorKind::Dependency
    );
    docker.delete(&dependent, FORCE).await.unwrap();
    docker.delete(&network, GENTLE).await.unwrap();
    assert_eq!(docker.get(&network).await.unwrap(), None);
}

#[tokio::test]
async fn a_network_that_a_container_was_created_on_is_a_dependency() {
    let docker = backend();
    let daemon = shared();
    let id = daemon.create_network("waited-for", &["--internal"]);
    let network = known(&docker, Kind::NETWORK, &id).await.identity;
    let dependent = daemon.create(&["--network", "waited-for"], &["true"]);
    let dependent = known(&docker, Kind::CONTAINER, &dependent).await.identity;
    assert_eq!(
        kind_of(docker.delete(&network, FORCE).await),
        ErrorKind::Dependency
    );
    docker.delete(&dependent, FORCE).await.unwrap();
    docker.delete(&network, GENTLE).await.unwrap();
}

#[tokio::test]
async fn a_volume_in_use_is_a_dependency() {
    let docker = backend();
    let daemon = shared();
    daemon.create_volume("busy", &[]);
    let volume = known(&docker, Kind::VOLUME, "busy").await.identity;
    for dependent in [
        daemon.run_sleeper(&["--volume", "busy:/v"]),
        daemon.create(&["--volume", "busy:/v"], &["true"]),
    ] {
        let dependent = known(&docker, Kind::CONTAINER, &dependent).await.identity;
        assert_eq!(
            kind_of(docker.delete(&volume, FORCE).await),
            ErrorKind::Dependency
        );
        docker.delete(&dependent, FORCE).await.unwrap();
    }
    docker.delete(&volume, GENTLE).await.unwrap();
    assert_eq!(docker.get(&volume).await.unwrap(), None);
}
