//! The time zone of a policy.

use std::sync::Arc;

use tbengine_sdk::Timestamp;

/// The time zone of a policy, as it is at the time of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its name, like `Europe/Berlin`.
    pub name: Arc<str>,
    /// Minutes east of UTC.
    pub offset_minutes: i32,
    /// When the offset changes next, and the minutes east of UTC from then on.
    pub next_change: Option<(Timestamp, i32)>,
}

impl Default for Zone {
    /// UTC, which never changes.
    fn default() -> Self {
        Self {
            name: "UTC".into(),
            offset_minutes: 0,
            next_change: None,
        }
    }
}
