//! The service behind TLS, with a certificate of an authority of its own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::http::server::FakeDaytona;

/// Ends TLS in front of a service, until it is dropped.
#[derive(Debug)]
pub struct TlsFront {
    port: u16,
    authority: String,
    listening: JoinHandle<()>,
}

impl TlsFront {
    /// Begins to listen in front of a service, with a certificate for 127.0.0.1.
    ///
    /// # Errors
    ///
    /// No certificate can be made, or no loopback port be had.
    pub async fn before(fake: &FakeDaytona) -> io::Result<Self> {
        Self::at(fake.address()).await
    }

    /// The same in front of whatever listens at an address.
    ///
    /// # Errors
    ///
    /// No certificate can be made, or no loopback port be had.
    pub async fn at(behind: SocketAddr) -> io::Result<Self> {
        let (config, authority) = certified().map_err(io::Error::other)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut client = acceptor.accept(stream).await?;
                    let mut behind = TcpStream::connect(behind).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut behind).await
                });
            }
        });
        Ok(Self {
            port,
            authority,
            listening,
        })
    }

    /// What to set as `DAYTONA_API_URL`.
    pub fn url(&self) -> String {
        format!("https://{}/api", self.host())
    }

    /// Its host and port.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The certificate of the authority, as PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

fn certified() -> Result<(ServerConfig, String), Box<dyn std::error::Error + Send + Sync>> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate()?;
    let authority = params.self_signed(&key)?.pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate()?;
    let params = CertificateParams::new([Ipv4Addr::LOCALHOST.to_string()])?;
    let certificate = params.signed_by(&key, &issuer)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der())?,
        )?;
    Ok((config, authority))
}
