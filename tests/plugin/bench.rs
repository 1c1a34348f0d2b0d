//! What a call through a plugin costs beside the same call of what is linked in.
//!
//! `cargo bench -p tbengine-plugin-tests --bench plugin`

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tbengine_engine::clock::RunClock;
use tbengine_engine::discover::{DiscoverOptions, discover};
use tbengine_engine::scope::Scope;
use tbengine_plugin_host::{Code, Plugin, PluginOptions, PluginSpec, open};
use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::{Backend, Identity, Kind, ListRequest, OpenRequest, Timestamp};

/// That of the command line. The library and the program keep the one of the system, as others will.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

// Linked in, both kinds are there without a plugin as well.
use tbengine_plugin_tests as _;

fn main() {
    let mut library: PathBuf = std::env::current_exe().expect("this program has a path");
    library.set_file_name("libtbengine_plugin_tests.so");
    let library = load(Code::Library(library));
    let program = load(Code::Program {
        path: env!("CARGO_BIN_EXE_plugin-program").into(),
        arguments: Vec::new(),
        pins: Default::default(),
    });
    // As the command line does: one thread for what waits, and threads for what may block.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime.block_on(async {
        calls(&library, &program).await;
        listing(&library, &program).await;
        many(&library).await;
    });
    runtime.shutdown_background();
}

fn load(code: Code) -> Plugin {
    let spec = PluginSpec {
        name: "bench".into(),
        code,
        sha256: Some("any".into()),
        variables: Vec::new(),
    };
    Plugin::load(&spec, &PluginOptions::default()).expect("the plugin loads")
}

fn request(config: Value) -> OpenRequest {
    OpenRequest {
        name: "bench".into(),
        config,
        environment: Arc::default(),
        now: Timestamp::from_unix_seconds(1_800_000_000),
    }
}

fn native(kind: &str, config: Value) -> Arc<dyn Backend> {
    open(kind, request(config)).expect("it opens").backend
}

fn through(plugin: &Plugin, kind: &str, config: Value) -> Arc<dyn Backend> {
    let opening = plugin.open_channel(&plugin.request(kind, &request(config)));
    opening.expect("it opens").into_backend("bench".into())
}

fn figure(name: &str, value: f64, unit: &str, target: f64) {
    let verdict = if value <= target { "" } else { "  MISSED" };
    println!("{name:<64} {value:>10.2} {unit:<3} <= {target}{verdict}");
}

fn shown(name: &str, value: f64, unit: &str) {
    println!("{name:<64} {value:>10.2} {unit}");
}

/// The middle of many single calls, in microseconds.
async fn call_time(backend: &Arc<dyn Backend>) -> f64 {
    let target = Identity {
        backend: "bench".into(),
        account: "rough".into(),
        kind: Kind::SANDBOX,
        native: "sb-1".into(),
        created: None,
    };
    let mut times = Vec::new();
    for _ in 0..5000 {
        let begin = Instant::now();
        backend.get(&target).await.expect("it answers");
        times.push(begin.elapsed());
    }
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e6
}

async fn calls(library: &Plugin, program: &Plugin) {
    let linked = call_time(&native("rough", json!({}))).await;
    let loaded = call_time(&through(library, "rough", json!({}))).await;
    let started = call_time(&through(program, "rough", json!({}))).await;
    shown("get, linked in", linked, "us");
    figure(
        "get through the library, more than linked in",
        loaded - linked,
        "us",
        100.0,
    );
    shown(
        "get through the program, more than linked in",
        started - linked,
        "us",
    );
}

/// The time to list everything, page by page.
async fn list_time(backend: &Arc<dyn Backend>) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let (begin, mut count) = (Instant::now(), 0);
        for kind in backend.capabilities().words() {
            let mut request = ListRequest::first(kind);
            loop {
                let page = backend.list(request.clone()).await.expect("it lists");
                count += page.resources.len();
                match page.next {
                    Some(next) => request.cursor = Some(next),
                    None => break,
                }
            }
        }
        assert_eq!(count, 100_000);
        best = best.min(begin.elapsed());
    }
    best
}

/// The time of the stage that asks every backend, in one go.
async fn discover_time(backend: Arc<dyn Backend>) -> Duration {
    let open = OpenBackend::new("bench", "memory", backend);
    let options = DiscoverOptions {
        sizes: false,
        disks: false,
        call_timeout: Duration::from_secs(60),
        page_size: 1000,
        account_of_nothing: false,
        follow: false,
        until: None,
        clock: RunClock::starting_at(Timestamp::from_unix_ms(0)),
    };
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let begin = Instant::now();
        let found = discover(std::slice::from_ref(&open), &Scope::default(), options).await;
        assert_eq!(found.resources.len(), 100_000);
        best = best.min(begin.elapsed());
    }
    best
}

async fn listing(library: &Plugin, program: &Plugin) {
    // A provider over a network takes at least this for a page; one in memory takes nothing.
    for latency in ["0ms", "10ms"] {
        let config = json!({ "resources": 100_000, "latency": latency });
        let ways = [
            ("linked in", native("memory", config.clone())),
            ("library", through(library, "memory", config.clone())),
            ("program", through(program, "memory", config.clone())),
        ];
        let mut base = [1.0, 1.0];
        for (way, backend) in ways {
            let listed = list_time(&backend).await.as_secs_f64();
            let discovered = discover_time(backend).await.as_secs_f64();
            if way == "linked in" {
                base = [listed, discovered];
            }
            for (what, time, base) in [
                ("pages", listed, base[0]),
                ("discovery", discovered, base[1]),
            ] {
                let name = format!("100,000 resources, {latency} a page, {what}, {way}");
                match way {
                    "library" => figure(&name, time / base, "x", 2.0),
                    "program" => shown(&name, time / base, "x"),
                    _ => shown(&name, time * 1e3, "ms"),
                }
            }
        }
    }
}

async fn many(library: &Plugin) {
    let backend = through(library, "rough", json!({ "takes-ms": 20 }));
    let begin = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..10_000 {
        let backend = backend.clone();
        calls.spawn(async move { backend.list(ListRequest::first(Kind::SANDBOX)).await });
    }
    while let Some(answer) = calls.join_next().await {
        answer.expect("no panic").expect("it answers");
    }
    let took = begin.elapsed().as_secs_f64() * 1e3;
    shown(
        "10,000 calls of 20 ms at once on one thread of the plugin",
        took,
        "ms",
    );
}
