//! What a call of a policy costs: `cargo bench -p tbengine-engine --bench policy`.
#![expect(clippy::print_stdout, reason = "it is a program that prints figures")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use tbengine_engine::policy::{
    Candidate, ConfiguredPolicy, Limits, Policy, PolicyContext, PolicyEngine, PolicyEngineOptions,
};
use tbengine_sdk::{Identity, Kind, Owner, Resource, State, Timestamp, Unit};

/// That of the command line.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW: i64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;
const LABELS: usize = 8;
/// How many resources belong to one unit.
const UNIT: usize = 2;

fn main() {
    let engine = PolicyEngine::new(PolicyEngineOptions {
        threads: Some(1),
        ..Default::default()
    })
    .unwrap();
    let default = tbengine_builtins::get("default").unwrap().wasm;
    let started = Instant::now();
    let policy = engine.load(default, "default").unwrap();
    println!(
        "compile default ({} kB): {:.1?}",
        default.len() / 1000,
        started.elapsed()
    );

    let cases = [
        ("default, mixed states", "default", vec![]),
        (
            "default, one label asked for",
            "default",
            vec![("labels", "com.docker.compose.project")],
        ),
        ("silent, no labels, in chunks of 10000", "hostile", vec![]),
        (
            "silent, all 8 labels, in chunks of 10000",
            "hostile",
            vec![("labels", "everything")],
        ),
    ];
    drop(policy);
    for (title, name, params) in cases {
        let wasm = if name == "hostile" {
            tbengine_builtins::HOSTILE
        } else {
            default
        };
        let params: BTreeMap<String, String> = params
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let policy = engine
            .load(wasm, name)
            .unwrap()
            .configure(&params, Limits::default())
            .unwrap();
        println!(
            "{title}; {} MiB of guest memory for 100000",
            guest_memory(&engine, wasm, &params)
        );
        for count in [1, 100, 10_000, 100_000] {
            measure(&policy, count);
        }
    }
    println!("default, all cores; the target is 1,000,000/s on two");
    let engine = PolicyEngine::new(PolicyEngineOptions::default()).unwrap();
    let policy = engine
        .load(default, "default")
        .unwrap()
        .configure(&BTreeMap::new(), Limits::default())
        .unwrap();
    for count in [100_000, 1_000_000] {
        measure(&policy, count);
    }
}

fn measure(policy: &ConfiguredPolicy, count: usize) {
    let resources: Vec<Resource> = (0..count).map(resource).collect();
    let candidates: Vec<Candidate<'_>> = resources.iter().enumerate().map(candidate).collect();
    let context = context();
    let rounds = (200_000 / count).clamp(1, 200);
    let memory = peak_kib();
    let mut best = f64::MAX;
    let mut proposals = 0;
    for _ in 0..rounds.max(3) {
        let started = Instant::now();
        let answer = black_box(policy.decide(&context, &candidates).unwrap());
        best = best.min(started.elapsed().as_secs_f64());
        proposals = answer.proposals.len();
    }
    println!(
        "  {count:>8} resources: {:>9.0} µs, {:>6.3} µs each, {:>9.0}/s, {proposals} verdicts, peak memory +{} MiB",
        best * 1e6,
        best * 1e6 / count as f64,
        count as f64 / best,
        (peak_kib() - memory) / 1024
    );
}

/// The least limit of memory, in MiB, with which a policy can evaluate 100 000 resources.
fn guest_memory(engine: &PolicyEngine, wasm: &[u8], params: &BTreeMap<String, String>) -> u64 {
    let resources: Vec<Resource> = (0..100_000).map(resource).collect();
    let candidates: Vec<Candidate<'_>> = resources.iter().enumerate().map(candidate).collect();
    let policy = engine.load(wasm, "bench").unwrap();
    let enough = |mib: &u64| {
        let limits = Limits {
            memory: mib << 20,
            ..Limits::default()
        };
        policy
            .configure(params, limits)
            .is_ok_and(|policy| policy.decide(&context(), &candidates).is_ok())
    };
    (1..32).map(|step| step * 8).find(enough).unwrap_or(0)
}

fn candidate((number, resource): (usize, &Resource)) -> Candidate<'_> {
    Candidate {
        group: number / UNIT,
        ..Candidate::alone(resource)
    }
}

fn context() -> PolicyContext {
    PolicyContext {
        dry_run: true,
        ..PolicyContext::new(Timestamp::from_unix_ms(NOW), "bench")
    }
}

/// The most memory this process had in use; 0 where the system does not say.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

/// Containers as a machine that runs benchmarks has them: of four, three have ended.
fn resource(number: usize) -> Resource {
    let age = HOUR * (number % 50) as i64;
    let identity = Identity {
        backend: "docker".into(),
        account: "daemon".into(),
        kind: Kind::CONTAINER,
        native: format!("{number:064x}"),
        created: Some(Timestamp::from_unix_ms(NOW - age)),
    };
    let state = if number.is_multiple_of(4) {
        State::Running
    } else {
        State::Exited
    };
    let mut resource = Resource::new(
        identity,
        format!("task-{number}__abcdefg__env-main-1"),
        state,
    );
    resource.finished = (state == State::Exited).then(|| Timestamp::from_unix_ms(NOW - age / 2));
    resource.unit = Some(Unit(format!("task-{}__abcdefg__env", number / UNIT)));
    resource.owner = Owner::Benchmark("harbor".to_owned());
    resource.labels = (0..LABELS)
        .map(|label| match label {
            0 => (
                "com.docker.compose.project".to_owned(),
                format!("task-{}__abcdefg__env", number / UNIT),
            ),
            label => (
                format!("com.docker.compose.label-{label}"),
                format!("value {label} of {number}"),
            ),
        })
        .collect();
    resource
}
