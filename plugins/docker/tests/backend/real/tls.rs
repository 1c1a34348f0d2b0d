//! A daemon behind mutual TLS, as `dockerd --tlsverify` has it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use tbengine_docker::Docker;
use tbengine_dockerd::{Dockerd, shared};
use tbengine_sdk::{Backend, ErrorKind, Kind, OpenRequest, Timestamp};
use tokio::net::{TcpListener, UnixStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::real::labelling::{Front, LABEL};
use crate::real::support::{GENTLE, kind_of};

/// A certificate authority of its own.
struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self {
            certificate: params.self_signed(&key).unwrap(),
            issuer: Issuer::new(params, key),
        }
    }

    fn issue(&self) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// Writes what a client of this authority needs, by the names that Docker gives the files.
    fn write_client(&self, directory: &Path) {
        let (certificate, key) = self.issue();
        for (name, pem) in [
            ("ca.pem", self.certificate.pem()),
            ("cert.pem", certificate.pem()),
            ("key.pem", key.serialize_pem()),
        ] {
            std::fs::write(directory.join(name), pem).unwrap();
        }
    }
}

/// Ends TLS in front of a daemon's socket: the private daemon has a network of its own, without ports
/// that a test could reach. Gives the port.
async fn relay(daemon: &'static Dockerd, authority: &Authority) -> u16 {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.der().clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
    let (certificate, key) = authority.issue();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.unwrap())
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut client = acceptor.accept(stream).await?;
                let mut behind = UnixStream::connect(daemon.socket()).await?;
                tokio::io::copy_bidirectional(&mut client, &mut behind).await
            });
        }
    });
    port
}

fn backend(port: u16, tls_dir: &Path) -> Docker {
    Docker::open(OpenRequest {
        name: "docker".into(),
        config: json!({ "host": format!("tcp://127.0.0.1:{port}"), "tls-dir": tls_dir }),
        environment: BTreeMap::new().into(),
        now: Timestamp::from_unix_seconds(1_800_000_000),
    })
    .unwrap()
}

#[tokio::test]
async fn the_daemon_is_reached_with_the_right_certificates() {
    let daemon = shared();
    let authority = Authority::new();
    let files = tempfile::tempdir().unwrap();
    authority.write_client(files.path());
    let docker = backend(relay(daemon, &authority).await, files.path());

    let account = docker.check().await.unwrap();
    assert_eq!(
        *account.id,
        daemon.docker(&["info", "--format", "{{.ID}}"])[..]
    );
    let id = daemon.create(&[], &["true"]);
    let found = crate::real::support::known(&docker, Kind::CONTAINER, &id).await;
    docker.delete(&found.identity, GENTLE).await.unwrap();
    assert_eq!(docker.get(&found.identity).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_labelling_socket_adds_tls_and_passes_on_the_end_of_input() {
    let daemon = shared();
    let authority = Authority::new();
    let files = tempfile::tempdir().unwrap();
    authority.write_client(files.path());
    let port = relay(daemon, &authority).await;
    let host = format!("tcp://127.0.0.1:{port}");
    let front = Front::to(&json!({ "host": host, "tls-dir": files.path() }), "run-tls")
        .await
        .unwrap();
    let echoed = front.docker_reading(
        &["run", "--interactive", daemon.image(), "cat"],
        b"over tls",
    );
    assert_eq!(echoed.stdout, b"over tls", "{echoed:?}");
    let id = &front.socket.created()[0].native;
    assert_eq!(daemon.inspect(id, LABEL).unwrap(), "run-tls");

    let stranger = tempfile::tempdir().unwrap();
    Authority::new().write_client(stranger.path());
    let config = json!({ "host": host, "tls-dir": stranger.path() });
    let front = Front::to(&config, "run-stranger").await.unwrap();
    let refused = front.docker_reading(&["version"], b"");
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("tls with tcp://127.0.0.1"), "{said}");
}

#[tokio::test]
async fn certificates_of_another_authority_are_refused_on_both_sides() {
    let daemon = shared();
    let (theirs, ours) = (Authority::new(), Authority::new());
    let port = relay(daemon, &theirs).await;

    // We do not believe that it is the daemon.
    let files = tempfile::tempdir().unwrap();
    ours.write_client(files.path());
    let answer = backend(port, files.path()).check().await;
    assert_eq!(kind_of(answer), ErrorKind::Invalid);

    // It does not believe that we are a client: with the right authority and a certificate of another.
    std::fs::write(files.path().join("ca.pem"), theirs.certificate.pem()).unwrap();
    let error = backend(port, files.path()).check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
    assert!(error.hint.is_some(), "{error}");
}
