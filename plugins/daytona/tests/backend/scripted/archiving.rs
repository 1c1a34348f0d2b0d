//! Archiving: only what is stopped goes to cold storage, and what never can is said before it is ended.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tbengine_sdk::{Backend, ErrorKind, Kind, Result, StopOptions};

use crate::scripted::server::{Answer, ID, Server, is_read, missing, ok, refused, sandbox, target};

async fn archive(server: &Server) -> Result<()> {
    let taken = server.backend().archive(&target(Kind::SANDBOX, ID)).await;
    taken.map(drop)
}

fn is_archive(line: &str) -> bool {
    line == format!("POST /api/sandbox/{ID}/archive")
}

fn ephemeral(state: &str) -> Value {
    let mut sandbox = sandbox(state, state);
    sandbox["autoDeleteInterval"] = 0.into();
    sandbox
}

#[tokio::test]
async fn what_is_stopped_is_archived_after_it_was_read() {
    let server = Server::start(|_| None).await;
    archive(&server).await.unwrap();
    assert_eq!(
        server.lines(),
        [
            format!("GET /api/sandbox/{ID}"),
            format!("POST /api/sandbox/{ID}/archive"),
        ]
    );
}

#[tokio::test]
async fn what_is_archived_or_on_its_way_is_not_archived_again() {
    for (state, desired) in [
        ("archived", "archived"),
        ("archiving", "archived"),
        // The runner has not begun.
        ("stopped", "archived"),
    ] {
        let server =
            Server::start(move |line| is_read(line).then(|| ok(sandbox(state, desired)))).await;
        archive(&server).await.unwrap();
        assert_eq!(server.changes(), [""; 0], "{state}");
    }
}

#[tokio::test]
async fn what_is_in_another_state_is_left_alone() {
    for (state, desired, kind) in [
        ("started", "started", ErrorKind::Conflict),
        ("paused", "paused", ErrorKind::Conflict),
        ("stopping", "stopped", ErrorKind::Conflict),
        ("archived", "started", ErrorKind::Conflict),
        ("error", "started", ErrorKind::Unsupported),
        ("destroying", "destroyed", ErrorKind::InProgress),
        ("archived", "destroyed", ErrorKind::InProgress),
    ] {
        let server =
            Server::start(move |line| is_read(line).then(|| ok(sandbox(state, desired)))).await;
        let error = archive(&server).await.unwrap_err();
        assert_eq!(error.kind, kind, "{state}: {error}");
        assert_eq!(server.changes(), [""; 0], "{state}");
    }
}

#[tokio::test]
async fn an_ephemeral_one_is_refused_also_while_it_runs() {
    for state in ["started", "stopped"] {
        let server = Server::start(move |line| is_read(line).then(|| ok(ephemeral(state)))).await;
        let error = archive(&server).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert!(error.message.contains("stopping deletes them"), "{error}");
        assert_eq!(server.changes(), [""; 0]);
    }
}

#[tokio::test]
async fn the_read_of_a_refusal_serves_the_stop_that_follows() {
    let server =
        Server::start(|line| is_read(line).then(|| ok(sandbox("started", "started")))).await;
    let backend = server.backend();
    let target = target(Kind::SANDBOX, ID);
    assert_eq!(
        backend.archive(&target).await.unwrap_err().kind,
        ErrorKind::Conflict
    );
    backend.stop(&target, StopOptions::default()).await.unwrap();
    assert_eq!(
        server.lines(),
        [
            format!("GET /api/sandbox/{ID}"),
            format!("POST /api/sandbox/{ID}/stop"),
        ]
    );
}

#[tokio::test]
async fn each_refusal_of_an_archiving() {
    let busy = "Sandbox state change in progress";
    for (status, message, then, want) in [
        (
            400,
            "Sandbox is not stopped",
            ("started", "started"),
            Some(ErrorKind::Conflict),
        ),
        (
            400,
            "Sandbox is not stopped",
            ("archived", "archived"),
            None,
        ),
        (
            400,
            "Ephemeral sandboxes cannot be archived",
            ("stopped", "stopped"),
            Some(ErrorKind::Unsupported),
        ),
        (
            403,
            "Access denied",
            ("stopped", "stopped"),
            Some(ErrorKind::Forbidden),
        ),
        (409, busy, ("stopped", "archived"), None),
        (409, busy, ("archiving", "archived"), None),
        (
            409,
            busy,
            ("starting", "started"),
            Some(ErrorKind::Transient),
        ),
        (
            409,
            busy,
            ("destroying", "destroyed"),
            Some(ErrorKind::InProgress),
        ),
        (
            500,
            "An unexpected error occurred.",
            ("stopped", "stopped"),
            Some(ErrorKind::Transient),
        ),
    ] {
        let reads = AtomicUsize::new(0);
        let server = Server::start(move |line| match line {
            line if is_archive(line) => Some(refused(status, message)),
            line if is_read(line) && reads.fetch_add(1, Ordering::Relaxed) > 0 => {
                Some(ok(sandbox(then.0, then.1)))
            }
            _ => None,
        })
        .await;
        let answer = archive(&server).await.map_err(|error| error.kind);
        assert_eq!(answer.err(), want, "{status} {message} {then:?}");
        assert_eq!(server.changes().len(), 1);
    }
}

#[tokio::test]
async fn what_is_gone_or_no_sandbox_is_not_archived() {
    let gone = |line: &str| -> Option<Answer> { is_read(line).then(missing) };
    let server = Server::start(gone).await;
    assert_eq!(
        archive(&server).await.unwrap_err().kind,
        ErrorKind::NotFound
    );
    for kind in [Kind::SNAPSHOT, Kind::VOLUME, Kind::NETWORK] {
        let error = server
            .backend()
            .archive(&target(kind, ID))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported, "{kind}");
    }
    assert_eq!(server.changes(), [""; 0]);
}
