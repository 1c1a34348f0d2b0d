//! What the journal costs: `cargo bench -p tbengine-store --bench journal`.
#![expect(clippy::print_stdout, reason = "it is a program that prints figures")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use tbengine_engine::Facts;
use tbengine_engine::apply::{ApplyOptions, Control};
use tbengine_engine::clock::RunClock;
use tbengine_engine::plan::{Plan, Safeguards};
use tbengine_engine::policy::{
    Answer, Candidate, Failure, Fault, Force, Policy, PolicyContext, PolicySource, Proposal,
    RetryAdvice, Verdict,
};
use tbengine_engine::{Engine, EngineOptions};
use tbengine_memory::{Memory, container};
use tbengine_sdk::Timestamp;
use tbengine_sdk::host::OpenBackend;
use tbengine_store::{Host, LEASE_TTL, Process, SqliteStore, Store};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);
/// The most that a step may cost.
const TARGET: Duration = Duration::from_micros(50);
const ROUNDS: u32 = 5;

/// Wants everything gone.
struct Everything(PolicySource);

impl Policy for Everything {
    fn source(&self) -> &PolicySource {
        &self.0
    }

    fn decide(&self, _: &PolicyContext, candidates: &[Candidate<'_>]) -> Result<Answer, Fault> {
        let propose = |candidate: &Candidate<'_>| Proposal {
            id: candidate.resource.identity.id().to_string(),
            verdict: Verdict::Delete {
                reason: "the benchmark says so".into(),
                force: Force::Never,
                grace: None,
            },
            priority: 0,
        };
        Ok(Answer {
            proposals: candidates.iter().map(propose).collect(),
            log: Vec::new(),
        })
    }

    fn retry(&self, _: &PolicyContext, _: &Failure) -> Result<RetryAdvice, Fault> {
        Ok(RetryAdvice::NoOpinion)
    }
}

fn engine(steps: usize, run: &str) -> Engine {
    let memory = Memory::new("memory", NOW);
    for number in 0..steps {
        memory.insert(container(&format!("container-{number}")));
    }
    let open = OpenBackend::new("memory", "memory", Arc::new(memory.clone()));
    let options = EngineOptions {
        run: run.into(),
        now: memory.now(),
        scope: Default::default(),
        sizes: false,
        account_of_nothing: true,
        safeguards: Safeguards::default(),
        apply: ApplyOptions::default(),
    };
    Engine::new(vec![open], options)
}

fn host() -> Host {
    Host {
        process: Process {
            boot: "benchmark".into(),
            pid: std::process::id(),
            started: 0,
        },
        uptime: || Duration::from_secs(1),
        lease: LEASE_TTL,
    }
}

/// How long applying a plan took; with a journal also beginning it, and reading it back.
async fn measure(steps: usize, run: &str, store: Option<&dyn Store>) -> [Duration; 3] {
    let policy: Arc<dyn Policy> = Arc::new(Everything(PolicySource {
        name: "everything".into(),
        version: "1.0.0".into(),
        digest: "0".repeat(64),
        params: Default::default(),
    }));
    let engine = engine(steps, run);
    let inventory = Arc::new(engine.discover(&mut |_| {}).await);
    let facts = Facts::default();
    let planned = engine
        .plan(inventory, &facts, &policy, "-", false, &mut |_| {})
        .await;
    let plan: Plan = planned.plan;
    assert_eq!(plan.steps.len(), steps);
    let control = Control::default();
    let Some(store) = store else {
        let began = Instant::now();
        engine
            .apply(plan, &policy, &control, None, &mut |_| {})
            .await;
        return [Duration::ZERO, began.elapsed(), Duration::ZERO];
    };
    let began = Instant::now();
    let clock = RunClock::starting_at(NOW);
    let journal = store.begin(&plan, clock).await.expect("it begins");
    let beginning = began.elapsed();
    let began = Instant::now();
    engine
        .apply(
            plan,
            &policy,
            &control,
            Some(&journal.ledger()),
            &mut |_| {},
        )
        .await;
    let applying = began.elapsed();
    assert_eq!(journal.halt(), None);
    drop(journal);
    let began = Instant::now();
    let record = store.record(run).await.expect("it can be read");
    assert!(record.steps.iter().all(|step| !step.is_open()));
    [beginning, applying, began.elapsed()]
}

fn main() {
    let home = tempfile::tempdir().expect("a directory");
    let store =
        SqliteStore::create(&home.path().join("state"), &host()).expect("a state directory");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    println!(
        "{:>8} {:>12} {:>16} {:>12} {:>10}",
        "steps", "begin", "per step", "read", "target"
    );
    for steps in [100, 1000, 10_000] {
        let mut best = [Duration::MAX; 3];
        for round in 0..ROUNDS {
            let run = format!("run-{steps}-{round}");
            let [_, without, _] = runtime.block_on(measure(steps, &run, None));
            let [beginning, with, reading] = runtime.block_on(measure(steps, &run, Some(&store)));
            let per_step = with.saturating_sub(without) / u32::try_from(steps).expect("few");
            for (best, now) in best.iter_mut().zip([beginning, per_step, reading]) {
                *best = now.min(*best);
            }
        }
        let [beginning, per_step, reading] = best;
        let verdict = if per_step <= TARGET { "" } else { "  MISSED" };
        println!(
            "{steps:>8} {beginning:>12.1?} {per_step:>16.1?} {reading:>12.1?} {TARGET:>10.0?}{verdict}"
        );
    }
}
