//! A socket to the daemon: unix, TCP, or TCP with TLS.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tbengine_sdk::http::tls::{self, Roots};
use tbengine_sdk::{Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};

use crate::context::{Address, Endpoint, TlsFiles};

/// Room for some 40 000 containers in one listing, in bytes. A larger reply is refused while it arrives.
pub(crate) const MAX_REPLY: usize = 64 << 20;
/// More than the lines before a reply ever have, in bytes.
const MAX_HEAD: usize = 1 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why no socket could be had. The variant decides the kind of the error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("{0}")]
    Socket(#[source] io::Error),
    #[error("{0}")]
    Name(#[source] io::Error),
    #[error("{0}")]
    Tls(#[source] io::Error),
    #[error("no connection within {} s", CONNECT_TIMEOUT.as_secs())]
    TimedOut,
}

/// A reply that is larger than any reply is.
#[derive(Debug, thiserror::Error)]
#[error("a reply of more than {0} bytes")]
pub(crate) struct EndlessReply(pub(crate) usize);

/// Connects to one daemon, whatever the URL of the request says.
#[derive(Clone)]
pub(crate) struct Dialler(Arc<Route>);

enum Route {
    Unix(PathBuf),
    Tcp {
        host: String,
        port: u16,
        tls: Option<(TlsConnector, ServerName<'static>)>,
    },
}

impl Dialler {
    /// Reads the TLS files; connects later.
    ///
    /// # Errors
    /// `Invalid` if a file cannot be used.
    pub(crate) fn new(endpoint: &Endpoint) -> Result<Self> {
        let route = match &endpoint.address {
            Address::Unix(path) => Route::Unix(path.clone()),
            Address::Tcp { host, port } => {
                let tls = match &endpoint.tls {
                    Some(files) => {
                        let name = ServerName::try_from(host.clone()).map_err(|_| {
                            invalid(format!(
                                "`{host}` is not a name that a certificate could be for"
                            ))
                        })?;
                        Some((TlsConnector::from(Arc::new(tls_config(files)?)), name))
                    }
                    None => None,
                };
                Route::Tcp {
                    host: host.clone(),
                    port: *port,
                    tls,
                }
            }
        };
        Ok(Self(Arc::new(route)))
    }

    /// Opens a socket, within a time limit of its own.
    pub(crate) async fn dial(&self) -> Result<TokioIo<Link>, ConnectError> {
        match tokio::time::timeout(CONNECT_TIMEOUT, self.0.dial()).await {
            Ok(dialled) => dialled.map(|stream| TokioIo::new(Link::new(stream))),
            Err(_) => Err(ConnectError::TimedOut),
        }
    }
}

impl Route {
    async fn dial(&self) -> Result<Box<dyn Duplex>, ConnectError> {
        let (host, port, tls) = match self {
            Route::Unix(path) => {
                let stream = UnixStream::connect(path)
                    .await
                    .map_err(ConnectError::Socket)?;
                return Ok(Box::new(stream));
            }
            Route::Tcp { host, port, tls } => (host.as_str(), *port, tls),
        };
        let addresses: Vec<_> = tokio::net::lookup_host((host, port))
            .await
            .map_err(ConnectError::Name)?
            .collect();
        let stream = TcpStream::connect(&addresses[..])
            .await
            .map_err(ConnectError::Socket)?;
        stream.set_nodelay(true).map_err(ConnectError::Socket)?;
        match tls {
            None => Ok(Box::new(stream)),
            Some((connector, name)) => {
                let stream = connector
                    .connect(name.clone(), stream)
                    .await
                    .map_err(ConnectError::Tls)?;
                Ok(Box::new(stream))
            }
        }
    }
}

impl tower_service::Service<http::Uri> for Dialler {
    type Response = TokioIo<Link>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Uri) -> Self::Future {
        let dialler = self.clone();
        Box::pin(async move {
            let mut link = dialler.dial().await?;
            link.inner_mut().limit = Some(MAX_REPLY + MAX_HEAD);
            Ok(link)
        })
    }
}

/// An open socket of any sort.
pub(crate) struct Link {
    stream: Box<dyn Duplex>,
    /// How many bytes may come between two things that are written, which is one reply: bollard would collect it
    /// whatever its length.
    limit: Option<usize>,
    /// How many came since something was written.
    came: usize,
}

impl Link {
    fn new(stream: Box<dyn Duplex>) -> Self {
        Self {
            stream,
            limit: None,
            came: 0,
        }
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Connection for Link {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        self.came += into.filled().len() - before;
        match self.limit {
            Some(limit) if self.came > limit => {
                Poll::Ready(Err(io::Error::other(EndlessReply(MAX_REPLY))))
            }
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.came = 0;
        Pin::new(&mut self.stream).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

fn tls_config(files: &TlsFiles) -> Result<ClientConfig> {
    // The given authority alone, or those of the system if none is given.
    let builder = tls::configure(match files.ca.as_deref() {
        Some(file) => Roots::File(file),
        None => Roots::System(None),
    })?;
    match (&files.cert, &files.key) {
        (Some(cert), Some(key)) => {
            let private =
                PrivateKeyDer::from_pem_file(key).map_err(|error| tls::unreadable(key, &error))?;
            builder
                .with_client_auth_cert(tls::certificates(cert)?, private)
                .map_err(|error| {
                    invalid(format!(
                        "{} and {} do not match: {error}",
                        cert.display(),
                        key.display()
                    ))
                })
        }
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(one), None) | (None, Some(one)) => Err(invalid(format!(
            "{} without its counterpart; tls needs cert.pem and key.pem",
            one.display()
        ))),
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, message)
}
