//! Finding the daemon, and agreeing on a version.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tbengine_sdk::{Backend, ErrorKind, Kind, ListRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use crate::scripted::support::{Answer, Server, kind_of, ok, open, refused, try_open};

#[tokio::test]
async fn the_api_version_is_negotiated_or_refused() {
    let speaking = |version: &'static str| {
        Server::start(move |line| {
            let answer = match line {
                "GET /_ping" | "GET /info" => r#"{"ID":"daemon-1","ServerVersion":"9"}"#,
                _ => "[]",
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\nApi-Version: {version}\r\nContent-Length: {}\r\n\r\n",
                answer.len()
            );
            Some(Answer::Bytes(format!("{head}{answer}").into_bytes()))
        })
    };
    for (daemon, spoken) in [("1.41", "1.41"), ("1.44", "1.44"), ("1.99", "1.47")] {
        let server = speaking(daemon).await;
        let docker = server.backend();
        docker
            .list(ListRequest::first(Kind::CONTAINER))
            .await
            .unwrap();
        assert!(
            server
                .requests()
                .contains(&format!("GET /v{spoken}/containers/json?all=1")),
            "{:?}",
            server.requests()
        );
        assert!(
            docker
                .check()
                .await
                .unwrap()
                .description
                .contains(&format!("(API {daemon})"))
        );
    }
    let old = speaking("1.40").await;
    for result in [
        old.backend().check().await.map(drop),
        old.backend()
            .list(ListRequest::first(Kind::IMAGE))
            .await
            .map(drop),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(
            error.message.contains("1.40") && error.message.contains("1.41"),
            "{error:?}"
        );
    }
    // A proxy that drops the header does not hide the version.
    let server = Server::start(|line| {
        let body = match line {
            "GET /version" => r#"{"ApiVersion":"1.43"}"#,
            "GET /info" => r#"{"ID":"daemon-1"}"#,
            _ => "[]",
        };
        Some(Answer::Bytes(
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes(),
        ))
    })
    .await;
    assert!(
        server
            .backend()
            .list(ListRequest::first(Kind::CONTAINER))
            .await
            .is_ok()
    );
    assert!(
        server
            .requests()
            .contains(&"GET /v1.43/containers/json?all=1".to_owned()),
        "{:?}",
        server.requests()
    );

    let message = "client version 1.46 is too new. Maximum supported API version is 1.41";
    let server =
        Server::start(move |line| line.contains("/v1.46/").then(|| refused(400, message))).await;
    let pinned = open(
        json!({ "host": format!("unix://{}", server.socket().display()), "api-version": "1.46" }),
    );
    assert_eq!(
        kind_of(pinned.list(ListRequest::first(Kind::CONTAINER)).await),
        ErrorKind::Invalid
    );
    let pinned = open(json!({ "host": "unix:///nowhere", "api-version": "1.30" }));
    assert_eq!(kind_of(pinned.check().await), ErrorKind::Invalid);
}

#[tokio::test]
async fn what_is_no_daemon_is_reported_so() {
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>";
    let garbage = "SSH-2.0-OpenSSH_9.6\r\n";
    for (bytes, says) in [(page, "docker API"), (garbage, "HTTP")] {
        let server = Server::start(move |_| Some(Answer::Bytes(bytes.into()))).await;
        for result in [
            server.backend().check().await.map(drop),
            server
                .backend()
                .list(ListRequest::first(Kind::CONTAINER))
                .await
                .map(drop),
        ] {
            let error = result.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Invalid, "{error:?}");
            assert!(
                error.message.contains(says) && error.hint.is_some(),
                "{error:?}"
            );
        }
    }
}

#[tokio::test]
async fn podman_answers_a_new_id_each_time_and_keeps_its_account() {
    let count = Arc::new(Mutex::new(0));
    let server = Server::start(move |line| {
        let mut count = count.lock().unwrap();
        *count += 1;
        let info = json!({ "ID": format!("made-up-{count}"), "Name": "box", "DockerRootDir": "/r", "ServerVersion": "4.9.3" });
        (line == "GET /info").then(|| Answer::Status(200, "Libpod-Api-Version: 4.9.3\r\n", info.to_string()))
    })
    .await;
    let docker = server.backend();
    let account = docker.check().await.unwrap();
    assert_eq!(account, docker.check().await.unwrap());
    assert!(
        account.description.starts_with("Podman 4.9.3 "),
        "{}",
        account.description
    );
    assert_eq!(server.backend().check().await.unwrap().id, account.id);
}

