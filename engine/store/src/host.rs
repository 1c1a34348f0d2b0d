//! What a store has to know of this process and this host. The caller looks it up.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a lease of a run holds without being renewed.
pub const LEASE_TTL: Duration = Duration::from_secs(30);

/// This process, and the clock that leases count by.
#[derive(Clone)]
pub struct Host {
    /// This process.
    pub process: Process,
    /// The time since the host was started, suspensions included: Linux' `CLOCK_BOOTTIME`. Never the
    /// wall clock, which can be set.
    pub uptime: fn() -> Duration,
    /// How long a lease of this process holds without being renewed; [`LEASE_TTL`]
    /// unless the operator says otherwise. It is renewed six times as often.
    pub lease: Duration,
}

/// A process, distinct from every other that ever had its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Process {
    /// The id of this start of the host.
    pub boot: String,
    /// Its number.
    pub pid: u32,
    /// When it was started, in the kernel's ticks since the host was.
    pub started: u64,
}

impl Host {
    pub(crate) fn lease_ms(&self) -> u64 {
        tbengine_engine::duration::millis(self.lease)
    }

    pub(crate) fn uptime_ms(&self) -> u64 {
        tbengine_engine::duration::millis((self.uptime)())
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("process", &self.process)
            .finish_non_exhaustive()
    }
}
