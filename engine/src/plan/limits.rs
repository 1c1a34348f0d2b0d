//! The limits under which a plan was made, for the run that resumes it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{MaxDelete, Safeguards};

/// The limits that the operator set for a run. A run that is resumed goes on under its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Limits {
    /// Resources that are younger are kept.
    #[serde(with = "crate::duration", rename = "min-age-ms")]
    pub min_age: Duration,
    /// What carries the id of a run whose lease is not known is kept until it is this old.
    #[serde(with = "crate::duration", rename = "unknown-lease-age-ms")]
    pub unknown_lease_age: Duration,
    /// The most that may be deleted or stopped, if the operator said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_delete: Option<MaxDelete>,
    /// Without `max-delete`: how many running resources of unproven owner may be ended.
    pub max_unproven_running: usize,
}

impl From<&Safeguards> for Limits {
    fn from(safeguards: &Safeguards) -> Self {
        Self {
            min_age: safeguards.min_age,
            unknown_lease_age: safeguards.unknown_lease_age,
            max_delete: safeguards.max_delete,
            max_unproven_running: safeguards.max_unproven_running,
        }
    }
}
