//! Others that work on something.

use serde::Serialize;
use tbengine_sdk::Timestamp;

use crate::Process;

/// Who claims resources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Holder {
    /// The lease: for a run, its id.
    pub id: String,
    /// The kind of holder: `run`.
    pub kind: String,
    /// The process.
    pub process: Process,
    /// Since when.
    pub since: Timestamp,
    /// The fence of its claims.
    pub fence: u64,
}

/// Another holder works on some of the same resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockConflict {
    /// Who.
    pub holder: Holder,
    /// On how many of them.
    pub resources: usize,
}
