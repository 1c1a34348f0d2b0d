//! What was deleted before under the same name.

use async_trait::async_trait;
use tbengine_sdk::Timestamp;

use crate::Result;

/// In how many runs something of a name was deleted. What is there again each night is made anew by something that has to
/// be stopped first.
#[async_trait]
pub trait Returns: Send + Sync {
    /// Notes what a run deleted, by keys that are the same for what is made anew, and forgets what was deleted last before
    /// a time. Answers in how many earlier runs each was deleted, in the order of the keys.
    ///
    /// # Errors
    /// If that cannot be written.
    async fn note_deleted(
        &self,
        keys: &[String],
        at: Timestamp,
        forget_before: Timestamp,
    ) -> Result<Vec<u32>>;
}
