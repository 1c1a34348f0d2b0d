//! How long plugins may take.

use std::time::Duration;

/// How long plugins may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To say what they are, and to open a backend.
    pub open: Duration,
    /// To answer a request.
    pub call: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            open: Duration::from_secs(10),
            call: tbengine_sdk::backend::CALL_TIMEOUT,
        }
    }
}
