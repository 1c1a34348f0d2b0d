//! A lease as it is written down.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_sdk::{Resource, Timestamp};

use crate::journal::{Host, Process};
use crate::scope::LabelFilter;

/// The version of the format.
pub const LEASE_FORMAT: &str = "tbengine-lease/1";

/// A lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Lease {
    /// [`LEASE_FORMAT`].
    pub format: String,
    /// Its id. Resources made under it carry it in the label [`RUN_ID_LABEL`].
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
}

/// What keeps a lease live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "by", deny_unknown_fields)]
pub enum Claim {
    /// Processes that hold its lock: it is over as soon as the last of them is gone.
    Lock,
    /// Time: it is over unless it is renewed before. Counted by the host's uptime, so a restart of the
    /// host ends it as well.
    #[serde(rename_all = "kebab-case")]
    Time {
        /// How long it holds from each renewal, in milliseconds.
        ttl_ms: u64,
        /// When it is over, in milliseconds of the host's uptime.
        expires_ms: u64,
        /// During which start of the host.
        boot: String,
    },
}

/// What counts as made under a lease.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Terms {
    /// The configured names of the backends it is about.
    pub backends: Vec<String>,
    /// Further labels that prove it, besides the id of the lease. One filter that matches is enough.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    /// Whether a resource without proof may count.
    pub own: Own,
    /// Directories whose trials name units that count: Harbor's job directory, Terminal-Bench's run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub job_dirs: Vec<PathBuf>,
    /// The program that runs under it. Its arguments may hold secrets, so they are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The configuration file that names the backends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<PathBuf>,
}

/// Labels that must all be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Filter(pub Vec<LabelFilter>);

/// Whether a resource that nothing proves to be ours may count as ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Own {
    /// No: it is reported.
    #[default]
    Proven,
    /// Yes, if it was created while the lease was live, carries no sign of anyone else, and no other
    /// lease was live then.
    CreatedDuringRun,
}

impl Claim {
    /// A claim that holds for so long from now on.
    pub fn for_time(ttl: Duration, host: &Host) -> Self {
        let ttl_ms = crate::report::outcome::millis(ttl);
        Self::Time {
            ttl_ms,
            expires_ms: host.uptime_ms().saturating_add(ttl_ms),
            boot: host.process.boot.clone(),
        }
    }
}

impl Filter {
    /// Whether a resource has all of the labels. A filter without labels matches nothing.
    pub fn matches(&self, resource: &Resource) -> bool {
        !self.0.is_empty() && self.0.iter().all(|label| label.matches(resource))
    }
}

impl Lease {
    /// Whether the labels of a resource say that it was made under this lease.
    pub fn is_labelled(&self, resource: &Resource) -> bool {
        resource.labels.get(RUN_ID_LABEL) == Some(&*self.id)
            || self
                .terms
                .filters
                .iter()
                .any(|filter| filter.matches(resource))
    }
}
