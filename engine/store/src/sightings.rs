//! When things were first seen.

use async_trait::async_trait;
use tbengine_engine::facts::IdentityKey;
use tbengine_sdk::Timestamp;

use crate::Result;

/// When things were first seen that do not say when they arrived. An image that was pulled yesterday may have been
/// built a year ago; its age counts from the first time that anybody saw it here.
#[async_trait]
pub trait Sightings: Send + Sync {
    /// When each was first seen that was seen since a time.
    ///
    /// # Errors
    /// If that cannot be read.
    async fn first_seen(&self, since: Timestamp) -> Result<Vec<(IdentityKey, Timestamp)>>;

    /// Notes what was seen at a time, and forgets what was seen last before another.
    ///
    /// # Errors
    /// If that cannot be written.
    async fn note_seen(
        &self,
        seen: &[IdentityKey],
        at: Timestamp,
        forget_before: Timestamp,
    ) -> Result<()>;
}
