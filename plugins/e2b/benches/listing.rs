//! What it costs to list a service over HTTP through the library, beside the same code linked in.
//!
//! `cargo bench -p tbengine-e2b --bench listing`

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tbengine_e2b::E2b;
use tbengine_plugin_host::{Plugin, PluginOptions};
use tbengine_sdk::{Backend, Kind, ListRequest};

#[path = "../tests/support/fake.rs"]
mod fake;
#[path = "../tests/support/plugin.rs"]
mod plugin;

use fake::{Fake, KEY};
use plugin::{request, spec};

const SANDBOXES: usize = 100_000;
const LABELS: usize = 8;
const ROUNDS: usize = 5;

fn main() {
    // The service has a thread of its own, as it would elsewhere.
    let service = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime starts");
    let fake = Fake::default();
    let address = service.block_on(fake.serve());
    for number in 0..SANDBOXES {
        let label = |at| (format!("label-{at}"), format!("value-{at}-{number}"));
        let labels: BTreeMap<_, _> = (0..LABELS).map(label).collect();
        fake.make(number % 2 == 0, labels);
    }
    let linked: Arc<dyn Backend> = Arc::new(E2b::open(request(&address, KEY)).expect("it opens"));
    let plugin = Plugin::load(&spec(), &PluginOptions::default()).expect("the library loads");
    let opening = plugin.open_channel(&plugin.request("e2b", &request(&address, KEY)));
    let loaded = opening.expect("it opens").into_backend("cloud".into());
    // As the command line does.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    let (mut native, mut through) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        native.push(runtime.block_on(list(&linked)));
        through.push(runtime.block_on(list(&loaded)));
    }
    let (native, through) = (median(native), median(through));
    let ratio = through / native;
    let verdict = if ratio <= 2.0 { "" } else { "  MISSED" };
    println!("{SANDBOXES} sandboxes of a service on loopback, linked in {native:>8.3} s");
    println!("{SANDBOXES} sandboxes of a service on loopback, library   {through:>8.3} s");
    println!("library over linked in {ratio:>35.2} x   <= 2{verdict}");
    runtime.shutdown_background();
    service.shutdown_background();
}

/// The time to list everything, page by page.
async fn list(backend: &Arc<dyn Backend>) -> Duration {
    let begin = Instant::now();
    let (mut count, mut request) = (0, ListRequest::first(Kind::SANDBOX));
    loop {
        let page = backend.list(request.clone()).await.expect("it lists");
        count += page.resources.len();
        match page.next {
            Some(next) => request.cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(count, SANDBOXES);
    begin.elapsed()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}
