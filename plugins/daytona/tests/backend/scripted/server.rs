//! A server that answers as a script says, and otherwise like a healthy service.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tbengine_daytona::Daytona;
use tbengine_sdk::{Identity, Kind, OpenRequest, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const ID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
pub(crate) const OTHER: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
pub(crate) const ORGANIZATION: &str = "5b1d7d9e-0f6e-4a44-8d8f-2f7d0b2f3c11";
/// What must never be seen.
pub(crate) const KEY: &str = "dtn_canary0123456789";

/// What the server does with a request.
pub(crate) enum Answer {
    /// A status, headers beside the usual ones, a body.
    Status(u16, String, String),
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
    Answer::Status(200, String::new(), body.to_string())
}

/// A refusal in the service's own words.
pub(crate) fn refused(status: u16, message: &str) -> Answer {
    refused_with(status, message, "")
}

pub(crate) fn refused_with(status: u16, message: &str, headers: &str) -> Answer {
    let body = json!({
        "path": "/api", "timestamp": "2026-01-01T00:00:00.000Z",
        "statusCode": status, "error": "Error", "message": message,
    });
    Answer::Status(status, headers.to_owned(), body.to_string())
}

pub(crate) fn missing() -> Answer {
    refused(404, &format!("Sandbox with ID or name {ID} not found"))
}

/// A sandbox as the service shows it.
pub(crate) fn sandbox(state: &str, desired: &str) -> Value {
    json!({
        "id": ID, "organizationId": ORGANIZATION, "name": "box", "target": "us",
        "user": "daytona", "public": false, "networkBlockAll": false,
        "cpu": 2, "gpu": 0, "memory": 4, "disk": 10, "labels": {}, "toolboxProxyUrl": "",
        "state": state, "desiredState": desired,
        "createdAt": "2026-01-02T03:04:05.678Z", "updatedAt": "2026-01-02T05:00:00.000Z",
        "lastActivityAt": "2026-01-02T04:00:00.000Z",
        "autoStopInterval": 15, "autoArchiveInterval": 10080, "autoDeleteInterval": -1,
    })
}

pub(crate) fn page(items: Vec<Value>, next: Option<&str>) -> Answer {
    ok(json!({ "items": items, "nextCursor": next }))
}

/// The server, on a port of its own.
pub(crate) struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Method and path, with the query decoded as far as these tests need it.
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Server {
    pub(crate) async fn start(
        script: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, script) = (requests.clone(), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, seen.clone(), script.clone()));
            }
        });
        Self { port, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/api", self.port)
    }

    pub(crate) fn backend(&self) -> Daytona {
        self.backend_with(json!({}), &[("DAYTONA_API_KEY", KEY)])
    }

    pub(crate) fn backend_with(&self, table: Value, environment: &[(&str, &str)]) -> Daytona {
        let mut config = json!({ "api-url": self.url(), "call-timeout": "2s" });
        for (key, value) in table.as_object().unwrap() {
            config[key] = value.clone();
        }
        open(config, environment)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Method and path of every request that may change something.
    pub(crate) fn changes(&self) -> Vec<String> {
        let mut lines = self.lines();
        lines.retain(|line| !line.starts_with("GET "));
        lines
    }

    /// Method and path of every request but those that find out about the account.
    pub(crate) fn lines(&self) -> Vec<String> {
        let about_account = ["GET /api/api-keys/current", "GET /api/sandbox?limit=1&"];
        self.requests()
            .into_iter()
            .map(|request| request.line)
            .filter(|line| !about_account.iter().any(|known| line.starts_with(known)))
            .collect()
    }
}

pub(crate) fn open(config: Value, environment: &[(&str, &str)]) -> Daytona {
    Daytona::open(OpenRequest {
        name: "cloud".into(),
        config,
        environment: Arc::new(
            environment
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        ),
        now: "2026-01-10T00:00:00Z".parse().unwrap(),
    })
    .unwrap()
}

/// An id of a sandbox, as a plan would name it.
pub(crate) fn target(kind: Kind, native: &str) -> Identity {
    Identity {
        backend: "cloud".into(),
        account: ORGANIZATION.into(),
        kind,
        native: native.to_owned(),
        created: Some("2026-01-02T03:04:05.678Z".parse::<Timestamp>().unwrap()),
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<Request>>>,
    script: Arc<impl Fn(&str) -> Option<Answer> + Send + Sync>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let line = lines
        .next()
        .unwrap_or_default()
        .trim_end_matches(" HTTP/1.1")
        .to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    seen.lock().unwrap().push(Request {
        line: line.clone(),
        headers,
    });
    match script(&line).unwrap_or_else(|| healthy(&line)) {
        Answer::Status(status, headers, body) => {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
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

/// A service with one sandbox, which is stopped, and a key that may do everything.
fn healthy(line: &str) -> Answer {
    let one = format!("GET /api/sandbox/{ID}");
    match line {
        "GET /api/api-keys/current" => ok(json!({
            "name": "ci", "value": "dtn_********789", "userId": "u", "expiresAt": null,
            "permissions": [
                "write:sandboxes", "delete:sandboxes", "delete:snapshots", "read:volumes", "delete:volumes",
            ],
        })),
        line if line == one => ok(sandbox("stopped", "stopped")),
        line if line.starts_with("GET /api/sandbox?") && line.contains("id=") => page(vec![], None),
        line if line.starts_with("GET /api/sandbox?") => {
            page(vec![sandbox("stopped", "stopped")], None)
        }
        line if line.starts_with("GET /api/snapshots?") => {
            ok(json!({ "items": [], "total": 0, "page": 1, "totalPages": 0 }))
        }
        "GET /api/volumes" => ok(json!([])),
        line if line.starts_with("DELETE ") || line.starts_with("POST ") => {
            ok(sandbox("destroying", "destroyed"))
        }
        _ => refused(404, "Cannot GET /x"),
    }
}

/// Whether this is the read of the sandbox.
pub(crate) fn is_read(line: &str) -> bool {
    line == format!("GET /api/sandbox/{ID}")
}

/// A sandbox that runs when it is first read, and then changes before anything is done to it.
pub(crate) fn changing(
    script: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static,
) -> impl Fn(&str) -> Option<Answer> + Send + Sync + 'static {
    let reads = AtomicUsize::new(0);
    move |line| match is_read(line) && reads.fetch_add(1, Ordering::Relaxed) == 0 {
        true => Some(ok(sandbox("started", "started"))),
        false => script(line),
    }
}
