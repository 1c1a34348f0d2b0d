//! Deleting: every answer of the service, and what it means.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tbengine_sdk::{Backend, DeleteOptions, ErrorKind, Kind, Result, State, StopOptions, Taken};

use crate::scripted::server::{
    Answer, ID, ORGANIZATION, OTHER, Server, changing, is_read, missing, ok, page, refused,
    refused_with, sandbox, target,
};
use crate::scripted::stopping::stop;

const FORCE: DeleteOptions = DeleteOptions::FORCE;
const GENTLE: DeleteOptions = DeleteOptions::GENTLE;

async fn delete(server: &Server, options: DeleteOptions) -> Result<()> {
    server
        .backend()
        .delete(&target(Kind::SANDBOX, ID), options)
        .await
        .map(drop)
}

/// What is said of a deletion that only hides.
async fn surrendered(server: &Server, options: DeleteOptions) -> String {
    let target = target(Kind::SANDBOX, ID);
    let answer = server.backend().delete(&target, options).await;
    let Ok(Taken::Surrendered { message }) = answer else {
        panic!("{answer:?}");
    };
    message
}

fn is_delete(line: &str) -> bool {
    line == format!("DELETE /api/sandbox/{ID}")
}

fn is_confirming_read(line: &str) -> bool {
    line.starts_with(&format!("GET /api/sandbox?id={ID}"))
}

#[tokio::test]
async fn a_deletion_follows_a_read_and_the_engines_own_counts() {
    let server = Server::start(|_| None).await;
    let backend = server.backend();
    let target = target(Kind::SANDBOX, ID);
    let (read, deletion) = (
        format!("GET /api/sandbox/{ID}"),
        format!("DELETE /api/sandbox/{ID}"),
    );
    backend.delete(&target, FORCE).await.unwrap();
    assert_eq!(server.lines(), [read.as_str(), &deletion]);
    // The service said that it is being destroyed, and that is not asked again at once.
    let found = backend.get(&target).await.unwrap().unwrap();
    assert_eq!(found.state, State::Removing);
    assert_eq!(server.lines().len(), 2);
    let other = server.backend();
    other.get(&target).await.unwrap();
    other.delete(&target, GENTLE).await.unwrap();
    assert_eq!(server.lines()[2..], [read, deletion]);
}

#[tokio::test]
async fn one_that_is_named_like_a_gone_id_is_left_alone() {
    let server = Server::start(|line| {
        is_read(line).then(|| {
            let mut other = sandbox("started", "started");
            other["id"] = json!(OTHER);
            other["name"] = json!(ID);
            ok(other)
        })
    })
    .await;
    assert_eq!(
        delete(&server, FORCE).await.unwrap_err().kind,
        ErrorKind::NotFound
    );
    assert_eq!(
        stop(&server, true).await.unwrap_err().kind,
        ErrorKind::NotFound
    );
    assert!(server.lines().iter().all(|line| line.starts_with("GET ")));
}

#[tokio::test]
async fn without_force_what_runs_is_left_alone() {
    for state in ["started", "stopping", "paused", "creating", "pausing"] {
        let server = Server::start(move |line| is_read(line).then(|| ok(sandbox(state, "")))).await;
        assert_eq!(
            delete(&server, GENTLE).await.unwrap_err().kind,
            ErrorKind::Conflict,
            "{state}"
        );
        assert!(
            !server.lines().iter().any(|line| is_delete(line)),
            "{state}"
        );
    }
    for state in ["stopped", "archived", "archiving"] {
        let server = Server::start(move |line| is_read(line).then(|| ok(sandbox(state, "")))).await;
        delete(&server, GENTLE).await.unwrap();
        assert!(server.lines().iter().any(|line| is_delete(line)), "{state}");
    }
}

#[tokio::test]
async fn what_is_being_deleted_is_not_deleted_again() {
    let server =
        Server::start(|line| is_read(line).then(|| ok(sandbox("destroying", "destroyed")))).await;
    assert_eq!(
        delete(&server, GENTLE).await.unwrap_err().kind,
        ErrorKind::InProgress
    );
    assert!(!server.lines().iter().any(|line| is_delete(line)));
}

#[tokio::test]
async fn a_deletion_that_only_hides_is_no_deletion() {
    for (state, after) in [("error", "7 days"), ("build_failed", "24 hours")] {
        let server =
            Server::start(move |line| is_delete(line).then(|| ok(sandbox(state, "destroyed"))))
                .await;
        let message = surrendered(&server, FORCE).await;
        assert!(message.contains("only hides it"), "{state}: {message}");
        assert!(message.contains(after), "{message}");
    }
}

