//! What a listing makes of what it is given.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tbengine_sdk::{Backend, ErrorKind, Kind, ListRequest, Relation, State};

use crate::scripted::support::{Answer, ID, Server, container, ok, refused, target};

/// The id of a container by its number.
fn id(number: usize) -> String {
    format!("{number:064x}")
}

/// One of a listing.
fn listed(number: usize) -> Value {
    json!({
        "Id": id(number), "Names": ["/c"], "Image": "busybox:1", "ImageID": format!("sha256:{ID}"), "State": "exited",
        "Created": 1_700_000_000, "Labels": { "team": "evals" }, "SizeRw": -1,
        "Mounts": [{ "Type": "volume", "Name": "data" }, { "Type": "volume", "Name": ID }],
        "NetworkSettings": { "Networks": { "n": { "NetworkID": ID } } },
    })
}

/// A daemon with so many containers, whose inspections are answered so; `None` is as a healthy one does.
async fn daemon(
    count: usize,
    inspection: impl Fn(usize) -> Option<Answer> + Send + Sync + 'static,
) -> Server {
    Server::start(move |line| {
        if line == "GET /v1.41/containers/json?all=1" {
            let all: Vec<Value> = (0..count).map(listed).collect();
            return Some(ok(json!(all)));
        }
        let shown = line.strip_prefix("GET /v1.41/containers/")?;
        let shown = shown.strip_suffix("/json")?;
        let number = usize::from_str_radix(shown, 16).ok()?;
        inspection(number).or_else(|| {
            let mut whole = container(json!({ "Status": "exited" }));
            whole["Id"] = json!(shown);
            Some(ok(whole))
        })
    })
    .await
}

#[tokio::test]
async fn a_container_that_cannot_be_inspected_is_damaged_and_the_others_are_whole() {
    let broken = || refused(500, "layer does not exist");
    let server = daemon(5, move |number| (number == 3).then(broken)).await;
    let docker = server.backend();
    let page = docker
        .list(ListRequest::first(Kind::CONTAINER))
        .await
        .unwrap();
    assert!(page.unreadable.is_empty());
    let damaged: Vec<bool> = page
        .resources
        .iter()
        .map(|one| one.damaged.is_some())
        .collect();
    assert_eq!(damaged, [false, false, false, true, false]);
    let one = &page.resources[3];
    let damage = one.damaged.as_ref().unwrap();
    assert!(
        damage.message.contains("layer does not exist"),
        "{damage:?}"
    );
    assert_eq!((one.name.as_str(), one.state), ("c", State::Exited));
    assert_eq!(one.labels.get("team"), Some("evals"));
    // Whether a volume would go along is not known, so none does.
    for used in [
        Relation::uses(Kind::VOLUME, "data"),
        Relation::uses(Kind::VOLUME, ID),
        Relation::uses(Kind::NETWORK, ID),
        Relation::uses(Kind::IMAGE, format!("sha256:{ID}")),
    ] {
        assert!(
            one.relations.contains(&used),
            "{used:?}: {:?}",
            one.relations
        );
    }
    // A step on it reads the same.
    let read = docker.get(&one.identity).await.unwrap().unwrap();
    assert_eq!(
        (&read.identity, &read.damaged),
        (&one.identity, &one.damaged)
    );
}

#[tokio::test]
async fn an_inspection_that_hangs_costs_one_container_and_ten_seconds() {
    let server = daemon(30, |number| (number == 0).then_some(Answer::Nothing)).await;
    let begins = Instant::now();
    let page = server
        .backend()
        .list(ListRequest::first(Kind::CONTAINER))
        .await
        .unwrap();
    assert!(
        begins.elapsed() < Duration::from_secs(20),
        "{:?}",
        begins.elapsed()
    );
    let damaged = page.resources.iter().filter(|one| one.damaged.is_some());
    assert_eq!((damaged.count(), page.resources.len()), (1, 30));
    assert!(page.resources[0].damaged.is_some());
}

#[tokio::test]
async fn passing_faults_of_inspections_are_tried_again_there_and_then() {
    let count = AtomicUsize::new(0);
    let server = daemon(60, move |_| {
        // Two of sixteen, one of them a connection that breaks.
        match count.fetch_add(1, Ordering::Relaxed) % 16 {
            3 => Some(refused(500, "busy")),
            9 => Some(Answer::Bytes(Vec::new())),
            _ => None,
        }
    })
    .await;
    let page = server
        .backend()
        .list(ListRequest::first(Kind::CONTAINER))
        .await
        .unwrap();
    assert_eq!(page.resources.len(), 60);
    assert!(page.resources.iter().all(|one| one.damaged.is_none()));
}

#[tokio::test]
async fn a_daemon_that_goes_away_makes_no_damaged_containers() {
    let server = daemon(5, |_| Some(refused(503, "away"))).await;
    let listed = server
        .backend()
        .list(ListRequest::first(Kind::CONTAINER))
        .await;
    assert_eq!(listed.unwrap_err().kind, ErrorKind::Unavailable);
}

