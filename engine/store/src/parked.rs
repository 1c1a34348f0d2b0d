//! What failed in run after run, and is parked until someone looks at it.

use std::collections::HashMap;

use async_trait::async_trait;
use tbengine_engine::facts::{IdentityKey, QuarantineEntry};

use crate::Result;

/// The resources that failed in run after run. What counts is the identity, creation time included: something
/// new under an old name starts anew. A run notes how it ended for each when its ledger is finished.
#[async_trait]
pub trait Parked: Send + Sync {
    /// What failed or came back in at least so many runs; 0 parks nothing.
    ///
    /// # Errors
    /// If that cannot be read.
    async fn parked(&self, after: u32) -> Result<HashMap<IdentityKey, QuarantineEntry>>;

    /// Forgets the failures of resources, so that their next failure is their first.
    ///
    /// # Errors
    /// If that cannot be written.
    async fn forget(&self, resources: &[IdentityKey]) -> Result<()>;
}
