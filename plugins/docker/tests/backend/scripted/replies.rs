//! Replies that break off, never end or make no sense.

use serde_json::json;
use tbengine_sdk::{Backend, ErrorKind, Kind, ListRequest};

use crate::scripted::support::{Answer, ID, Server, deletion, kind_of, open, target};

#[tokio::test]
async fn a_connection_that_breaks_is_unavailable() {
    for bytes in [
        "",
        "HTTP/1.1 20",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"Id\":",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"Id\"",
    ] {
        // A deletion is accepted once the head of the reply says so.
        if !bytes.contains("200 OK") {
            assert_eq!(
                deletion(move || Answer::Bytes(bytes.into())).await.kind,
                ErrorKind::Unavailable,
                "{bytes:?}"
            );
        }
        let server =
            Server::start(move |line| line.contains(ID).then(|| Answer::Bytes(bytes.into()))).await;
        assert_eq!(
            kind_of(server.backend().get(&target()).await),
            ErrorKind::Unavailable,
            "{bytes:?}"
        );
    }
}

#[tokio::test]
async fn a_truncated_or_wrong_body_never_counts_as_gone() {
    for (body, want) in [
        (r#"{"Id":"0123"#, ErrorKind::Transient),
        ("", ErrorKind::Transient),
        ("<html>", ErrorKind::Invalid),
        ("[]", ErrorKind::Internal),
        ("{}", ErrorKind::Internal),
        (r#"{"Id":7}"#, ErrorKind::Internal),
    ] {
        let server = Server::start(move |line| {
            line.contains(ID)
                .then(|| Answer::Status(200, "", body.into()))
        })
        .await;
        assert_eq!(
            kind_of(server.backend().get(&target()).await),
            want,
            "{body}"
        );
        assert_eq!(
            kind_of(
                server
                    .backend()
                    .list(ListRequest::first(Kind::CONTAINER))
                    .await
            ),
            want,
            "{body}"
        );
    }
}

#[tokio::test]
async fn an_endless_body_is_refused_while_it_arrives() {
    let server = Server::start(|line| line.contains(ID).then_some(Answer::Endless)).await;
    let docker = open(
        json!({ "host": format!("unix://{}", server.socket().display()), "call-timeout": "60s" }),
    );
    let error = docker.get(&target()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Internal);
    assert!(error.message.contains("64 MiB"), "{error:?}");
}

#[tokio::test]
async fn silence_and_a_trickle_end_with_the_calls_own_limit() {
    for answer in [|| Answer::Nothing, || Answer::Trickle] {
        let server =
            Server::start(move |line| line.contains(&format!("{ID}/json")).then(answer)).await;
        let error = server.backend().get(&target()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Transient, "{error:?}");
        assert!(error.message.contains("no answer within 2s"), "{error:?}");
    }
    let error = deletion(|| Answer::Nothing).await;
    assert_eq!(error.kind, ErrorKind::Transient);
    assert!(error.message.contains("outcome unknown"), "{error:?}");
}