#[tokio::test]
async fn one_odd_item_of_a_listing_spoils_none_of_the_others() {
    let odd = json!({ "Id": ID, "Name": "odd", "Labels": 7 });
    let image =
        json!({ "Id": format!("sha256:{ID}"), "RepoTags": ["a:1"], "Created": 1, "Size": -1 });
    let volume = json!({ "Name": "fine", "CreatedAt": "2026-01-02T03:04:05Z" });
    let network = json!({ "Id": ID, "Name": "fine", "Created": "2026-01-02T03:04:05Z" });
    for (kind, path, body) in [
        (Kind::IMAGE, "images/json?all=1", json!([odd, image])),
        (Kind::VOLUME, "volumes", json!({ "Volumes": [odd, volume] })),
        (Kind::NETWORK, "networks", json!([odd, network])),
        (
            Kind::CONTAINER,
            "containers/json?all=1",
            json!([odd, listed(1)]),
        ),
    ] {
        let path = format!("GET /v1.41/{path}");
        let server = Server::start(move |line| {
            let mut whole = container(json!({ "Status": "exited" }));
            whole["Id"] = json!(id(1));
            match line {
                line if line == path => Some(ok(body.clone())),
                line if line.contains(&id(1)) => Some(ok(whole)),
                line if line.contains("images/sha256") => Some(ok(
                    json!({ "Id": format!("sha256:{ID}"), "RepoTags": ["a:1"] }),
                )),
                _ => None,
            }
        })
        .await;
        let page = server
            .backend()
            .list(ListRequest::first(kind))
            .await
            .unwrap();
        assert_eq!(
            (page.resources.len(), page.unreadable.len()),
            (1, 1),
            "{kind}"
        );
        assert_eq!(page.resources[0].usage.disk_bytes, None, "{kind}");
    }
}

/// They are in the listing anyway, so no policy has to ask for them.
#[tokio::test]
async fn images_have_their_sizes_unless_the_daemon_does_not_know_them() {
    let ids = [1, 2].map(|number| format!("sha256:{}", id(number)));
    let images = json!([
        { "Id": ids[0], "RepoTags": ["a:1"], "Created": 1, "Size": 43_925_331 },
        { "Id": ids[1], "RepoTags": ["b:1"], "Created": 1, "Size": -1 },
    ]);
    let server = Server::start(move |line| match line {
        "GET /v1.41/images/json?all=1" => Some(ok(images.clone())),
        inspected => {
            let id = inspected.strip_prefix("GET /v1.41/images/")?;
            let id = id.split('/').next()?;
            Some(ok(json!({ "Id": id })))
        }
    })
    .await;
    let page = server
        .backend()
        .list(ListRequest::first(Kind::IMAGE))
        .await
        .unwrap();
    let mut sizes: Vec<_> = page
        .resources
        .iter()
        .map(|one| one.usage.disk_bytes)
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [None, Some(43_925_331)]);
}

#[tokio::test]
async fn a_first_listing_takes_few_requests() {
    let server =
        Server::start(|line| (line == "GET /v1.41/containers/json?all=1").then(|| ok(json!([]))))
            .await;
    let docker = server.backend();
    docker.check().await.unwrap();
    docker
        .list(ListRequest::first(Kind::CONTAINER))
        .await
        .unwrap();
    let mut requests = server.requests();
    requests.sort_unstable();
    assert_eq!(
        requests,
        [
            "GET /info",
            "GET /networks/bridge",
            "GET /v1.41/containers/json?all=1"
        ]
    );
}

#[tokio::test]
async fn a_check_and_listings_at_once_ask_who_the_daemon_is_once() {
    let server = Server::start(|_| None).await;
    let docker = server.backend();
    let (account, page) = tokio::join!(
        docker.check(),
        docker.list(ListRequest::first(Kind::CONTAINER))
    );
    assert_eq!(
        page.unwrap().resources[0].identity.account,
        account.unwrap().id
    );
    let asked = || {
        let requests = server.requests();
        requests.iter().filter(|line| *line == "GET /info").count()
    };
    assert_eq!(asked(), 1);
    // A probe is never answered from memory.
    docker.check().await.unwrap();
    assert_eq!(asked(), 2);
}

#[tokio::test]
async fn unknown_states_are_unknown_and_one_of_them_spoils_no_listing() {
    for (state, want) in [
        (json!({ "Status": "frobnicated" }), State::Unknown),
        (json!({ "Status": "" }), State::Unknown),
        (json!({ "Status": null }), State::Unknown),
        (json!(null), State::Unknown),
        (json!({ "Status": "dead", "ExitCode": 137 }), State::Dead),
        (json!({ "Status": "removing" }), State::Removing),
        (json!({ "Status": "stopping" }), State::Running),
    ] {
        let inspected = container(state.clone());
        let path = format!("GET /v1.41/containers/{ID}/json");
        let server = Server::start(move |line| (line == path).then(|| ok(inspected.clone()))).await;
        let page = server
            .backend()
            .list(ListRequest::first(Kind::CONTAINER))
            .await
            .unwrap();
        assert_eq!(page.resources[0].state, want, "{state}");
    }
}

#[tokio::test]
async fn absent_null_and_zero_fields_are_no_facts() {
    let inspected = json!({
        "Id": ID, "Created": "0001-01-01T00:00:00Z",
        "State": { "Status": "exited", "ExitCode": null, "StartedAt": "0001-01-01T00:00:00Z", "FinishedAt": "nonsense" },
        "Config": null, "HostConfig": { "Binds": null, "RestartPolicy": { "Name": "" } },
        "NetworkSettings": { "Networks": null },
    });
    let path = format!("GET /v1.41/containers/{ID}/json");
    let server = Server::start(move |line| (line == path).then(|| ok(inspected.clone()))).await;
    let found = server.backend().get(&target()).await.unwrap().unwrap();
    assert_eq!(
        (
            found.identity.created,
            found.started,
            found.finished,
            found.exit_code
        ),
        (None, None, None, None)
    );
    assert!(found.labels.is_empty() && found.attrs.is_empty() && found.relations.is_empty());

    let server =
        Server::start(|line| line.starts_with("GET /v1.41").then(|| ok(json!(null)))).await;
    let docker = server.backend();
    for kind in [Kind::CONTAINER, Kind::NETWORK, Kind::IMAGE] {
        assert!(
            docker
                .list(ListRequest::first(kind))
                .await
                .unwrap()
                .resources
                .is_empty()
        );
    }
}
