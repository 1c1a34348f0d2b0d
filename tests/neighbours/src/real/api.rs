//! Requests to the daemon.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

/// Requests to the daemon at a socket, each on a connection of its own: the same as the docker command sends, without
/// a process for each.
#[derive(Clone, Debug)]
pub struct Api {
    socket: PathBuf,
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Whether it was done.
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Api {
    /// The daemon at a socket.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
        }
    }

    /// Sends a request with JSON.
    ///
    /// # Errors
    /// If the daemon does not answer.
    pub fn send(&self, method: &str, path: &str, body: &Value) -> io::Result<Answer> {
        let body = match body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        self.send_bytes(method, path, "application/json", &body)
    }

    /// Sends a request with a body of any type.
    ///
    /// # Errors
    /// If the daemon does not answer.
    pub fn send_bytes(
        &self,
        method: &str,
        path: &str,
        content: &str,
        body: &[u8],
    ) -> io::Result<Answer> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        // In this version the body ends with the connection.
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Type: {content}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply)?;
        let end = reply.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let head = String::from_utf8_lossy(&reply[..end]);
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        Ok(Answer {
            status: status.ok_or(io::ErrorKind::InvalidData)?,
            body: reply.split_off(end + 4),
        })
    }

    /// Reads JSON.
    ///
    /// # Errors
    /// If the daemon does not answer, or refuses.
    pub fn read(&self, path: &str) -> Result<Value, String> {
        match self.send("GET", path, &Value::Null) {
            Ok(answer) if answer.is_good() => Ok(answer.json()),
            Ok(answer) => Err(format!(
                "GET {path}: {} {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            )),
            Err(error) => Err(format!("GET {path}: {error}")),
        }
    }
}
