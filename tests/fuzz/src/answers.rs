//! A server that answers with an input.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

/// What is answered to requests whose path is not about the server itself.
#[derive(Clone, Default)]
pub struct Answers(Arc<Mutex<Vec<u8>>>);

impl Answers {
    /// Answers with this from now on.
    pub fn set(&self, bytes: &[u8]) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = bytes.to_vec();
    }

    fn get(&self) -> Vec<u8> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Serves a socket in the file system.
    pub fn serve_unix(&self, listener: UnixListener, healthy: BTreeMap<&'static str, String>) {
        let answers = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answers.clone().answer(stream, healthy.clone()));
            }
        });
    }

    /// Serves a port of the loopback.
    pub fn serve_tcp(&self, listener: TcpListener, healthy: BTreeMap<&'static str, String>) {
        let answers = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answers.clone().answer(stream, healthy.clone()));
            }
        });
    }

    async fn answer(
        self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        healthy: BTreeMap<&'static str, String>,
    ) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default();
        match healthy.get(path) {
            Some(body) => {
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
                );
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(body.as_bytes()).await?;
            }
            None => stream.write_all(&self.get()).await?,
        }
        stream.shutdown().await
    }
}

/// No call of a backend takes longer than this, whatever it is answered.
pub const MAX_CALL_TIME: Duration = Duration::from_secs(5);
