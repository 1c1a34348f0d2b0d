//! Many deletions are proven by one listing, against a real daemon.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tbengine_docker::Docker;
use tbengine_dockerd::Dockerd;
use tbengine_engine::apply::{ApplyOptions, Control, apply};
use tbengine_engine::clock::RunClock;
use tbengine_engine::plan::{Action, Listing, PLAN_FORMAT, Plan, PlanHeader, Step};
use tbengine_engine::policy::{
    Answer, Candidate, Failure, Fault, Force, Policy, PolicyContext, PolicySource, RetryAdvice,
};
use tbengine_engine::report::{Report, StepResult};
use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::{
    Account, Backend, Capabilities, Class, DeleteOptions, Identity, Kind, ListRequest, Page,
    Resource, Result, StopOptions, Taken, Timestamp, async_trait,
};

use crate::real::support::{backend_of, listed};

/// A daemon whose requests are counted, and beside which somebody acts before each listing.
struct Counted {
    inner: Docker,
    listings: AtomicUsize,
    readings: AtomicUsize,
    neighbour: Box<dyn Fn() + Send + Sync>,
}

impl Counted {
    fn new(daemon: &Dockerd, neighbour: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            inner: backend_of(daemon, "60s"),
            listings: AtomicUsize::new(0),
            readings: AtomicUsize::new(0),
            neighbour: Box::new(neighbour),
        })
    }

    fn requests(&self) -> [usize; 2] {
        [&self.listings, &self.readings].map(|count| count.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl Backend for Counted {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn check(&self) -> Result<Account> {
        self.inner.check().await
    }

    async fn list(&self, request: ListRequest) -> Result<Page> {
        self.listings.fetch_add(1, Ordering::SeqCst);
        (self.neighbour)();
        self.inner.list(request).await
    }

    async fn get(&self, target: &Identity) -> Result<Option<Resource>> {
        self.readings.fetch_add(1, Ordering::SeqCst);
        self.inner.get(target).await
    }

    async fn stop(&self, target: &Identity, options: StopOptions) -> Result<Taken> {
        self.inner.stop(target, options).await
    }

    async fn delete(&self, target: &Identity, options: DeleteOptions) -> Result<Taken> {
        self.inner.delete(target, options).await
    }
}

struct NoOpinion(PolicySource);

impl Policy for NoOpinion {
    fn source(&self) -> &PolicySource {
        &self.0
    }

    fn decide(&self, _: &PolicyContext, _: &[Candidate<'_>]) -> std::result::Result<Answer, Fault> {
        Ok(Answer {
            proposals: Vec::new(),
            log: Vec::new(),
        })
    }

    fn retry(&self, _: &PolicyContext, _: &Failure) -> std::result::Result<RetryAdvice, Fault> {
        Ok(RetryAdvice::NoOpinion)
    }
}

fn step(found: Resource) -> Step {
    Step {
        target: found.identity,
        class: Class::Compute,
        name: found.name,
        state: found.state,
        damaged: false,
        started: found.started,
        unit: None,
        action: Action::Delete {
            force: Force::Always,
            grace: Duration::ZERO,
        },
        reason: "the test says so".to_owned(),
        priority: 0,
        after: Vec::new(),
        alone: false,
        along: Vec::new(),
        known: Default::default(),
        bound: Vec::new(),
        listing: Listing::Present,
    }
}

/// Deletes everything of a kind.
async fn clean(counted: &Arc<Counted>, kind: Kind) -> Report {
    let found = listed(&counted.inner, kind).await;
    let account = counted.check().await.unwrap();
    let policy: Arc<dyn Policy> = Arc::new(NoOpinion(PolicySource {
        name: "none".into(),
        version: "1.0.0".into(),
        digest: "none".into(),
        params: BTreeMap::new(),
    }));
    let now = Timestamp::from_unix_seconds(2_000_000_000);
    let plan = Plan {
        header: PlanHeader {
            format: PLAN_FORMAT.to_owned(),
            run: "proving".into(),
            created: now,
            policy: policy.source().clone(),
            policy_origin: "none".to_owned(),
            scope: Default::default(),
            clocks: Default::default(),
            accounts: [("docker".into(), account.id)].into(),
            configuration: String::new(),
            limits: None,
        },
        steps: found.into_iter().map(step).map(Arc::new).collect(),
        refusals: Vec::new(),
        blast_radius: None,
        digest: None,
        following: Default::default(),
        changed: Vec::new(),
    };
    let backends = [OpenBackend::new("docker", "docker", counted.clone())];
    apply(
        plan,
        &backends,
        policy,
        &ApplyOptions::default(),
        &Control::default(),
        RunClock::starting_at(now),
        None,
        &mut |_| {},
    )
    .await
}

/// Each is read before it is deleted, and two for each listing afterwards. On a busy machine the deletions take so long
/// that there are several listings, and a few that are left are read each.
fn assert_few_requests(counted: &Counted, deletions: usize) {
    let [listings, readings] = counted.requests();
    assert!(listings >= 1);
    assert!(
        readings < deletions * 2 && readings >= deletions + 2,
        "{readings} readings, {listings} listings"
    );
}

#[tokio::test]
async fn one_listing_proves_what_was_deleted_and_a_neighbour_of_the_same_name_stays() {
    const COUNT: usize = 24;
    let daemon = match Dockerd::start() {
        Ok(daemon) => Arc::new(daemon),
        Err(error) => panic!("{error}"),
    };
    for number in 0..COUNT {
        daemon.create(&["--name", &format!("c{number}")], &["true"]);
        daemon.create_network(&format!("n{number}"), &["--internal"]);
    }
    let beside = daemon.clone();
    let counted = Counted::new(&daemon, move || {
        // The names are free, so the deletions were made.
        beside.create(&["--name", "c0"], &["true"]);
    });
    let report = clean(&counted, Kind::CONTAINER).await;
    assert_eq!(report.counts()[&StepResult::Deleted], COUNT, "{report:?}");
    assert_few_requests(&counted, COUNT);
    let left = listed(&counted.inner, Kind::CONTAINER).await;
    assert_eq!(left.len(), 1, "the neighbour's");

    let counted = Counted::new(&daemon, || {});
    let report = clean(&counted, Kind::NETWORK).await;
    assert_eq!(report.counts()[&StepResult::Deleted], COUNT, "{report:?}");
    assert_few_requests(&counted, COUNT);
    assert_eq!(listed(&counted.inner, Kind::NETWORK).await, []);
}
