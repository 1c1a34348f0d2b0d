//! Leases, hosts and resources.

use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

use tbengine_engine::discover::Inventory;
use tbengine_engine::terms::Terms;
use tbengine_sdk::{Identity, Kind, Resource, State, Timestamp};
use tbengine_store::{
    Baseline, Host, LeaseEntry, LeaseStatus, NewLease, Observed, Process, SqliteStore, Store,
};
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

/// A process of a host in one of its starts.
pub(crate) fn host_of(boot: &str, pid: u32) -> Host {
    Host {
        process: Process {
            boot: boot.into(),
            pid,
            started: 7,
        },
        uptime: || UPTIME.get(),
        lease: seconds(3600),
    }
}

/// A process of a host in its first start.
pub(crate) fn host(pid: u32) -> Host {
    host_of("boot-1", pid)
}

/// A state directory with a store in it.
pub(crate) struct Home {
    _directory: TempDir,
    state: PathBuf,
    pub(crate) store: SqliteStore,
}

impl Home {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state");
        let store = SqliteStore::create(&state, &host(1)).unwrap();
        Self {
            _directory: directory,
            state,
            store,
        }
    }

    /// The store as another process of the host uses it.
    pub(crate) fn store_of(&self, host: &Host) -> SqliteStore {
        SqliteStore::open(&self.state, host).unwrap().unwrap()
    }

    /// Where something lies below the state directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    /// Where a file of a lease lies.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path("leases").join(name)
    }
}

/// A lease that processes hold.
pub(crate) fn lease(id: &str) -> NewLease {
    NewLease {
        id: id.into(),
        since: NOW,
        terms: Terms {
            backends: vec!["memory".into()],
            ..Terms::default()
        },
        ttl: None,
    }
}

/// A lease that holds for so long without being renewed.
pub(crate) fn timed(id: &str, ttl: Duration) -> NewLease {
    NewLease {
        ttl: Some(ttl),
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
    resource(Kind::CONTAINER, name)
}

pub(crate) fn inventory(resources: &[Resource]) -> Inventory {
    Inventory::new(Default::default(), resources.to_vec(), Vec::new())
}

/// A volume that was seen being created.
pub(crate) fn seen(name: &str, created: Option<Timestamp>) -> Observed {
    Observed {
        kind: Kind::VOLUME,
        native: name.into(),
        created,
    }
}

/// A baseline, taken now, of these resources.
pub(crate) fn baseline(resources: &[Resource]) -> Baseline {
    Baseline::of(&inventory(resources), NOW)
}

/// The status of a lease as any process sees it.
pub(crate) async fn status(store: &dyn Store, id: &str) -> LeaseStatus {
    store.lease(id).await.unwrap().status
}

/// The leases that can be read.
pub(crate) async fn readable(store: &dyn Store) -> Vec<LeaseEntry> {
    store.all().await.unwrap().into_iter().flatten().collect()
}

/// What the store says of each lease that it can read.
pub(crate) async fn standings(store: &dyn Store) -> Vec<(String, LeaseStatus)> {
    let all = readable(store).await.into_iter();
    all.map(|entry| (entry.lease.id, entry.status)).collect()
}

/// The ids of the leases that can be read.
pub(crate) async fn ids(store: &dyn Store) -> Vec<String> {
    let all = readable(store).await.into_iter();
    all.map(|entry| entry.lease.id).collect()
}

/// Runs something to its end on a thread that has no runtime yet.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(work)
}
