//! The scripted server, and backends that are connected to it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tbengine_docker::Docker;
use tbengine_sdk::{
    Backend, DeleteOptions, Error, ErrorKind, Identity, Kind, OpenRequest, StopOptions, Timestamp,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

pub(crate) const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
pub(crate) const GENTLE: DeleteOptions = DeleteOptions::GENTLE;
pub(crate) const TERM: StopOptions = StopOptions::ASK;

/// What the server does with a request.
pub(crate) enum Answer {
    /// A status, headers beside the usual ones, a body.
    Status(u16, &'static str, String),
    /// These bytes, then the end of the connection.
    Bytes(Vec<u8>),
    /// Silence.
    Nothing,
    /// A body that never ends, as fast as it is read.
    Endless,
    /// One byte of a body at a time.
    Trickle,
}

pub(crate) fn ok(body: Value) -> Answer {
    Answer::Status(200, "", body.to_string())
}

pub(crate) fn refused(status: u16, message: &str) -> Answer {
    Answer::Status(status, "", json!({ "message": message }).to_string())
}

/// A container as an inspection shows it.
pub(crate) fn container(state: Value) -> Value {
    json!({
        "Id": ID, "Created": "2026-01-02T03:04:05.678901234Z", "Name": "/c", "Image": format!("sha256:{ID}"),
        "State": state, "Config": { "Image": "busybox", "Labels": null }, "HostConfig": {}, "Mounts": [],
        "NetworkSettings": { "Networks": {} },
    })
}

/// A daemon that answers as the script says, and otherwise like a healthy one with one container.
pub(crate) struct Server {
    directory: tempfile::TempDir,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start(
        script: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("docker.sock")).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, script) = (requests.clone(), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, seen.clone(), script.clone()));
            }
        });
        Self {
            directory,
            requests,
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("docker.sock")
    }

    pub(crate) fn backend(&self) -> Docker {
        open(json!({ "host": format!("unix://{}", self.socket().display()), "call-timeout": "2s" }))
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

pub(crate) async fn serve(
    mut stream: UnixStream,
    seen: Arc<Mutex<Vec<String>>>,
    script: Arc<impl Fn(&str) -> Option<Answer> + Send + Sync>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let line = head
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches(" HTTP/1.1")
        .to_owned();
    seen.lock().unwrap().push(line.clone());
    match script(&line).unwrap_or_else(|| healthy(&line)) {
        Answer::Status(status, headers, body) => {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\nApi-Version: 1.41\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body.as_bytes()).await?;
        }
        Answer::Bytes(bytes) => stream.write_all(&bytes).await?,
        Answer::Nothing => std::future::pending().await,
        Answer::Endless => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await?;
            let chunk = [b"10000\r\n".to_vec(), vec![b' '; 1 << 16], b"\r\n".to_vec()].concat();
            loop {
                stream.write_all(&chunk).await?;
            }
        }
        Answer::Trickle => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                .await?;
            loop {
                stream.write_all(b" ").await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    stream.shutdown().await
}

pub(crate) fn healthy(line: &str) -> Answer {
    match line {
        "GET /_ping" => ok(json!("OK")),
        "GET /info" => ok(json!({ "ID": "daemon-1", "ServerVersion": "20.10.24" })),
        "GET /v1.41/containers/json?all=1" => ok(json!([{ "Id": ID }])),
        _ if line == format!("GET /v1.41/containers/{ID}/json") => {
            ok(container(json!({ "Status": "running" })))
        }
        _ if line.starts_with("GET") => refused(404, "page not found"),
        _ => Answer::Status(204, "", String::new()),
    }
}

pub(crate) fn open(config: Value) -> Docker {
    try_open(config).unwrap()
}

pub(crate) fn try_open(config: Value) -> Result<Docker, Error> {
    Docker::open(OpenRequest {
        name: "docker".into(),
        config,
        environment: BTreeMap::new().into(),
        now: Timestamp::from_unix_seconds(1_800_000_000),
    })
}

pub(crate) fn target() -> Identity {
    Identity {
        backend: "docker".into(),
        account: "daemon-1".into(),
        kind: Kind::CONTAINER,
        native: ID.into(),
        created: Some("2026-01-02T03:04:05.678Z".parse().unwrap()),
    }
}

pub(crate) fn kind_of<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorKind {
    result.expect_err("an error was expected").kind
}

/// The error of a deletion whose DELETE is answered like this.
pub(crate) async fn deletion(answer: impl Fn() -> Answer + Send + Sync + 'static) -> Error {
    let server = Server::start(move |line| line.starts_with("DELETE").then(&answer)).await;
    server
        .backend()
        .delete(&target(), GENTLE)
        .await
        .unwrap_err()
}
