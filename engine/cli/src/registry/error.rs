//! What goes wrong with registries, each in one sentence, and what to do about it. Nothing that a registry
//! wrote is repeated but media types and numbers: it could send back the credentials.

use std::path::PathBuf;
use std::time::Duration;

use super::reference::{Digest, ReferenceError};

/// Whether something is read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    Pull,
    Push,
}

/// Why a policy could not be fetched from a registry, or pushed to it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    /// It is no reference.
    #[error("{0}")]
    Reference(#[from] ReferenceError),
    /// It names no digest where one decides what runs.
    #[error("`{reference}` names no digest, and whoever may push can put another policy there")]
    NoDigest { reference: String },
    /// A digest is what pushing comes to.
    #[error("`{reference}` names a digest, and a policy is pushed to a tag")]
    PushToDigest { reference: String },
    /// Nobody is to be asked.
    #[error("`{reference}` is not in the cache, and --offline asks no registry")]
    Offline { reference: String },
    /// Nobody is to be asked, and pushing is nothing else.
    #[error("--offline asks no registry, so nothing is pushed")]
    PushOffline,
    /// Nobody is to be asked, and what is there is broken.
    #[error(
        "{} in the cache does not have its digest, and --offline asks no registry",
        path.display()
    )]
    Damaged { path: PathBuf },
    /// Nobody answers.
    #[error("{host} {what}")]
    Unreachable { host: String, what: String },
    /// It does not prove who it is.
    #[error("{what}")]
    Tls { what: String },
    /// It took too long.
    #[error("{host} was not done within {}", humantime::format_duration(*after))]
    Timeout { host: String, after: Duration },
    /// It wants to know who asks.
    #[error("{host} wants credentials for {repository}, and there are none for it here")]
    NoCredentials { host: String, repository: String },
    /// It does not believe who asks.
    #[error("{host} refused the credentials of {source_name} for {repository}")]
    RefusedCredentials {
        host: String,
        repository: String,
        source_name: String,
    },
    /// Who asks may not do this.
    #[error("{host} does not allow to {} {repository}", verb(*doing))]
    Forbidden {
        host: String,
        repository: String,
        doing: Doing,
    },
    /// It is not there.
    #[error("there is no {reference}")]
    Missing { reference: String },
    /// It is not there, so nothing can be put into it.
    #[error("{host} has no repository {repository} to push to")]
    NoRepository { host: String, repository: String },
    /// It had enough.
    #[error("{host} allows no more requests for now{}", wait(*after))]
    Limited {
        host: String,
        /// What the registry asks for.
        after: Option<Duration>,
    },
    /// It is broken.
    #[error("{host} failed with status {status}")]
    Failed { host: String, status: u16 },
    /// It said what no registry says here.
    #[error("{host} answered {what}, which is not what a registry answers here")]
    Unexpected { host: String, what: String },
    /// It sends more than there can be.
    #[error("{host} sent more than {limit} bytes as {what}")]
    TooLarge {
        host: String,
        what: &'static str,
        limit: usize,
    },
    /// It sent something else.
    #[error("{host} sent {what} with the digest {found}, and {expected} was asked for")]
    WrongDigest {
        host: String,
        what: &'static str,
        expected: Digest,
        found: Digest,
    },
    /// It keeps something else than it was sent.
    #[error("{host} was sent the manifest {sent} and keeps {kept}")]
    Rewritten {
        host: String,
        sent: Digest,
        kept: Digest,
    },
    /// The artifact is not a policy.
    #[error("{reference} is not a policy: {what}")]
    NoPolicy { reference: String, what: String },
    /// It sends us where we do not go.
    #[error("{host} redirects {what}")]
    Redirect { host: String, what: &'static str },
    /// What holds the credentials cannot be used.
    #[error("{what}")]
    Keychain { what: String },
    /// The machine does not let us.
    #[error("failed to {what}: {why}")]
    Start { what: &'static str, why: String },
}

fn verb(doing: Doing) -> &'static str {
    match doing {
        Doing::Pull => "pull from",
        Doing::Push => "push to",
    }
}

fn wait(after: Option<Duration>) -> String {
    after.map_or_else(String::new, |after| {
        format!(", and asks to wait {}", humantime::format_duration(after))
    })
}

const LOG_IN: &str = "`docker login` to it, or set TBENGINE_REGISTRY_HOST, TBENGINE_REGISTRY_USER and \
                      TBENGINE_REGISTRY_PASSWORD";
const ONCE_FETCHED: &str = "a policy that was fetched once by its digest is taken from the cache";

impl RegistryError {
    /// What the operator can do about it.
    pub(crate) fn hints(&self) -> Vec<String> {
        let hints: &[&str] = match self {
            Self::NoDigest { reference } => {
                return vec![format!(
                    "`tbengine policy pull {reference}` prints the reference with the digest that it has now"
                )];
            }
            Self::Reference(_) => &["for example oci://ghcr.io/team/nightly:1.0"],
            Self::PushToDigest { .. } => &["leave the digest away; pushing prints it"],
            Self::Offline { .. } => &[
                "`tbengine policy pull` with the digest fetches it into the cache",
                "by a tag alone nothing can be found there",
            ],
            Self::Damaged { .. } => &["without --offline it is fetched again"],
            Self::Unreachable { .. } => &[
                "check the reference, the network and the variables of a proxy",
                ONCE_FETCHED,
            ],
            Self::Tls { .. } => &[
                "a private authority is trusted by SSL_CERT_FILE",
                "a registry without TLS is asked with --plain-http",
            ],
            Self::Timeout { .. } => &["allow more time with --registry-timeout", ONCE_FETCHED],
            Self::NoCredentials { .. } => &[LOG_IN],
            Self::RefusedCredentials { .. } => &[
                LOG_IN,
                "see whether they have expired, and whether they are allowed this repository",
            ],
            Self::Forbidden { .. } => &["ask its owner for access, or use other credentials"],
            Self::Missing { .. } => &[
                "check the name, the tag and the digest",
                "many registries say the same of what they do not show to whoever asks",
            ],
            Self::NoRepository { .. } => &["check the name; some registries want it made first"],
            Self::Limited { .. } => &[
                "try again later; with credentials most allow more",
                ONCE_FETCHED,
            ],
            Self::Failed { .. } => &["try again later", ONCE_FETCHED],
            Self::Unexpected { .. } => {
                &["see whether a registry answers there; `curl -i https://HOST/v2/` shows it"]
            }
            Self::TooLarge { .. } | Self::WrongDigest { .. } => {
                &["nothing of it was used; ask whoever runs the registry"]
            }
            Self::Rewritten { .. } => {
                &["what is there now was not pushed from here; push to another registry"]
            }
            Self::NoPolicy { .. } => &["`tbengine policy push FILE REF` makes what is read here"],
            Self::Redirect { .. } => &["nothing was sent there; ask whoever runs the registry"],
            Self::Keychain { .. } => &[
                "TBENGINE_REGISTRY_HOST, TBENGINE_REGISTRY_USER and TBENGINE_REGISTRY_PASSWORD come first",
            ],
            Self::PushOffline | Self::Start { .. } => &[],
        };
        hints.iter().map(|hint| (*hint).to_owned()).collect()
    }
}
