//! Leases, hosts and resources.

use std::cell::Cell;
use std::time::Duration;

use tbengine_engine::discover::Inventory;
use tbengine_engine::terms::{Later, Terms};
use tbengine_sdk::{Identity, Kind, Resource, State, Timestamp};
use tbengine_store::journal::{Host, Process, StateDir};
use tbengine_store::lease::record::LEASE_FORMAT;
use tbengine_store::lease::{Baseline, Claim, Lease, Standing, Store};
use tempfile::TempDir;

/// When every lease of these tests was taken.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A time so many milliseconds after the lease was taken; before it, if negative.
pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOW.as_unix_ms() + ms)
}

thread_local! {
    /// The uptime that the hosts of this test see. Each test has a thread of its own.
    static UPTIME: Cell<Duration> = const { Cell::new(Duration::from_secs(1000)) };
}

/// Lets so much time pass.
pub(crate) fn pass(time: Duration) {
    UPTIME.set(UPTIME.get() + time);
}

/// A host in its first start, or a later one.
pub(crate) fn host_of(boot: &str) -> Host {
    Host {
        process: Process {
            boot: boot.into(),
            pid: 1,
            started: 7,
        },
        uptime: || UPTIME.get(),
        lease: seconds(30),
    }
}

pub(crate) fn host() -> Host {
    host_of("boot-1")
}

/// A state directory with the leases in it.
pub(crate) struct Home {
    _directory: TempDir,
    pub(crate) state: StateDir,
    pub(crate) store: Store,
}

impl Home {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDir::create(&directory.path().join("state")).unwrap();
        let store = Store::create(&state).unwrap();
        Self {
            _directory: directory,
            state,
            store,
        }
    }

    /// Where a file of a lease lies.
    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.state.path().join("leases").join(name)
    }
}

/// A lease that processes hold.
pub(crate) fn lease(id: &str) -> Lease {
    Lease {
        format: LEASE_FORMAT.into(),
        id: id.into(),
        since: NOW,
        holder: host().process,
        claim: Claim::Lock,
        terms: Terms {
            backends: vec!["memory".into()],
            ..Terms::default()
        },
        ended: None,
        later: Later::default(),
    }
}

/// A lease that holds for so long without being renewed.
pub(crate) fn timed(id: &str, ttl: Duration) -> Lease {
    Lease {
        claim: Claim::for_time(ttl, &host()),
        ..lease(id)
    }
}

/// A resource that was made a second after the lease was taken.
pub(crate) fn resource(kind: Kind, name: &str) -> Resource {
    let identity = Identity {
        backend: "memory".into(),
        account: "account".into(),
        kind,
        native: name.into(),
        created: Some(at(1000)),
    };
    Resource::new(identity, name, State::Running)
}

pub(crate) fn container(name: &str) -> Resource {
    resource(Kind::Container, name)
}

pub(crate) fn inventory(resources: &[Resource]) -> Inventory {
    Inventory::new(Default::default(), resources.to_vec(), Vec::new())
}

/// A baseline, taken now, of these resources.
pub(crate) fn baseline(resources: &[Resource]) -> Baseline {
    Baseline::of(&inventory(resources), NOW)
}

/// The standing of a lease as any process sees it.
pub(crate) fn standing(store: &Store, id: &str) -> Standing {
    store.standing(&store.read(id).unwrap(), &host())
}

/// What the store says of each lease that it can read.
pub(crate) fn standings(store: &Store) -> Vec<(String, Standing)> {
    let all = store.all(&host()).unwrap();
    all.into_iter()
        .flatten()
        .map(|(lease, standing)| (lease.id, standing))
        .collect()
}
