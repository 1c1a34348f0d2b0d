//! Counters of what runs.

use serde::{Deserialize, Serialize};

use crate::identity::Identity;
use crate::time::Timestamp;

/// Counters of something that runs. Two samples of one run say whether it did anything between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Sample {
    /// What runs.
    pub target: Identity,
    /// When the counters were read, by the provider's clock.
    pub at: Timestamp,
    /// Processor time used since it began to run, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_ns: Option<u64>,
    /// Bytes received and sent since it began to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_bytes: Option<u64>,
    /// Bytes read from and written to disks since it began to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<u64>,
    /// Memory in use now, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// When somebody last used it, where the provider keeps that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
}
