//! What goes wrong with registries, each in one sentence. Nothing that a registry wrote is repeated but media
//! types and numbers: it could send back the credentials.

use std::path::PathBuf;
use std::time::Duration;

use crate::reference::{Digest, ReferenceError};

/// Whether something is read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It is read.
    Pull,
    /// It is written.
    Push,
}

/// Why a policy could not be fetched from a registry, or pushed to it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not a reference.
    #[error("{0}")]
    Reference(#[from] ReferenceError),
    /// Registries are not in this build.
    #[error("`{reference}` is in a registry, and this tbengine was built without oci")]
    LeftOut {
        /// The reference.
        reference: String,
    },
    /// It names no digest where one decides what runs.
    #[error("`{reference}` has no digest: tags are mutable, pin it")]
    NoDigest {
        /// The reference.
        reference: String,
    },
    /// A digest is what pushing comes to.
    #[error("`{reference}` has a digest; push to a tag")]
    PushToDigest {
        /// The reference.
        reference: String,
    },
    /// Nobody is to be asked.
    #[error("`{reference}` is not in the cache, and tbengine is offline")]
    Offline {
        /// The reference.
        reference: String,
    },
    /// Nobody is to be asked, and pushing is nothing else.
    #[error("cannot push while offline")]
    PushOffline,
    /// No registry may be contacted, and the cached file is damaged.
    #[error(
        "{} in the cache does not match its digest, and tbengine is offline",
        path.display()
    )]
    Damaged {
        /// Its file.
        path: PathBuf,
    },
    /// Nobody answers.
    #[error("{host} {what}")]
    Unreachable {
        /// The registry.
        host: String,
        /// What it does instead, for people.
        what: String,
    },
    /// It does not prove who it is.
    #[error("{what}")]
    Tls {
        /// What is wrong, for people.
        what: String,
    },
    /// It took too long.
    #[error("{host} did not finish within {}", humantime::format_duration(*after))]
    Timeout {
        /// The registry.
        host: String,
        /// How long it had.
        after: Duration,
    },
    /// The caller ended the wait.
    #[error("stopped waiting for the registry")]
    Stopped,
    /// It wants to know who asks.
    #[error("{host} requires credentials for {repository}, and none are configured")]
    NoCredentials {
        /// The registry.
        host: String,
        /// The repository.
        repository: String,
    },
    /// It does not believe who asks.
    #[error("{host} refused the credentials of {source_name} for {repository}")]
    RefusedCredentials {
        /// The registry.
        host: String,
        /// The repository.
        repository: String,
        /// Where they come from.
        source_name: String,
    },
    /// Who asks may not do this.
    #[error("{host} denies permission to {} {repository}", verb(*doing))]
    Forbidden {
        /// The registry.
        host: String,
        /// The repository.
        repository: String,
        /// What it does not allow.
        doing: Doing,
    },
    /// It is not there.
    #[error("{reference} does not exist")]
    Missing {
        /// The reference.
        reference: String,
    },
    /// It is not there, so nothing can be put into it.
    #[error("{host} has no repository {repository} to push to")]
    NoRepository {
        /// The registry.
        host: String,
        /// The repository.
        repository: String,
    },
    /// It had enough.
    #[error("{host}: rate limited{}", wait(*after))]
    Limited {
        /// The registry.
        host: String,
        /// What the registry asks for.
        after: Option<Duration>,
    },
    /// It is broken.
    #[error("{host} failed with status {status}")]
    Failed {
        /// The registry.
        host: String,
        /// The status.
        status: u16,
    },
    /// It said what no registry says here.
    #[error("unexpected answer from {host}: {what}")]
    Unexpected {
        /// The registry.
        host: String,
        /// What it answered, for people.
        what: String,
    },
    /// It sends more than there can be.
    #[error("{host} sent more than {limit} bytes as {what}")]
    TooLarge {
        /// The registry.
        host: String,
        /// What was asked for.
        what: &'static str,
        /// The most that there can be, in bytes.
        limit: usize,
    },
    /// It sent something else.
    #[error("{host} sent {what} with the digest {found}; expected {expected}")]
    WrongDigest {
        /// The registry.
        host: String,
        /// What was asked for.
        what: &'static str,
        /// The digest that was asked for.
        expected: Digest,
        /// The digest of what was sent.
        found: Digest,
    },
    /// It keeps something else than it was sent.
    #[error("{host} stored the manifest {kept}; sent {sent}")]
    Rewritten {
        /// The registry.
        host: String,
        /// The digest of what it was sent.
        sent: Digest,
        /// The digest of what it keeps.
        kept: Digest,
    },
    /// The artifact is not a policy.
    #[error("{reference} is not a policy: {what}")]
    NoPolicy {
        /// The reference.
        reference: String,
        /// What it is instead, for people.
        what: String,
    },
    /// It sends us where we do not go.
    #[error("{host} redirects {what}")]
    Redirect {
        /// The registry.
        host: String,
        /// What it redirects, and where.
        what: &'static str,
    },
    /// What holds the credentials cannot be used.
    #[error("{what}")]
    Keychain {
        /// What is wrong, for people.
        what: String,
    },
    /// The machine does not let us.
    #[error("failed to {what}: {why}")]
    Start {
        /// What failed.
        what: &'static str,
        /// Why.
        why: String,
    },
}

fn verb(doing: Doing) -> &'static str {
    match doing {
        Doing::Pull => "pull from",
        Doing::Push => "push to",
    }
}

fn wait(after: Option<Duration>) -> String {
    after.map_or_else(String::new, |after| {
        format!(", retry after {}", humantime::format_duration(after))
    })
}
