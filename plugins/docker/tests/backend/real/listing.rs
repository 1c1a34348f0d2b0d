//! What a listing shows of each kind.

use std::collections::BTreeMap;

use serde_json::json;
use tbengine_dockerd::shared;
use tbengine_sdk::{
    Account, Backend, Detail, ErrorKind, FindRequest, Identity, Kind, ListRequest, Owner, State,
    Unit,
};

use crate::real::support::{FORCE, GENTLE, backend, eventually, kind_of, known, listed};

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
    let again = docker.check().await.unwrap();
    assert!(again.now > account.now, "the clock goes on");
    let now = account.now;
    assert_eq!(Account { now, ..again }, account);
    assert_eq!(backend().check().await.unwrap().id, account.id);
}

#[tokio::test]
async fn each_state_of_a_container_is_seen() {
    let docker = backend();
    let daemon = shared();

    let created = known(&docker, Kind::CONTAINER, &daemon.create(&[], &["true"])).await;
    assert_eq!(created.state, State::Created);
    assert_eq!(
        (created.started, created.finished, created.exit_code),
        (None, None, None)
    );
    assert!(created.identity.created.is_some());

    let running = known(
        &docker,
        Kind::CONTAINER,
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
        known(&docker, Kind::CONTAINER, &id).await.state,
        State::Paused
    );

    let exited = known(&docker, Kind::CONTAINER, &daemon.run_to_end(&[], 3)).await;
    assert_eq!((exited.state, exited.exit_code), (State::Exited, Some(3)));
    assert!(exited.started.is_some() && exited.finished.is_some());
    assert_eq!(exited.age_from(), exited.finished);

    let id = daemon.run(&["--restart", "always"], &["false"]);
    eventually("a failing container restarts", async || {
        known(&docker, Kind::CONTAINER, &id).await.state == State::Restarting
    })
    .await;
    let restarting = known(&docker, Kind::CONTAINER, &id).await;
    assert_eq!(restarting.attrs.get("restart-policy"), Some("always"));

    let id = daemon.run_sleeper(&["--rm"]);
    assert_eq!(
        known(&docker, Kind::CONTAINER, &id)
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
    for kind in docker.capabilities().words() {
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
            assert!(resource.born().is_some(), "{resource:?}");
            if kind != Kind::CONTAINER {
                assert_eq!(
                    (again.relations, again.attrs),
                    (resource.relations, resource.attrs)
                );
            }
            seen += 1;
        }
    }
    assert!(seen >= 5);
    let network = listed(&docker, Kind::NETWORK)
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
        known(&docker, Kind::VOLUME, "agree").await.unit,
        Some(Unit("shop".into()))
    );
    assert_eq!(
        known(&docker, Kind::IMAGE, &image).await.attrs.get("tags"),
        Some("agree:1")
    );
}

#[tokio::test]
async fn predefined_networks_are_not_listed() {
    let docker = backend();
    let names: Vec<String> = listed(&docker, Kind::NETWORK)
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
        kind: Kind::NETWORK,
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
    let container = known(&docker, Kind::CONTAINER, reply["Id"].as_str().unwrap()).await;
    for (key, value) in &hostile {
        assert_eq!(container.labels.get(key), Some(value.as_str()), "{key}");
    }
    docker.delete(&container.identity, GENTLE).await.unwrap();
}

