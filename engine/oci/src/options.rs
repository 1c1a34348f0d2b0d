//! What registries are spoken with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The variables that hold credentials, and say which registry they are for: a reference in the file of
/// someone's project must not have them sent elsewhere.
pub const VARIABLES: [&str; 3] = [HOST, USER, PASSWORD];
pub(crate) const HOST: &str = "TBENGINE_REGISTRY_HOST";
pub(crate) const USER: &str = "TBENGINE_REGISTRY_USER";
pub(crate) const PASSWORD: &str = "TBENGINE_REGISTRY_PASSWORD";

/// What registries are spoken with. Not for logs: the environment may hold a password.
#[derive(Clone)]
pub struct RegistryOptions {
    /// The directory that keeps what was fetched; `None` keeps nothing.
    pub cache: Option<PathBuf>,
    /// The environment, for credentials: [`VARIABLES`](VARIABLES), and where docker's `config.json` is.
    pub environment: Arc<BTreeMap<String, String>>,
    /// Whether no registry is asked, so that only the cache answers.
    pub offline: bool,
    /// Whether TLS is left out; `None` leaves it out on this machine only.
    pub plain_http: Option<bool>,
    /// How long one call may take.
    pub timeout: Duration,
    /// The largest policy, in bytes. What is larger is refused.
    pub largest: usize,
    /// Ends the wait for a registry.
    pub stop: CancellationToken,
}
