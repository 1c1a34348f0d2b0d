//! What a listing makes of what it is given.

use serde_json::json;
use tbengine_sdk::{Backend, Kind, ListRequest, State};

use crate::scripted::support::{ID, Server, container, ok, target};

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
