//! What a policy proposes for a resource.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One opinion about one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The id as the policy wrote it; not yet known to name a candidate.
    pub id: String,
    /// What it proposes.
    pub verdict: Verdict,
    /// Higher goes first.
    pub priority: i32,
}

/// Keep, stop, archive or delete, always with a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// Leave it alone.
    Keep {
        /// Why, in the policy's words.
        reason: String,
    },
    /// End it and leave it there.
    Stop {
        /// Why, in the policy's words.
        reason: String,
        /// How long it may take to end by itself; `None` means the engine's default.
        grace: Option<Duration>,
    },
    /// Move it to cold storage. What runs is ended first, as by `Stop`.
    Archive {
        /// Why, in the policy's words.
        reason: String,
        /// How long what runs may take to end by itself; `None` means the engine's default.
        grace: Option<Duration>,
    },
    /// Delete it.
    Delete {
        /// Why, in the policy's words.
        reason: String,
        /// When it may be killed.
        force: Force,
        /// How long what runs may take to end by itself; `None` means the engine's default.
        grace: Option<Duration>,
    },
}

/// When a running resource may be killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Force {
    /// Never: what runs when its turn comes is left alone.
    #[default]
    Never,
    /// Not in the first two attempts, which ask it to end. Later ones may, if the retry advice escalated to it or
    /// there is none.
    OnRetry,
    /// From the first attempt on, after the grace period.
    Always,
}