#[tokio::test]
async fn deleting_what_is_hidden_says_so() {
    fn script(line: &str) -> Option<Answer> {
        match line {
            line if is_delete(line) || is_read(line) => Some(missing()),
            line if is_confirming_read(line) => {
                Some(page(vec![sandbox("error", "destroyed")], None))
            }
            _ => None,
        }
    }
    for options in [FORCE, GENTLE] {
        let server = Server::start(script).await;
        surrendered(&server, options).await;
        assert_eq!(server.changes(), [""; 0]);
    }
    let server = Server::start(changing(script)).await;
    surrendered(&server, FORCE).await;
    assert_eq!(server.changes().len(), 1);
}

#[tokio::test]
async fn deleting_what_is_gone_is_not_found() {
    fn script(line: &str) -> Option<Answer> {
        (is_delete(line) || is_read(line)).then(missing)
    }
    for options in [FORCE, GENTLE] {
        let server = Server::start(script).await;
        let error = delete(&server, options).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert_eq!(server.changes(), [""; 0]);
    }
    let server = Server::start(changing(script)).await;
    let error = delete(&server, FORCE).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert_eq!(server.changes().len(), 1);
}

#[tokio::test]
async fn a_conflict_is_looked_into() {
    for (state, desired, kind) in [
        ("destroying", "destroyed", ErrorKind::InProgress),
        ("started", "destroyed", ErrorKind::InProgress),
        ("creating", "started", ErrorKind::Transient),
        ("stopping", "stopped", ErrorKind::Transient),
    ] {
        let server = Server::start(changing(move |line| match line {
            line if is_delete(line) => Some(refused(409, "Sandbox state change in progress")),
            line if is_read(line) => Some(ok(sandbox(state, desired))),
            _ => None,
        }))
        .await;
        let error = delete(&server, FORCE).await.unwrap_err();
        assert_eq!(error.kind, kind, "{state}: {error}");
        if kind == ErrorKind::Transient {
            assert!(
                error.message.ends_with(&format!("(it is {state})")),
                "{error}"
            );
        }
    }
    let server = Server::start(changing(|line| match line {
        line if is_delete(line) => Some(refused(409, "Sandbox state change in progress")),
        line if is_read(line) => Some(ok(sandbox("error", "destroyed"))),
        _ => None,
    }))
    .await;
    surrendered(&server, FORCE).await;
    let server = Server::start(changing(|line| match line {
        line if is_delete(line) => Some(refused(409, "Sandbox was modified by another operation")),
        line if is_read(line) => Some(missing()),
        _ => None,
    }))
    .await;
    assert_eq!(
        delete(&server, FORCE).await.unwrap_err().kind,
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn forks_come_first_and_are_named() {
    let server = Server::start(|line| match line {
        line if is_delete(line) => Some(refused(
            400,
            "Cannot delete sandbox which has active fork children. The forks must be deleted first.",
        )),
        line if line.ends_with("/forks") => Some(ok(json!([{ "id": OTHER }]))),
        _ => None,
    })
    .await;
    let error = delete(&server, FORCE).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Dependency);
    assert!(error.message.contains(OTHER), "{error}");
}

#[tokio::test]
async fn each_refusal_of_a_deletion() {
    for (status, message, kind) in [
        (400, "bad request", ErrorKind::Internal),
        (401, "Invalid credentials", ErrorKind::Denied),
        (403, "Access denied", ErrorKind::Forbidden),
        (
            429,
            "ThrottlerException: Too Many Requests",
            ErrorKind::RateLimited,
        ),
        (500, "An unexpected error occurred.", ErrorKind::Transient),
        (502, "x", ErrorKind::Unavailable),
        (
            503,
            "Service is currently under maintenance.",
            ErrorKind::Unavailable,
        ),
        (504, "x", ErrorKind::Transient),
    ] {
        let server =
            Server::start(move |line| is_delete(line).then(|| refused(status, message))).await;
        let error = delete(&server, FORCE).await.unwrap_err();
        assert_eq!(error.kind, kind, "{status}");
        assert_eq!(error.code, Some(format!("daytona:{status}")));
        assert!(error.message.contains(message), "{error}");
    }
}

#[tokio::test]
async fn a_refused_permission_is_not_a_refused_key() {
    let server = Server::start(|line| is_delete(line).then(|| refused(403, "Access denied"))).await;
    let backend = server.backend();
    let target = target(Kind::SANDBOX, ID);
    let error = backend.delete(&target, FORCE).await.unwrap_err();
    assert_eq!(
        error.hint.as_deref(),
        Some("use a key with the permission delete:sandboxes")
    );
    assert!(backend.get(&target).await.unwrap().is_some());
    backend.stop(&target, StopOptions::FORCE).await.unwrap();
}

#[tokio::test]
async fn a_lost_reply_leaves_the_outcome_open() {
    let server = Server::start(|line| is_delete(line).then(|| Answer::Bytes(vec![]))).await;
    assert_eq!(
        delete(&server, FORCE).await.unwrap_err().kind,
        ErrorKind::Unavailable
    );
    // Once, not twice: what happened to the first is unknown.
    assert_eq!(server.changes().len(), 1);
    let server = Server::start(|line| is_delete(line).then_some(Answer::Nothing)).await;
    let error = delete(&server, FORCE).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
    assert!(error.message.contains("outcome unknown"), "{error}");
}

#[tokio::test]
async fn the_service_says_how_long_to_wait_and_nothing_is_sent_meanwhile() {
    let server = Server::start(|line| {
        is_delete(line).then(|| {
            refused_with(
                429,
                "ThrottlerException: Too Many Requests",
                "Retry-After-sandbox-lifecycle: 30\r\n",
            )
        })
    })
    .await;
    let backend = server.backend();
    let target = target(Kind::SANDBOX, ID);
    let error = backend.delete(&target, FORCE).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::RateLimited);
    assert_eq!(error.retry_after.unwrap().as_secs(), 30);
    let again = backend.delete(&target, FORCE).await.unwrap_err();
    assert_eq!(again.kind, ErrorKind::RateLimited);
    assert!(again.retry_after.unwrap().as_secs() >= 29);
    assert_eq!(server.changes().len(), 1);
    // Reads have another throttler.
    assert!(backend.get(&target).await.unwrap().is_some());
}

