//! Deleting images.

use tbengine_dockerd::shared;
use tbengine_sdk::{Backend, DeleteOptions, ErrorKind, Kind, Relation};

use crate::real::support::{FORCE, GENTLE, backend, find, kind_of, known};

#[tokio::test]
async fn an_image_in_use_is_a_dependency_even_with_force() {
    let docker = backend();
    let daemon = shared();
    let id = daemon.create_image("busy-image:1");
    daemon.docker(&["tag", "busy-image:1", "busy-image:2"]);
    let image = known(&docker, Kind::IMAGE, &id).await.identity;
    let running = daemon.docker(&["run", "--detach", "busy-image:1", "sleep", "100000"]);
    let created = daemon.docker(&["create", "busy-image:1", "true"]);
    for dependent in [running, created] {
        assert_eq!(
            kind_of(docker.delete(&image, FORCE).await),
            ErrorKind::Dependency
        );
        let dependent = known(&docker, Kind::CONTAINER, &dependent).await.identity;
        docker.delete(&dependent, FORCE).await.unwrap();
    }
    assert_eq!(
        known(&docker, Kind::IMAGE, &id).await.attrs.get("tags"),
        Some("busy-image:1,busy-image:2")
    );

    let single = daemon.create_image("busy-single:1");
    let image = known(&docker, Kind::IMAGE, &single).await.identity;
    let dependent = daemon.docker(&["create", "busy-single:1", "true"]);
    for options in [GENTLE, FORCE] {
        assert_eq!(
            kind_of(docker.delete(&image, options).await),
            ErrorKind::Dependency
        );
    }
    daemon.docker(&["rm", &dependent]);
    docker.delete(&image, GENTLE).await.unwrap();
    assert_eq!(docker.get(&image).await.unwrap(), None);
}

#[tokio::test]
async fn an_image_with_names_in_several_repositories_goes_without_force() {
    let docker = backend();
    let daemon = shared();
    let id = daemon.create_image("tagged:1");
    daemon.docker(&["tag", "tagged:1", "other/name:2"]);
    daemon.docker(&["tag", "tagged:1", "tagged:2"]);
    let image = known(&docker, Kind::IMAGE, &id).await.identity;
    docker.delete(&image, GENTLE).await.unwrap();
    assert_eq!(docker.get(&image).await.unwrap(), None);
}

#[tokio::test]
async fn a_name_that_the_caller_does_not_know_keeps_the_image_with_all_of_its_names() {
    let docker = backend();
    let daemon = shared();
    let id = daemon.create_image("planned:1");
    daemon.docker(&["tag", "planned:1", "planned:2"]);
    let image = known(&docker, Kind::IMAGE, &id).await.identity;
    for known_names in [vec![], vec!["planned:1".to_owned()]] {
        let options = DeleteOptions {
            just_read: true,
            names: known_names,
            ..FORCE
        };
        let error = docker.delete(&image, options).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Conflict, "{error:?}");
    }
    let names = known(&docker, Kind::IMAGE, &id).await.names;
    assert_eq!(names, ["planned:1", "planned:2"]);
}

#[tokio::test]
async fn an_image_says_when_it_was_tagged_here() {
    let docker = backend();
    let id = shared().create_image("arrived:1");
    let image = known(&docker, Kind::IMAGE, &id).await;
    assert!(image.arrived.is_some(), "{image:?}");
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
    let middle_identity = known(&docker, Kind::IMAGE, &middle).await.identity;
    assert_eq!(
        kind_of(docker.delete(&middle_identity, GENTLE).await),
        ErrorKind::Dependency
    );
    // Moving its tag elsewhere makes it a step between two images.
    daemon.docker(&["tag", daemon.image(), "middle:1"]);

    assert!(find(&docker, Kind::IMAGE, &middle).await.is_none());
    let image = known(&docker, Kind::IMAGE, &top).await;
    assert_eq!(
        image.relations,
        [
            Relation::owns(Kind::IMAGE, &*middle),
            Relation::uses(Kind::IMAGE, &*base)
        ]
    );
    assert_eq!(
        docker
            .get(&image.identity)
            .await
            .unwrap()
            .unwrap()
            .relations,
        image.relations
    );

    docker.delete(&image.identity, GENTLE).await.unwrap();
    assert_eq!(docker.get(&image.identity).await.unwrap(), None);
    assert_eq!(docker.get(&middle_identity).await.unwrap(), None);
    assert!(find(&docker, Kind::IMAGE, &base).await.is_some());
    daemon.docker(&["rmi", "middle:1"]);
}

#[tokio::test]
async fn a_dangling_image_is_listed_and_deleted() {
    let docker = backend();
    let daemon = shared();
    let container = daemon.create(&[], &["true"]);
    let id = daemon.docker(&["commit", "--message", "dangling", &container]);
    let image = known(&docker, Kind::IMAGE, &id).await;
    assert_eq!(
        (image.attrs.get("dangling"), image.name.as_str()),
        (Some("true"), id.as_str())
    );
    docker.delete(&image.identity, GENTLE).await.unwrap();
    assert_eq!(docker.get(&image.identity).await.unwrap(), None);
}
