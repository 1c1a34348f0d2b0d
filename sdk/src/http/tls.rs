//! TLS as all backends have it: rustls on ring, with authorities that the system or a file names.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
pub use tokio_rustls::rustls;

use crate::error::{Error, ErrorKind, Result};

/// Whose certificates are trusted.
#[derive(Clone, Copy, Debug)]
pub enum Roots<'a> {
    /// Those of the authorities that the system trusts, and of those in a PEM file, if one is given.
    System(Option<&'a Path>),
    /// Those of the authorities in a PEM file alone.
    File(&'a Path),
    /// Nobody's, for connections without TLS.
    Nobody,
}

/// Begins a configuration: safe versions of the protocol, and whose certificates are trusted.
///
/// # Errors
/// `Invalid` if the file cannot be read, or there is no certificate.
pub fn configure(roots: Roots<'_>) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>> {
    let mut store = RootCertStore::empty();
    let file = match roots {
        Roots::System(file) => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            file
        }
        Roots::File(file) => Some(file),
        Roots::Nobody => None,
    };
    if let Some(file) = file
        && store.add_parsable_certificates(certificates(file)?).0 == 0
    {
        return Err(invalid(format!("{} has no certificate", file.display())));
    }
    if store.is_empty() && !matches!(roots, Roots::Nobody) {
        let text = "this system has no certificate authorities";
        return Err(invalid(text.to_owned()).with_hint("install ca-certificates"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| invalid(format!("tls cannot be set up: {error}")))?;
    Ok(builder.with_root_certificates(store))
}

/// The certificates in a PEM file.
///
/// # Errors
/// `Invalid` if it cannot be read.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(file, &error))
}

/// The error for a PEM file that cannot be used.
pub fn unreadable(file: &Path, error: &dyn std::fmt::Display) -> Error {
    invalid(format!(
        "{} cannot be used for tls: {error}",
        file.display()
    ))
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::Invalid, message)
}