#[tokio::test]
async fn each_refusal_for_snapshots_and_volumes() {
    for (kind, state, status, message, want) in [
        (
            Kind::SNAPSHOT,
            "active",
            403,
            "You cannot delete a general snapshot",
            ErrorKind::Unsupported,
        ),
        (
            Kind::SNAPSHOT,
            "active",
            403,
            "Access denied",
            ErrorKind::Forbidden,
        ),
        (Kind::SNAPSHOT, "removing", 409, "x", ErrorKind::InProgress),
        (Kind::SNAPSHOT, "active", 409, "x", ErrorKind::Transient),
        (
            Kind::VOLUME,
            "ready",
            409,
            "Volume is in use",
            ErrorKind::Dependency,
        ),
        (
            Kind::VOLUME,
            "pending_delete",
            400,
            "x",
            ErrorKind::InProgress,
        ),
        (Kind::VOLUME, "creating", 400, "x", ErrorKind::Transient),
        (
            Kind::VOLUME,
            "ready",
            403,
            "Access denied",
            ErrorKind::Forbidden,
        ),
    ] {
        let server = Server::start(move |line| match line {
            line if line.starts_with("DELETE ") => Some(refused(status, message)),
            line if line.ends_with(ID) => Some(ok(json!({
                "id": ID, "organizationId": ORGANIZATION, "general": false, "state": state,
            }))),
            _ => None,
        })
        .await;
        let error = server
            .backend()
            .delete(&target(kind, ID), FORCE)
            .await
            .unwrap_err();
        assert_eq!(error.kind, want, "{kind} {status} {message}");
    }
}

#[tokio::test]
async fn one_that_is_busy_only_for_a_while_can_be_deleted_then() {
    let tries = AtomicUsize::new(0);
    let server = Server::start(move |line| {
        (is_delete(line) && tries.fetch_add(1, Ordering::Relaxed) == 0)
            .then(|| refused(409, "Sandbox state change in progress"))
    })
    .await;
    let backend = server.backend();
    let target = target(Kind::SANDBOX, ID);
    assert_eq!(
        backend.delete(&target, FORCE).await.unwrap_err().kind,
        ErrorKind::Transient
    );
    backend.delete(&target, FORCE).await.unwrap();
}

/// After a refusal it is read, since it may be on its way out; one that is as busy as before is not read a second time.
#[tokio::test]
async fn one_that_stays_busy_is_read_once_for_that() {
    let server = Server::start(|line| match line {
        line if is_delete(line) => Some(refused(409, "Sandbox state change in progress")),
        line if is_read(line) => Some(ok(sandbox("starting", "started"))),
        _ => None,
    })
    .await;
    let backend = server.backend();
    let target = target(Kind::SANDBOX, ID);
    for _ in 0..3 {
        let error = backend.delete(&target, FORCE).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Transient);
        assert!(error.message.ends_with("(it is starting)"), "{error}");
        assert!(error.is_refusal());
    }
    let lines = server.lines();
    let count = |of: fn(&str) -> bool| lines.iter().filter(|line| of(line)).count();
    assert_eq!((count(is_delete), count(is_read)), (3, 4), "{lines:?}");
}
