//! The labelling socket in front of a private dockerd, with the docker command as its client.
//!
//! - `creations`: what gets the label, and what the daemon refuses
//! - `streams`: what goes through in both directions, and how it ends
//! - `connections`: who may connect, many at once, an unreachable daemon, the end of the socket

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tbengine_docker::Config;
use tbengine_docker::labelling::{LabellingSocket, ListenError};
use tbengine_dockerd::Dockerd;
use tempfile::TempDir;
use tokio::net::UnixListener;

mod connections;
mod creations;
mod streams;

pub(crate) const LABEL: &str = "{{index .Config.Labels \"tbengine.run-id\"}}";
const BARE_LABEL: &str = "{{index .Labels \"tbengine.run-id\"}}";

/// A labelling socket in a directory of its own.
pub(crate) struct Front {
    pub(crate) socket: LabellingSocket,
    directory: TempDir,
}

impl Front {
    pub(crate) async fn of(daemon: &Dockerd, run: &str) -> Self {
        Self::to(&json!({ "host": daemon.host() }), run)
            .await
            .unwrap()
    }

    pub(crate) async fn to(config: &serde_json::Value, run: &str) -> Result<Self, ListenError> {
        let directory = tempfile::tempdir().unwrap();
        let config: Config = serde_json::from_value(config.clone()).unwrap();
        let path = directory.path().join("docker.sock");
        let socket =
            LabellingSocket::listen(&path, &config, &BTreeMap::new(), run, Box::new(|_| {}))
                .await?;
        Ok(Self { socket, directory })
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("docker.sock")
    }

    /// The docker command with the environment that goes through the socket.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.directory.path())
            // As they are where a remote daemon is used without the socket.
            .env("DOCKER_TLS_VERIFY", "1")
            .env("DOCKER_CERT_PATH", "/nowhere")
            .env("DOCKER_BUILDKIT", "0")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, value) in self.socket.environment() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// What a docker command that succeeds prints.
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Runs a docker command with something to read, which ends after that.
    pub(crate) fn docker_reading(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            // A command that ends early does not read it all.
            scope.spawn(move || drop(pipe.write_all(input)));
            child.wait_with_output().unwrap()
        })
    }

    /// One request on a connection of its own, and everything that comes back.
    async fn exchange(&self, request: &[u8]) -> String {
        exchange(&self.path(), request).await
    }

    /// Starts a docker command that goes on by itself.
    fn start(&self, arguments: &[&str]) -> Running {
        Running(self.command(arguments).spawn().unwrap())
    }
}

/// A docker command that is killed in the end.
struct Running(Child);

impl Running {
    /// Waits until it ends by itself.
    async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        for _ in 0..300 {
            status = self.0.try_wait().unwrap();
            if status.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        status.expect("a docker command that ends by itself")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

async fn exchange(path: &Path, request: &[u8]) -> String {
    let (path, request) = (path.to_owned(), request.to_vec());
    let exchange = move || -> std::io::Result<String> {
        use std::io::Read as _;
        let mut stream = UnixStream::connect(path)?;
        stream.write_all(&request)?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        Ok(reply)
    };
    tokio::task::spawn_blocking(exchange)
        .await
        .unwrap()
        .unwrap()
}

fn post(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Passes everything on to a daemon, and counts the connections that are open.
struct Counter {
    directory: TempDir,
    open: Arc<AtomicUsize>,
}

impl Counter {
    fn of(daemon: &Dockerd) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("counter.sock")).unwrap();
        let open = Arc::new(AtomicUsize::new(0));
        let (daemon, counted) = (daemon.socket(), open.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (daemon, counted) = (daemon.clone(), counted.clone());
                tokio::spawn(async move {
                    counted.fetch_add(1, Ordering::SeqCst);
                    let mut behind = tokio::net::UnixStream::connect(daemon).await.unwrap();
                    // How it ended does not matter, only that it did.
                    drop(tokio::io::copy_bidirectional(&mut stream, &mut behind).await);
                    counted.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { directory, open }
    }

    fn config(&self) -> serde_json::Value {
        let path = self.directory.path().join("counter.sock");
        json!({ "host": format!("unix://{}", path.display()) })
    }

    fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}
