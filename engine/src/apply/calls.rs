//! The calls of an attempt to its backend, each within the time that is left.

use std::time::Duration;

use tbengine_sdk::host::{OpenBackend, call};
use tbengine_sdk::{Error, ErrorKind, Identity, Resource};
use tokio::time::Instant;

/// The calls of an attempt to its backend.
pub(super) struct Calls {
    pub(super) open: OpenBackend,
    /// How long one may take.
    pub(super) timeout: Duration,
    /// When the time of the step or of the run has passed: no call waits longer.
    pub(super) until: Instant,
}

/// A read that fails within this time is repeated at once.
const QUICK_RETRY_LIMIT: Duration = Duration::from_secs(1);

impl Calls {
    /// Makes a call, named for messages.
    pub(super) async fn call<T>(
        &self,
        what: &str,
        future: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let left = self.until.saturating_duration_since(Instant::now());
        call(what, self.timeout.min(left), future).await
    }

    /// Reads a resource; once more at once after a passing fault, since a read does no harm. One that took long is
    /// not repeated.
    pub(super) async fn get(&self, target: &Identity) -> Result<Option<Resource>, Error> {
        let began = Instant::now();
        match self.get_once(target).await {
            Err(error)
                if error.kind == ErrorKind::Transient && began.elapsed() < QUICK_RETRY_LIMIT =>
            {
                self.get_once(target).await
            }
            answer => answer,
        }
    }

    async fn get_once(&self, target: &Identity) -> Result<Option<Resource>, Error> {
        match self.call("get", self.open.backend.get(target)).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            // Such answers are to changes. A read that gives one says nothing about the resource.
            Err(error)
                if matches!(
                    error.kind,
                    ErrorKind::Conflict | ErrorKind::Dependency | ErrorKind::InProgress
                ) =>
            {
                Err(Error {
                    kind: ErrorKind::Internal,
                    ..error
                })
            }
            answer => answer,
        }
    }
}