#[tokio::test]
async fn another_daemon_at_the_same_address_is_noticed() {
    let count = Arc::new(Mutex::new(0));
    let server = Server::start(move |line| {
        let mut count = count.lock().unwrap();
        *count += 1;
        (line == "GET /info").then(|| ok(json!({ "ID": format!("daemon-{count}") })))
    })
    .await;
    let docker = server.backend();
    docker.check().await.unwrap();
    assert_eq!(kind_of(docker.check().await), ErrorKind::Invalid);
}

#[tokio::test]
async fn a_missing_socket_and_a_socket_nobody_serves_have_hints() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("docker.sock");
    let docker = open(json!({ "host": format!("unix://{}", path.display()) }));
    let missing = docker.check().await.unwrap_err();
    assert_eq!(missing.kind, ErrorKind::Unavailable);
    assert!(missing.message.contains("does not exist") && missing.hint.is_some());
    drop(UnixListener::bind(&path).unwrap());
    let dead = docker.check().await.unwrap_err();
    assert_eq!(dead.kind, ErrorKind::Unavailable);
    assert!(dead.message.contains("refused") && dead.hint.is_some());
}

#[tokio::test]
async fn tls_to_a_server_without_it_and_the_reverse_are_configuration_errors() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // Both a plain HTTP server and dockerd with TLS say this in the clear.
            drop(stream.read(&mut [0; 1024]).await);
            let body = "Client sent an HTTP request to an HTTPS server.\n";
            let head = format!(
                "HTTP/1.0 400 Bad Request\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            drop(stream.write_all(format!("{head}{body}").as_bytes()).await);
        }
    });
    for scheme in ["https", "tcp"] {
        let error = open(json!({ "host": format!("{scheme}://localhost:{port}") }))
            .check()
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{error:?}");
        assert!(error.hint.unwrap().to_lowercase().contains("tls"));
    }
    let error = open(json!({ "host": "tcp://no-such-host.invalid:1", "allow-plaintext": true }))
        .check()
        .await
        .unwrap_err();
    assert!(
        matches!(error.kind, ErrorKind::Invalid | ErrorKind::Unavailable),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_when_opened() {
    for config in [
        json!({ "hots": 1 }),
        json!({ "host": "unix:///a", "context": "b" }),
        json!({ "call-timeout": "x" }),
    ] {
        assert_eq!(
            try_open(config).err().map(|error| error.kind),
            Some(ErrorKind::Invalid)
        );
    }
    let registered = tbengine_sdk::Registration::all();
    assert!(
        registered
            .iter()
            .any(|registration| registration.kind == "docker")
    );
}

#[tokio::test]
async fn the_account_has_the_daemons_clock_and_what_tells_cloned_machines_apart() {
    let info = json!({
        "ID": "daemon-1", "Name": "box", "DockerRootDir": "/var/lib/docker",
        "SystemTime": "2026-01-02T03:04:05.678901234+01:00",
    });
    let account = async |bridge: Answer, podman: &'static str| {
        let (info, bridge) = (info.clone(), Mutex::new(Some(bridge)));
        let server = Server::start(move |line| match line {
            "GET /info" => Some(Answer::Status(200, podman, info.to_string())),
            "GET /networks/bridge" => bridge.lock().unwrap().take(),
            _ => None,
        })
        .await;
        server.backend().check().await.unwrap()
    };
    let bridge = |id: &str| ok(json!({ "Name": "bridge", "Id": id }));
    let first = account(bridge("aa"), "").await;
    assert_eq!(first.now, Some("2026-01-02T02:04:05.678Z".parse().unwrap()));
    let server = first.server.expect("a server");
    assert_eq!(server.len(), 64, "{server}");
    // The same one again, a clone of it, and daemons that do not say.
    assert_eq!(account(bridge("aa"), "").await.server, Some(server.clone()));
    assert_ne!(account(bridge("bb"), "").await.server, Some(server));
    for (answer, podman) in [
        (refused(404, "network bridge not found"), ""),
        (refused(500, "broken"), ""),
        (ok(json!({ "Name": "else", "Id": "aa" })), ""),
        (ok(json!({ "Name": "bridge" })), ""),
        (bridge("aa"), "Libpod-Api-Version: 4.9.3\r\n"),
    ] {
        let account = account(answer, podman).await;
        assert_eq!((account.server, account.now.is_some()), (None, true));
    }
}
