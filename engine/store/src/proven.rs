//! What was proven of owners.

use async_trait::async_trait;
use tbengine_engine::discover::recognise::LearnedIn;
use tbengine_sdk::Timestamp;

use crate::Result;

/// What was proven of owners by resources' own facts. By this a network is recognised when the containers that
/// proved whose it is are gone.
#[async_trait]
pub trait ProvenOwners: Send + Sync {
    /// What was proven since a time.
    ///
    /// # Errors
    /// If that cannot be read.
    async fn proven(&self, since: Timestamp) -> Result<Vec<LearnedIn>>;

    /// Notes what is proven at a time, and forgets what was proven last before another.
    ///
    /// # Errors
    /// If that cannot be written.
    async fn note_proven(
        &self,
        proven: &[LearnedIn],
        at: Timestamp,
        forget_before: Timestamp,
    ) -> Result<()>;
}
