//! The sockets that clients connect to.

use std::fs::{self, Permissions};
use std::future::poll_fn;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as BlockingUnixStream;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::net::sockopt;
use rustix::process::getuid;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::Address;
use crate::error::Error;

/// A connection.
pub(super) type Stream = Box<dyn Connection>;

/// What a connection can do.
pub(super) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// A host that disappeared is noticed after the first of these and so many of the second.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 4;
/// How long to wait when no connection can be taken, e.g. because there are too many.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// The sockets. Dropping them removes their files.
#[derive(Debug)]
pub(super) struct Listeners {
    listeners: Vec<Listener>,
}

#[derive(Debug)]
enum Listener {
    Unix {
        listener: UnixListener,
        path: PathBuf,
    },
    Tcp(TcpListener),
}

impl Listeners {
    /// Opens all of them, or none.
    pub(super) fn open(addresses: &[Address]) -> Result<Self, Error> {
        let mut opened = Self {
            listeners: Vec::new(),
        };
        for address in addresses {
            let listener = match address {
                Address::Unix(path) => open_unix(path),
                Address::Tcp(address) => open_tcp(*address),
            };
            opened.listeners.push(listener.map_err(|source| {
                Error::config(format!("failed to listen on {address}: {source}"))
                    .hint("use another address with --listen")
            })?);
        }
        Ok(opened)
    }

    /// Where clients connect; the ports are those that the system chose.
    pub(super) fn addresses(&self) -> impl Iterator<Item = String> {
        self.listeners.iter().map(|one| match one {
            Listener::Unix { path, .. } => Address::Unix(path.clone()).to_string(),
            Listener::Tcp(listener) => match listener.local_addr() {
                Ok(address) => Address::Tcp(address).to_string(),
                Err(error) => error.to_string(),
            },
        })
    }

    /// The next client.
    pub(super) async fn next(&mut self) -> Stream {
        loop {
            match poll_fn(|context| self.poll(context)).await {
                Ok(stream) => return stream,
                Err(error) => {
                    tracing::warn!(%error, "could not accept a client");
                    tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                }
            }
        }
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        for one in &self.listeners {
            let accepted = match one {
                Listener::Unix { listener, .. } => listener
                    .poll_accept(context)
                    .map(|accepted| accepted.and_then(|(stream, _)| admit_unix(stream))),
                Listener::Tcp(listener) => listener
                    .poll_accept(context)
                    .map(|accepted| accepted.and_then(|(stream, _)| admit_tcp(stream))),
            };
            if accepted.is_ready() {
                return accepted;
            }
        }
        Poll::Pending
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        for one in &self.listeners {
            if let Listener::Unix { path, .. } = one {
                fs::remove_file(path).ok();
            }
        }
    }
}

fn open_unix(path: &Path) -> io::Result<Listener> {
    let is_socket = |path: &Path| {
        path.symlink_metadata()
            .is_ok_and(|metadata| metadata.file_type().is_socket())
    };
    // What a process that was killed left there answers nobody.
    if is_socket(path) {
        match BlockingUnixStream::connect(path) {
            Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path)?;
            }
            Err(error) => return Err(error),
        }
    }
    let listener = UnixListener::bind(path)?;
    // A client that connects before this is refused by its user id.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(Listener::Unix {
        listener,
        path: path.to_owned(),
    })
}

fn open_tcp(address: std::net::SocketAddr) -> io::Result<Listener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener).map(Listener::Tcp)
}

/// Nobody but the user of this process may say what it deletes.
fn admit_unix(stream: UnixStream) -> io::Result<Stream> {
    let user = stream.peer_cred()?.uid();
    if user != getuid().as_raw() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("it belongs to another user (uid {user})"),
        ));
    }
    Ok(Box::new(stream))
}

/// A connection whose other end vanished is to end as well.
fn admit_tcp(stream: TcpStream) -> io::Result<Stream> {
    sockopt::set_socket_keepalive(&stream, true)?;
    sockopt::set_tcp_keepidle(&stream, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepintvl(&stream, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(&stream, KEEPALIVE_PROBES)?;
    Ok(Box::new(stream))
}
