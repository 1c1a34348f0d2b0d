//! A lease as it is written down.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tbengine_sdk::{Resource, Timestamp};

use crate::{Host, Process};
use tbengine_engine::terms::{Later, Terms};

/// The version of the format.
pub const LEASE_FORMAT: &str = "tbengine-lease/1";

/// A lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lease {
    /// [`LEASE_FORMAT`].
    pub format: String,
    /// Its id. Resources made under it carry it in the label [`RUN_ID_LABEL`](tbengine_sdk::owner::RUN_ID_LABEL).
    pub id: String,
    /// Since when.
    pub since: Timestamp,
    /// Who took it.
    pub holder: Process,
    /// What keeps it live.
    pub claim: Claim,
    /// What counts as made under it.
    pub terms: Terms,
    /// When everything made under it was seen to be gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// Fields that a later version added. They are written back as they were read.
    #[serde(flatten)]
    pub later: Later,
}

/// What keeps a lease live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "by", deny_unknown_fields)]
pub enum Claim {
    /// Processes that hold its lock: it ends as soon as the last of them is gone.
    Lock,
    /// Time: it expires unless it is renewed before. Counted by the host's uptime, so a restart of the
    /// host ends it as well.
    #[serde(rename_all = "kebab-case")]
    Time {
        /// How long it holds from each renewal, in milliseconds.
        ttl_ms: u64,
        /// When it expires, in milliseconds of the host's uptime.
        expires_ms: u64,
        /// During which start of the host.
        boot: String,
    },
}

impl Claim {
    /// A claim that holds for so long from now on.
    pub(crate) fn for_time(ttl: Duration, host: &Host) -> Self {
        let ttl_ms = tbengine_engine::duration::millis(ttl);
        Self::Time {
            ttl_ms,
            expires_ms: host.uptime_ms().saturating_add(ttl_ms),
            boot: host.process.boot.clone(),
        }
    }
}

impl Lease {
    /// Whether a resource carries the id of this lease, or is what one of its filters names.
    pub fn names(&self, resource: &Resource) -> bool {
        self.terms.name(&self.id, resource)
    }

    /// Whether this tbengine knows every field of the record. One that a later version wrote protects by
    /// what can be read of it, and is left to that version to sweep: what it names may be narrower.
    pub fn is_understood(&self) -> bool {
        self.later.is_empty() && self.terms.is_understood()
    }
}
