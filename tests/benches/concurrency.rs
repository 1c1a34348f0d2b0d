//! Whether the engine finds out how many calls at once suit a dockerd: the throughput with the limit it
//! finds, beside the best of several fixed ones, and how long a deletion is under way with each.
//!
//! `cargo bench -p tbengine-tests --bench concurrency [-- --count 100 --rounds 3]`

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its figures"
)]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use support::{argument, figure, median};
use tbengine_docker::Docker;
use tbengine_dockerd::Dockerd;
use tbengine_engine::apply::{ApplyOptions, Control, apply};
use tbengine_engine::clock::RunClock;
use tbengine_engine::plan::{Action, Known, Listing, PLAN_FORMAT, Plan, PlanHeader, Step};
use tbengine_engine::policy::{
    Answer, Candidate, Failure, Fault, Force, Policy, PolicyContext, PolicySource, RetryAdvice,
};
use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::{
    Account, Backend, Capabilities, Class, DeleteOptions, Identity, Kind, ListRequest, OpenRequest,
    Page, Resource, Result, StopOptions, Taken, Timestamp, async_trait,
};

const FIXED: [usize; 5] = [1, 2, 4, 8, 16];

fn main() {
    let rounds = argument("--rounds", 3);
    let count = argument("--count", 100);
    let daemon = Dockerd::start().unwrap_or_else(|error| {
        eprintln!("error: {error}");
        std::process::exit(1);
    });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    // The found limit takes part in every round, and no side always meets the colder daemon.
    let sides: Vec<Option<usize>> = FIXED.into_iter().map(Some).chain([None]).collect();
    let mut walls: BTreeMap<Option<usize>, Vec<Duration>> = BTreeMap::new();
    let mut middles: BTreeMap<Option<usize>, Vec<Duration>> = BTreeMap::new();
    for round in 0..rounds {
        for place in 0..sides.len() {
            let side = sides[(place + round) % sides.len()];
            populate(&daemon, count);
            let (wall, middle) = runtime.block_on(clean(&daemon, side));
            walls.entry(side).or_default().push(wall);
            middles.entry(side).or_default().push(middle);
        }
    }
    let walls: BTreeMap<_, _> = walls
        .into_iter()
        .map(|(side, all)| (side, median(all)))
        .collect();
    let middles: BTreeMap<_, _> = middles
        .into_iter()
        .map(|(side, all)| (side, median(all)))
        .collect();
    for side in &sides {
        let name = side.map_or("found".to_owned(), |limit| format!("{limit} at once"));
        println!(
            "{:<58} {:>9.3}s  p50 {:>7.1} ms",
            format!("{count} running containers, {name}"),
            walls[side].as_secs_f64(),
            middles[side].as_secs_f64() * 1e3
        );
    }
    let best = sides
        .iter()
        .filter(|side| side.is_some())
        .min_by_key(|side| walls[*side])
        .expect("there are fixed ones");
    figure(
        "throughput with the found limit, over the best fixed one",
        walls[best].as_secs_f64() / walls[&None].as_secs_f64(),
        "x",
        0.95,
        false,
    );
    figure(
        "a deletion's p50 with the found limit, over that one's",
        middles[&None].as_secs_f64() / middles[best].as_secs_f64(),
        "x",
        2.0,
        true,
    );
}

fn populate(daemon: &Dockerd, count: usize) {
    const AT_ONCE: usize = 4;
    std::thread::scope(|scope| {
        for worker in 0..AT_ONCE {
            scope.spawn(move || {
                for _ in (worker..count).step_by(AT_ONCE) {
                    daemon.run(&["--network", "none"], &["sleep", "100000"]);
                }
            });
        }
    });
}

/// Deletes every container, and answers how long that took and the p50 of a deletion.
async fn clean(daemon: &Dockerd, concurrency: Option<usize>) -> (Duration, Duration) {
    let docker = Docker::open(OpenRequest {
        name: "docker".into(),
        config: serde_json::json!({ "host": daemon.host() }),
        environment: BTreeMap::new().into(),
        now: Timestamp::from_unix_seconds(0),
    })
    .expect("the private daemon can be opened");
    let measured = Arc::new(Measured {
        inner: docker,
        latencies: Mutex::default(),
    });
    let account = measured.check().await.expect("it answers");
    let page = measured
        .list(ListRequest::first(Kind::CONTAINER))
        .await
        .expect("it lists");
    let now = Timestamp::from_unix_seconds(2_000_000_000);
    let policy: Arc<dyn Policy> = Arc::new(NoOpinion(PolicySource {
        name: "none".into(),
        version: "1.0.0".into(),
        digest: "none".into(),
        params: BTreeMap::new(),
    }));
    let plan = Plan {
        header: PlanHeader {
            limits: None,
            format: PLAN_FORMAT.to_owned(),
            run: "concurrency".into(),
            created: now,
            policy: policy.source().clone(),
            policy_origin: "none".to_owned(),
            scope: Default::default(),
            clocks: Default::default(),
            accounts: [("docker".into(), account.id)].into(),
            configuration: String::new(),
        },
        steps: page.resources.into_iter().map(step).map(Arc::new).collect(),
        refusals: Vec::new(),
        blast_radius: None,
        digest: None,
        following: Default::default(),
        changed: Vec::new(),
    };
    let backends = [OpenBackend::new("docker", "docker", measured.clone())];
    let options = ApplyOptions {
        concurrency,
        ask_policy: false,
        ..ApplyOptions::default()
    };
    let began = Instant::now();
    let report = apply(
        plan,
        &backends,
        policy,
        &options,
        &Control::default(),
        RunClock::starting_at(now),
        None,
        &mut |_| {},
    )
    .await;
    let wall = began.elapsed();
    assert!(!report.has_failures(), "{report:?}");
    assert_eq!(daemon.docker(&["ps", "-aq"]), "", "containers are left");
    let latencies = measured
        .latencies
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    (wall, median(latencies))
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
        reason: "the benchmark says so".to_owned(),
        priority: 0,
        after: Vec::new(),
        bound: Vec::new(),
        alone: false,
        along: Vec::new(),
        listing: Listing::Present,
        known: Known::default(),
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

/// A dockerd whose deletions are timed.
struct Measured {
    inner: Docker,
    latencies: Mutex<Vec<Duration>>,
}

#[async_trait]
impl Backend for Measured {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn check(&self) -> Result<Account> {
        self.inner.check().await
    }

    async fn list(&self, request: ListRequest) -> Result<Page> {
        self.inner.list(request).await
    }

    async fn get(&self, target: &Identity) -> Result<Option<Resource>> {
        self.inner.get(target).await
    }

    async fn stop(&self, target: &Identity, options: StopOptions) -> Result<Taken> {
        self.inner.stop(target, options).await
    }

    async fn delete(&self, target: &Identity, options: DeleteOptions) -> Result<Taken> {
        let began = Instant::now();
        let answer = self.inner.delete(target, options).await;
        self.latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(began.elapsed());
        answer
    }
}
