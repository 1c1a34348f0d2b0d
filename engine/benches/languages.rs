//! What one policy costs in each language: `cargo bench -p tbengine-engine --bench languages -- FOLDER`.
//!
//! The folder holds `LANGUAGE.wasm` files; the test `languages` leaves them in `target/tmp/policy-languages`, which is
//! where they are looked for unless a folder is named.
#![expect(clippy::print_stdout, reason = "it is a program that prints figures")]
#![expect(
    clippy::disallowed_methods,
    reason = "it waits for the thread that writes the cache"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tbengine_engine::policy::{
    Candidate, Limits, Policy, PolicyContext, PolicyEngine, PolicyEngineOptions,
};
use tbengine_sdk::{Identity, Kind, Resource, State, Timestamp};

const NOW: i64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;
const RESOURCES: usize = 10_000;

fn main() {
    let named = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let folder = named.map_or_else(
        || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("policy-languages"),
        PathBuf::from,
    );
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| {
            panic!(
                "{}: {error}; run the test `languages` first",
                folder.display()
            )
        })
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let resources: Vec<Resource> = (0..RESOURCES).map(resource).collect();
    let candidates: Vec<Candidate<'_>> = resources.iter().map(Candidate::alone).collect();
    println!("language         size kB   compile ms   from the cache ms   resources/s on one core");
    for file in files {
        let wasm = std::fs::read(&file).unwrap();
        let cache = tempfile::tempdir().unwrap();
        let load = || {
            let engine = PolicyEngine::new(PolicyEngineOptions {
                cache_dir: Some(cache.path().to_owned()),
                threads: Some(1),
                ..PolicyEngineOptions::default()
            })
            .unwrap();
            let started = Instant::now();
            let policy = engine.load(&wasm, "bench").unwrap();
            (started.elapsed(), policy)
        };
        let (compile, _) = load();
        // The cache is written by a thread of its own.
        std::thread::sleep(Duration::from_secs(2));
        let (cached, policy) = load();
        let policy = policy
            .configure(&BTreeMap::new(), Limits::default())
            .unwrap();
        let mut best = Duration::MAX;
        for _ in 0..5 {
            let started = Instant::now();
            let answer = policy.decide(&context(), &candidates).unwrap();
            best = best.min(started.elapsed());
            assert_eq!(answer.proposals.len(), RESOURCES / 50 * 25);
        }
        println!(
            "{:<15} {:>8.1} {:>12.1} {:>19.1} {:>14.0}",
            file.file_stem().unwrap_or_default().to_string_lossy(),
            wasm.len() as f64 / 1000.0,
            compile.as_secs_f64() * 1000.0,
            cached.as_secs_f64() * 1000.0,
            RESOURCES as f64 / best.as_secs_f64()
        );
    }
}

fn context() -> PolicyContext {
    PolicyContext {
        dry_run: true,
        ..PolicyContext::new(Timestamp::from_unix_ms(NOW), "bench")
    }
}

/// A container of an age from 0 to 49 hours: half of them are too old.
fn resource(number: usize) -> Resource {
    let age = HOUR * (number % 50) as i64;
    let identity = Identity {
        backend: "docker".into(),
        account: "daemon".into(),
        kind: Kind::CONTAINER,
        native: format!("{number:064x}"),
        created: Some(Timestamp::from_unix_ms(NOW - age)),
    };
    let mut resource = Resource::new(identity, format!("task-{number}"), State::Exited);
    resource.labels = (0..8)
        .map(|label| {
            (
                format!("com.docker.compose.label-{label}"),
                format!("value of {number}"),
            )
        })
        .collect();
    resource
}
