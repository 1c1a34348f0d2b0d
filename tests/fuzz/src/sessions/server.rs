//! A server that answers each path as a session says, and notes what it is asked to change.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;

use super::session::{Change, Session};

/// How the provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As a dockerd does.
    Docker,
    /// As the Daytona service does.
    Daytona,
    /// As the E2B service does.
    E2b,
}

/// A provider with a session.
#[derive(Clone)]
pub struct Server {
    session: Arc<Session>,
    style: Style,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    changes: Vec<Change>,
    gone: BTreeSet<(String, String)>,
}

/// What was read of a request.
struct Request {
    method: String,
    path: String,
    query: String,
}

impl Server {
    /// One that has been asked nothing yet.
    pub fn new(session: Session, style: Style) -> Self {
        Self {
            session: Arc::new(session),
            style,
            state: Arc::default(),
        }
    }

    /// What it was asked to change, in this order.
    pub fn changes(&self) -> Vec<Change> {
        self.lock().changes.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves a socket in the file system, for as long as the tasks live.
    pub fn serve_unix(&self, listener: UnixListener, tasks: &mut JoinSet<()>) {
        let server = self.clone();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                open.spawn(async move { server.speak(stream).await.ok() });
            }
        });
    }

    /// Serves a port of the loopback, for as long as the tasks live.
    pub fn serve_tcp(&self, listener: TcpListener, tasks: &mut JoinSet<()>) {
        let server = self.clone();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                stream.set_nodelay(true).ok();
                open.spawn(async move { server.speak(stream).await.ok() });
            }
        });
    }

    async fn speak(self, stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        while let Some(request) = read(&mut stream).await? {
            let (status, body) = self.reply(&request);
            let body = match status {
                204 => String::new(),
                _ => body.to_string(),
            };
            let length = match status {
                204 => String::new(),
                _ => format!("Content-Length: {}\r\n", body.len()),
            };
            let head = format!(
                "HTTP/1.1 {status} -\r\nApi-Version: 1.44\r\nContent-Type: application/json\r\n{length}\r\n"
            );
            stream.write_all(format!("{head}{body}").as_bytes()).await?;
            stream.flush().await?;
        }
        Ok(())
    }

    fn reply(&self, request: &Request) -> (u16, Value) {
        if request.method != "GET" {
            return self.change(request);
        }
        let gone = self.lock().gone.clone();
        match self.session.without(&request.path, &gone) {
            Some(mut answer) => {
                if self.style == Style::Docker && request.query.contains("filters=") {
                    only_users(&mut answer.body, &request.query);
                }
                (answer.status, answer.body)
            }
            None => self.missing(&request.path),
        }
    }

    fn change(&self, request: &Request) -> (u16, Value) {
        let mut parts = request.path.trim_start_matches("/api").split('/').skip(1);
        let collection = parts.next().unwrap_or_default();
        let kind = match collection {
            "v2" => "sandbox",
            plural => plural.trim_end_matches("es").trim_end_matches('s'),
        };
        let kind = if kind == "sandbox" || collection == "sandboxes" {
            "sandbox"
        } else if collection == "images" {
            "image"
        } else if collection == "volumes" {
            "volume"
        } else {
            kind
        };
        let native = parts.next().unwrap_or_default().to_owned();
        let mut state = self.lock();
        state.changes.push(Change {
            method: request.method.clone(),
            kind: kind.to_owned(),
            native: native.clone(),
        });
        let what = (kind.to_owned(), native);
        if request.method == "DELETE" {
            if state.gone.contains(&what) {
                drop(state);
                return self.missing(&request.path);
            }
            state.gone.insert(what);
        }
        match (self.style, kind) {
            (Style::Docker, "image") => (200, json!([])),
            (Style::Docker, _) | (Style::E2b, _) => (204, Value::Null),
            (Style::Daytona, _) => (200, json!({})),
        }
    }

    fn missing(&self, path: &str) -> (u16, Value) {
        let id = path.trim_end_matches("/json");
        let id = id.rsplit('/').next().unwrap_or_default();
        match self.style {
            Style::Docker => (404, json!({ "message": format!("No such thing: {id}") })),
            Style::Daytona => (
                404,
                json!({ "statusCode": 404, "error": "Not Found", "message": format!("Resource with ID {id} not found") }),
            ),
            Style::E2b => (
                404,
                json!({ "code": 404, "message": format!("sandbox \"{id}\" not found") }),
            ),
        }
    }
}

/// Leaves the containers of a listing that are on the networks that a filter names.
fn only_users(body: &mut Value, query: &str) {
    let Value::Array(containers) = body else {
        return;
    };
    containers.retain(|container| {
        let networks = container.pointer("/NetworkSettings/Networks");
        let Some(Value::Object(networks)) = networks else {
            return false;
        };
        let mut names = networks.keys();
        names.any(|name| query.contains(&format!("%22{name}%22")))
    });
}

async fn read(
    stream: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>,
) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request = Request {
        method,
        path: without_version(path).to_owned(),
        query: query.to_owned(),
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let line = line.trim_end().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(text) = line.strip_prefix("content-length:") {
            length = text.trim().parse().unwrap_or_default();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some(request))
}

/// A path of Docker's without the version.
fn without_version(path: &str) -> &str {
    let Some(rest) = path.strip_prefix("/v1.") else {
        return path;
    };
    rest.find('/').map_or(path, |at| &rest[at..])
}
