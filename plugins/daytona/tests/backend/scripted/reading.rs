//! Reading one resource: what proves that it is gone.

use serde_json::json;
use tbengine_sdk::{Backend, ErrorKind, Kind, Resource, Result, State};

use crate::scripted::server::{
    Answer, ID, ORGANIZATION, OTHER, Server, is_read, missing, ok, page, refused, sandbox, target,
};

async fn get(server: &Server) -> Result<Option<Resource>> {
    server.backend().get(&target(Kind::SANDBOX, ID)).await
}

#[tokio::test]
async fn a_read_shows_the_state() {
    for (state, desired, want) in [
        ("started", "started", Some(State::Running)),
        ("started", "destroyed", Some(State::Removing)),
        ("destroying", "destroyed", Some(State::Removing)),
        ("stopping", "stopped", Some(State::Running)),
        ("destroyed", "destroyed", None),
        ("error", "started", Some(State::Failed)),
    ] {
        let server =
            Server::start(move |line| is_read(line).then(|| ok(sandbox(state, desired)))).await;
        let found = get(&server).await.unwrap();
        assert_eq!(found.map(|found| found.state), want, "{state}");
    }
}

#[tokio::test]
async fn only_what_is_neither_readable_nor_hidden_is_gone() {
    let server = Server::start(|line| is_read(line).then(missing)).await;
    assert_eq!(get(&server).await.unwrap(), None);
    assert_eq!(
        server.lines(),
        [
            format!("GET /api/sandbox/{ID}"),
            format!("GET /api/sandbox?id={ID}&includeErroredDeleted=true"),
        ]
    );
}

#[tokio::test]
async fn what_a_deletion_only_hid_is_still_there() {
    let server = Server::start(|line| match line {
        line if is_read(line) => Some(missing()),
        line if line.contains("id=") => Some(page(vec![sandbox("error", "destroyed")], None)),
        _ => None,
    })
    .await;
    let found = get(&server).await.unwrap().unwrap();
    assert_eq!(found.state, State::Failed);
    assert_eq!(found.attrs.get("hidden"), Some("true"));
}

#[tokio::test]
async fn a_listing_that_lags_behind_proves_nothing() {
    for state in ["started", "destroying", "stopped"] {
        let server = Server::start(move |line| match line {
            line if is_read(line) => Some(missing()),
            line if line.contains("id=") => Some(page(vec![sandbox(state, "destroyed")], None)),
            _ => None,
        })
        .await;
        assert_eq!(get(&server).await.unwrap(), None, "{state}");
    }
}

#[tokio::test]
async fn a_filter_that_is_ignored_does_not_find_another_one() {
    let server = Server::start(|line| match line {
        line if is_read(line) => Some(missing()),
        line if line.contains("id=") => {
            let mut other = sandbox("error", "destroyed");
            other["id"] = json!(OTHER);
            Some(page(vec![other], None))
        }
        _ => None,
    })
    .await;
    assert_eq!(get(&server).await.unwrap(), None);
}

#[tokio::test]
async fn if_the_confirming_read_fails_nothing_is_proven() {
    let server = Server::start(|line| match line {
        line if is_read(line) => Some(missing()),
        line if line.contains("id=") => Some(refused(500, "An unexpected error occurred.")),
        _ => None,
    })
    .await;
    assert_eq!(get(&server).await.unwrap_err().kind, ErrorKind::Transient);
}

#[tokio::test]
async fn a_sandbox_that_is_named_like_the_id_is_another_one() {
    let server = Server::start(|line| {
        is_read(line).then(|| {
            let mut other = sandbox("started", "started");
            other["id"] = json!(OTHER);
            other["name"] = json!(ID);
            ok(other)
        })
    })
    .await;
    assert_eq!(get(&server).await.unwrap(), None);
}

#[tokio::test]
async fn names_never_reach_the_service() {
    let server = Server::start(|_| None).await;
    let backend = server.backend();
    for name in [
        "my-sandbox",
        "",
        "../api-keys",
        &ID[..35],
        &format!("{ID}/stop"),
    ] {
        for kind in [Kind::SANDBOX, Kind::SNAPSHOT, Kind::VOLUME] {
            let named = target(kind, name);
            let read = backend.get(&named).await.unwrap_err();
            let deleted = backend
                .delete(&named, Default::default())
                .await
                .unwrap_err();
            assert_eq!(
                (read.kind, deleted.kind),
                (ErrorKind::Invalid, ErrorKind::Invalid)
            );
        }
        let stopped = backend
            .stop(&target(Kind::SANDBOX, name), Default::default())
            .await;
        assert_eq!(stopped.unwrap_err().kind, ErrorKind::Invalid);
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn what_a_gateway_says_proves_nothing_and_stops_nothing() {
    for (status, body) in [
        (404, ""),
        (404, "<html>404</html>"),
        (404, "{\"message\":\"no Route matched\"}"),
        // Cut off in the middle.
        (404, "{\"path\":\"/api/sandb"),
        (403, "<html>blocked</html>"),
        (405, ""),
        (200, "<html>200</html>"),
    ] {
        let server = Server::start(move |line| {
            is_read(line).then(|| Answer::Status(status, String::new(), body.to_owned()))
        })
        .await;
        assert_eq!(
            get(&server).await.unwrap_err().kind,
            ErrorKind::Transient,
            "{body}"
        );
    }
}

#[tokio::test]
async fn an_answer_without_an_id_proves_nothing() {
    let server = Server::start(|line| is_read(line).then(|| ok(json!({ "name": "x" })))).await;
    assert_eq!(get(&server).await.unwrap_err().kind, ErrorKind::Internal);
}

#[tokio::test]
async fn snapshots_and_volumes_are_read_by_id() {
    let server = Server::start(|line| {
        let one = |state: &str| {
            json!({
                "id": ID, "organizationId": ORGANIZATION, "general": false, "name": "n", "state": state,
            })
        };
        match line {
            line if line == format!("GET /api/snapshots/{ID}") => Some(ok(one("removing"))),
            line if line == format!("GET /api/snapshots/{OTHER}") => {
                Some(refused(404, "Snapshot with ID x not found"))
            }
            line if line == format!("GET /api/volumes/{ID}") => Some(ok(one("pending_delete"))),
            line if line == format!("GET /api/volumes/{OTHER}") => {
                let mut deleted = one("deleted");
                deleted["id"] = json!(OTHER);
                Some(ok(deleted))
            }
            _ => None,
        }
    })
    .await;
    let backend = server.backend();
    for kind in [Kind::SNAPSHOT, Kind::VOLUME] {
        let found = backend.get(&target(kind, ID)).await.unwrap().unwrap();
        assert_eq!(found.state, State::Removing);
        assert_eq!(backend.get(&target(kind, OTHER)).await.unwrap(), None);
    }
}
