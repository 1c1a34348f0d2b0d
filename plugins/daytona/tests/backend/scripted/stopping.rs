//! Stopping: every answer of the service, and what it means.

use tbengine_sdk::{Backend, ErrorKind, Kind, Result, StopOptions};

use crate::scripted::server::{
    ID, Server, changing, is_read, missing, ok, refused, sandbox, target,
};

pub(crate) async fn stop(server: &Server, force: bool) -> Result<()> {
    let options = StopOptions {
        force,
        ..StopOptions::ASK
    };
    server
        .backend()
        .stop(&target(Kind::SANDBOX, ID), options)
        .await
        .map(drop)
}

#[tokio::test]
async fn a_stop_is_asked_for_gently_or_with_force() {
    let server =
        Server::start(|line| is_read(line).then(|| ok(sandbox("started", "started")))).await;
    stop(&server, false).await.unwrap();
    stop(&server, true).await.unwrap();
    assert_eq!(
        server.changes(),
        [
            format!("POST /api/sandbox/{ID}/stop"),
            format!("POST /api/sandbox/{ID}/stop?force=true"),
        ]
    );
    let ended = Server::start(|_| None).await;
    stop(&ended, false).await.unwrap();
    assert_eq!(ended.changes(), [""; 0]);
}

#[tokio::test]
async fn stopping_what_has_ended_or_is_ending_succeeds() {
    for (status, message) in [
        (400, "Sandbox is not in a stoppable state"),
        (409, "Sandbox state change in progress"),
    ] {
        for (state, desired, fits) in [
            ("stopped", "stopped", true),
            ("archived", "archived", true),
            ("error", "stopped", true),
            ("stopping", "stopped", true),
            ("started", "stopped", true),
            ("destroying", "destroyed", true),
            ("creating", "started", false),
            ("resizing", "resized", false),
        ] {
            let server = Server::start(changing(move |line| match line {
                line if line.starts_with("POST ") => Some(refused(status, message)),
                line if is_read(line) => Some(ok(sandbox(state, desired))),
                _ => None,
            }))
            .await;
            match (stop(&server, false).await, status) {
                (Ok(()), _) => assert!(fits, "{status} {state}"),
                (Err(error), 400) => {
                    assert_eq!((error.kind, fits), (ErrorKind::Conflict, false), "{state}");
                }
                (Err(error), _) => {
                    assert_eq!((error.kind, fits), (ErrorKind::Transient, false), "{state}");
                }
            }
        }
    }
    let server = Server::start(changing(|line| match line {
        line if line.starts_with("POST ") || is_read(line) => Some(missing()),
        _ => None,
    }))
    .await;
    assert_eq!(
        stop(&server, false).await.unwrap_err().kind,
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn only_sandboxes_can_be_stopped() {
    let server = Server::start(|_| None).await;
    for kind in [Kind::SNAPSHOT, Kind::VOLUME, Kind::NETWORK] {
        let error = server
            .backend()
            .stop(&target(kind, ID), StopOptions::default())
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported);
    }
}