#[tokio::test]
async fn what_rules_about_owners_need_is_offered() {
    let docker = backend();
    let daemon = shared();
    let label = |key: &str, value: &str| format!("{key}={value}");
    let project = label("com.docker.compose.project", "hello__dqmfgz2__env");
    let service = label("com.docker.compose.service", "main");
    let number = label("com.docker.compose.container-number", "1");
    let labels = [&project, &service, &number].map(|label| ["--label", label]);
    let options = [labels.as_flattened(), &["--workdir", "/code"]].concat();
    let harbor = daemon.create(&options, &["sleep", "secret"]);
    let harbor = known(&docker, Kind::CONTAINER, &harbor).await;
    // Whose it is, the host finds out.
    assert_eq!(harbor.owner, Owner::Unknown);
    assert_eq!(harbor.attrs.get("program"), Some("sleep"));
    assert_eq!(harbor.attrs.get("working-dir"), Some("/code"));
    // Arguments may hold secrets.
    assert!(
        !harbor
            .attrs
            .iter()
            .any(|(_, value)| value.contains("secret"))
    );
    assert_eq!(harbor.unit, Some(Unit("hello__dqmfgz2__env".into())));
    assert_eq!(harbor.attrs.get("image"), Some(daemon.image()));

    // Compose labels the images that it builds, and whatever is run from one inherits that.
    let plain = daemon.create(&[], &["true"]);
    let labelled = format!("LABEL {project} {service}");
    daemon.docker(&["commit", "--change", &labelled, &plain, "hb__looked-into"]);
    let look = daemon.docker(&["create", "hb__looked-into", "true"]);
    let look = known(&docker, Kind::CONTAINER, &look).await;
    assert_eq!(look.labels.get("com.docker.compose.service"), Some("main"));
    assert_eq!(look.unit, None);

    let ours = daemon.create(&["--label", "tbengine.run-id=r-1"], &["true"]);
    let ours = known(&docker, Kind::CONTAINER, &ours).await;
    assert_eq!(ours.labels.get("tbengine.run-id"), Some("r-1"));

    let image = daemon.create_image("tb__hello__client:latest");
    let image = known(&docker, Kind::IMAGE, &image).await;
    assert_eq!(image.attrs.get("tags"), Some("tb__hello__client:latest"));
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
            (Kind::CONTAINER, id.as_str(), 11_000),
            (Kind::VOLUME, "sized", 11_000),
            (Kind::IMAGE, &image, 500_000),
        ] {
            let page = docker
                .list(ListRequest {
                    detail: match sizes {
                        true => Detail::Sizes,
                        false => Detail::Facts,
                    },
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
                // Those of images are in every listing.
                sizes || kind == Kind::IMAGE,
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
        listed(&docker, Kind::CONTAINER).await;
    }
    removal.await.unwrap();
    assert!(
        listed(&docker, Kind::CONTAINER)
            .await
            .iter()
            .all(|container| !ids.contains(&container.identity.native))
    );
}

#[tokio::test]
async fn what_a_listing_of_identities_leaves_out_is_gone_and_it_takes_one_request() {
    let docker = backend();
    let daemon = shared();
    let container = daemon.create(&["--name", "identified"], &["true"]);
    let network = daemon.create_network("identified", &["--internal"]);
    daemon.create_volume("identified", &[]);
    for (kind, native) in [
        (Kind::CONTAINER, &*container),
        (Kind::NETWORK, &network),
        (Kind::VOLUME, "identified"),
    ] {
        let identity = known(&docker, kind, native).await.identity;
        let identities = async || {
            let request = ListRequest {
                detail: Detail::Identity,
                ..ListRequest::first(kind)
            };
            docker.list(request).await.unwrap()
        };
        let page = identities().await;
        assert_eq!(page.unreadable, []);
        let mut shown = page.resources.iter();
        let shown = shown.find(|one| one.identity.native == native);
        let shown = &shown.expect("it is there").identity;
        assert!(shown.created.is_none() || shown.created == identity.created);
        assert_eq!(shown.account, identity.account);
        docker.delete(&identity, FORCE).await.unwrap();
        let page = identities().await;
        let mut shown = page.resources.iter();
        assert!(!shown.any(|one| one.identity.native == native), "{kind}");
        assert_eq!(docker.get(&identity).await.unwrap(), None);
    }
    // Steps of a build, which other listings leave out, can be read.
    let images = ListRequest {
        detail: Detail::Identity,
        ..ListRequest::first(Kind::IMAGE)
    };
    let all = docker.list(images).await.unwrap().resources;
    for image in listed(&docker, Kind::IMAGE).await {
        assert!(all.iter().any(|one| one.identity == image.identity));
    }
}

#[tokio::test]
async fn what_people_mean_is_found_by_name_and_by_the_beginning_of_an_id() {
    let docker = backend();
    let daemon = shared();
    let id = daemon.create(&["--name", "sought"], &["true"]);
    let other = daemon.create(&["--name", "sought-too"], &["true"]);
    let find = async |name: &str, kinds: &[Kind]| {
        let request = FindRequest {
            name: name.into(),
            kinds: kinds.to_vec(),
        };
        let found = docker.find(request).await.unwrap();
        let natives = found.into_iter().map(|one| one.identity.native);
        natives.collect::<Vec<_>>()
    };
    for name in ["sought", &id, &id[..12]] {
        assert_eq!(find(name, &[]).await, [&*id], "{name}");
        assert_eq!(find(name, &[Kind::CONTAINER]).await, [&*id], "{name}");
    }
    assert_eq!(find(&other[..20], &[]).await, [other]);
    for (name, kinds) in [
        ("sough", &[][..]),
        ("", &[]),
        ("..", &[]),
        ("sought/../sought-too", &[]),
        ("sought", &[Kind::IMAGE, Kind::VOLUME]),
    ] {
        assert_eq!(find(name, kinds).await, [""; 0], "{name}");
    }
    // An image by its tag, with and without `latest`.
    let image = daemon.inspect(daemon.image(), "{{.Id}}").unwrap();
    assert_eq!(find(daemon.image(), &[]).await, [&*image]);
    let digits = image.trim_start_matches("sha256:");
    assert_eq!(find(&digits[..12], &[Kind::IMAGE]).await, [image]);
}

#[tokio::test]
async fn the_disk_of_a_daemon_on_this_machine_is_that_of_its_directory() {
    let directory = shared().docker(&["info", "--format", "{{.DockerRootDir}}"]);
    let disks = backend().disks().await.unwrap();
    let [disk] = &disks[..] else {
        panic!("one disk, and not {disks:?}")
    };
    assert_eq!(disk.name, directory);
    assert!(disk.total_bytes > disk.free_bytes && disk.free_bytes > 0);
}
