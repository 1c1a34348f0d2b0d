//! Who may connect, many at once, an unreachable daemon, and the end of the socket.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tbengine_docker::labelling::{LabellingSocket, ListenError};
use tbengine_dockerd::{Dockerd, shared};
use tokio::net::UnixStream;
use tokio::sync::Barrier;

use super::{BARE_LABEL, Counter, Front};
use crate::real::support::eventually;

const NOBODY: u32 = 65534;
const CROWD: usize = 200;

type Sender = http1::SendRequest<Full<bytes::Bytes>>;

/// A client that keeps its connection.
async fn connect(front: &Front) -> Sender {
    let stream = UnixStream::connect(front.path()).await.unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn send(sender: &mut Sender, method: &str, path: &str, body: String) -> (u16, String) {
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("Host", "docker")
        .header("Content-Type", "application/json")
        .body(Full::from(body))
        .unwrap();
    sender.ready().await.unwrap();
    let reply = sender.send_request(request).await.unwrap();
    let status = reply.status().as_u16();
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_same_user_and_root_may_connect() {
    let front = Front::of(shared(), "run-users").await;
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&front.path()), 0o600);
    front.docker(&["version"]);

    let widen = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    widen(front.directory.path(), 0o755);
    widen(&front.path(), 0o666);
    let refused = front.command(&["version"]).uid(NOBODY).output().unwrap();
    assert!(!refused.status.success(), "{refused:?}");
    front.docker(&["version"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clients_at_once_are_served() {
    let counter = Counter::of(shared());
    let front = Arc::new(Front::to(&counter.config(), "run-crowd").await.unwrap());
    let everyone = Arc::new(Barrier::new(CROWD));
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..CROWD {
        let (front, everyone) = (front.clone(), everyone.clone());
        clients.spawn(async move {
            let mut sender = connect(&front).await;
            assert_eq!(
                send(&mut sender, "GET", "/_ping", String::new()).await.0,
                200
            );
            // All are connected, down to the daemon, before the first goes on.
            everyone.wait().await;
            let name = json!({ "Name": format!("crowd-{number}") }).to_string();
            let (status, reply) = send(&mut sender, "POST", "/volumes/create", name).await;
            assert_eq!(status, 201, "{reply}");
            let container = json!({ "Image": "busybox", "Cmd": ["true"] }).to_string();
            let (status, reply) = if number % 4 == 0 {
                send(&mut sender, "POST", "/v1.41/containers/create", container).await
            } else {
                send(&mut sender, "GET", "/v1.41/containers/json", String::new()).await
            };
            assert!(status < 300, "{reply}");
        });
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    let count = |arguments: &[&str]| {
        let filter = "--filter=label=tbengine.run-id=run-crowd";
        shared()
            .docker(&[arguments, &["--quiet", filter]].concat())
            .lines()
            .count()
    };
    assert_eq!(count(&["volume", "ls"]), CROWD);
    assert_eq!(count(&["ps", "--all"]), CROWD / 4);
    assert_eq!(front.socket.created().len(), CROWD + CROWD / 4);
    eventually("all have gone", async || counter.open() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_it_ends_every_connection_and_task() {
    let before = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    let front = Front::of(shared(), "run-dropped").await;
    let talker = shared().run(&[], &["sh", "-c", "echo line; sleep 100000"]);
    let mut logs = front.start(&["logs", "--follow", &talker]);
    let mut exec = front.start(&["exec", &talker, "sh", "-c", "echo line; sleep 100000"]);
    for running in [&mut logs, &mut exec] {
        let mut line = [0; 5];
        let output = running.0.stdout.as_mut().unwrap();
        output.read_exact(&mut line).unwrap();
        assert_eq!(&line, b"line\n");
    }
    let idle = UnixStream::connect(front.path()).await.unwrap();
    eventually("it serves", async || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
            >= before + 4
    })
    .await;

    let Front { socket, directory } = front;
    drop(socket);
    assert!(!directory.path().join("docker.sock").exists());
    for running in [&mut logs, &mut exec] {
        running.ended().await;
    }
    eventually("no task is left", async || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
            == before
    })
    .await;
    idle.readable().await.unwrap();
    let rest = idle.try_read(&mut [0; 1]);
    // It is reset if it had not been accepted yet.
    assert!(
        rest.as_ref().is_ok_and(|length| *length == 0)
            || rest.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
    );
    shared().docker(&["kill", &talker]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_daemon_is_reported_and_comes_back() {
    let daemon = Dockerd::start().unwrap();
    let front = Front::of(&daemon, "run-outage").await;
    let mut kept = connect(&front).await;
    assert_eq!(send(&mut kept, "GET", "/_ping", String::new()).await.0, 200);
    let script = "trap 'exit 0' TERM; echo line; sleep 100000 & wait";
    let talker = daemon.run(&[], &["sh", "-c", script]);
    let mut logs = front.start(&["logs", "--follow", &talker]);
    let mut wait = front.start(&["wait", &talker]);
    let mut line = String::new();
    BufReader::new(logs.0.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "line\n");
    std::thread::sleep(std::time::Duration::from_millis(300));

    daemon.crash();
    // What was under way ends, as an error.
    assert!(!logs.ended().await.success());
    assert!(!wait.ended().await.success());
    let refused = front.command(&["ps"]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success());
    assert!(
        said.contains("labelling socket") && said.contains("refused the connection"),
        "{said}"
    );
    let (status, body) = send(&mut kept, "POST", "/containers/create", "{}".to_owned()).await;
    assert_eq!(status, 503);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert!(
        body["message"].as_str().unwrap().contains("start docker"),
        "{body}"
    );

    daemon.restart().unwrap();
    // On the same connection as before.
    let network = json!({ "Name": "after" }).to_string();
    let (status, reply) = send(&mut kept, "POST", "/v1.41/networks/create", network).await;
    assert_eq!(status, 201, "{reply}");
    assert_eq!(daemon.inspect("after", BARE_LABEL).unwrap(), "run-outage");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_cannot_be_made_is_an_error_that_says_so() {
    let front = Front::of(shared(), "run-listen").await;
    let listen = async |path: &std::path::Path, config: serde_json::Value| {
        let config = serde_json::from_value(config).unwrap();
        let none = std::collections::BTreeMap::new();
        LabellingSocket::listen(path, &config, &none, "r", Box::new(|_| {}))
            .await
            .unwrap_err()
    };
    let daemon = json!({ "host": shared().host() });
    let taken = listen(&front.path(), daemon.clone()).await;
    assert!(matches!(taken, ListenError::Socket { .. }), "{taken}");
    assert!(taken.to_string().contains("docker.sock"), "{taken}");
    // What was there is still there.
    front.docker(&["version"]);

    let long = front.directory.path().join("x".repeat(120));
    let too_long = listen(&long, daemon).await;
    assert!(matches!(too_long, ListenError::Socket { .. }), "{too_long}");

    let own = front.directory.path().join("own.sock");
    let itself = listen(&own, json!({ "host": format!("unix://{}", own.display()) })).await;
    assert!(matches!(itself, ListenError::Itself(_)), "{itself}");
    let unknown = listen(&own, json!({ "context": "missing" })).await;
    assert!(matches!(unknown, ListenError::Daemon(_)), "{unknown}");
    assert!(!own.exists());
}
