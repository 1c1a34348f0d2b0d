//! What a broken connection to a registry means.

use std::error::Error as StdError;
use std::io;

use tokio_rustls::rustls::{self, CertificateError};

use crate::error::Error;

/// What became of a request that got no answer. Of its URL only the host is shown: the rest may be signed.
pub(crate) fn broken(error: &reqwest::Error, registry: &str) -> Error {
    // What the registry redirects to can break as well.
    let elsewhere = error.url().and_then(|url| url.host_str());
    let host = match elsewhere {
        Some(other) if !registry.starts_with(other) => other.to_owned(),
        _ => registry.to_owned(),
    };
    if error.is_redirect() {
        return Error::Redirect {
            host,
            what: "in a loop, or to an unencrypted address",
        };
    }
    if let Some(tls) = cause::<rustls::Error>(error) {
        let what = match tls {
            rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) => format!("the certificate of {host} is signed by an untrusted authority"),
            rustls::Error::InvalidMessage(_) => format!("{host} does not speak TLS"),
            other => format!("TLS with {host} failed: {other}"),
        };
        return Error::Tls { what };
    }
    let what = match cause::<io::Error>(error).map(io::Error::kind) {
        _ if error.is_timeout() => "did not accept the connection in time",
        Some(io::ErrorKind::ConnectionRefused) => "refused the connection",
        _ if error.is_connect() => "cannot be reached",
        _ => "closed the connection before the answer was complete",
    };
    Error::Unreachable {
        host,
        what: what.to_owned(),
    }
}

/// The first cause of a type; what an I/O error wraps counts as well.
fn cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}
