//! Every figure beside its target, from all benchmarks: where we stand.
//!
//! `cargo bench -p tbengine-tests --bench figures [-- NAME...]`, e.g. `-- faults plan` for some of them.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its figures"
)]

mod support;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// What there is: a name, what it is about, and the arguments for cargo.
const PARTS: &[(&str, &str, &str)] = &[
    (
        "promises",
        "simulated runs that break a promise",
        "run --release --locked -p tbengine-simulation -- --seeds 20000",
    ),
    (
        "faults",
        "failures and requests under faults, in simulated time",
        "run --release --locked -p tbengine-simulation -- --figures 100",
    ),
    (
        "policy",
        "what a call of a policy costs",
        "bench --locked -p tbengine-engine --bench policy",
    ),
    (
        "journal",
        "what the record of a run costs",
        "bench --locked -p tbengine-engine --bench journal",
    ),
    (
        "plan",
        "planning large inventories",
        "bench --locked -p tbengine-tests --bench plan",
    ),
    (
        "memory",
        "the most memory a run holds",
        "bench --locked -p tbengine-tests --bench memory",
    ),
    (
        "lanes",
        "whether backends wait for each other",
        "bench --locked -p tbengine-tests --bench lanes -- --backends 200",
    ),
    (
        "signals",
        "how fast a run obeys",
        "bench --locked -p tbengine-tests --bench signals",
    ),
    (
        "plugin",
        "what a backend from outside costs",
        "bench --locked -p tbengine-plugin-tests --bench plugin",
    ),
    (
        "provider",
        "listing a service over HTTP from outside",
        "bench --locked -p tbengine-e2b --bench listing",
    ),
    (
        "daytona",
        "the fake Daytona service: limits, faults, an outage",
        "bench --locked -p tbengine-tests --bench daytona",
    ),
    (
        "docker",
        "a real dockerd, beside the docker command",
        "bench --locked -p tbengine-tests --bench docker",
    ),
    (
        "concurrency",
        "calls at once on a real dockerd",
        "bench --locked -p tbengine-tests --bench concurrency",
    ),
    (
        "crashes",
        "a tenth of the kills and crashes",
        "bench --locked -p tbengine-tests --bench crashes -- --kills 300 --docker-kills 10 --crashes 2 --freezes 2 --safeguards 50",
    ),
];

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|name| !PARTS.iter().any(|part| part.0 == **name))
    {
        let known: Vec<_> = PARTS.iter().map(|part| part.0).collect();
        eprintln!(
            "error: there are no figures called `{unknown}`; known: {}",
            known.join(", ")
        );
        std::process::exit(2);
    }
    let (mut figures, mut missed, mut broken) = (0, Vec::new(), Vec::new());
    for (name, about, arguments) in PARTS {
        if !wanted.is_empty() && !wanted.iter().any(|one| one == name) {
            continue;
        }
        println!("\n{name}: {about}");
        let mut child = support::cargo()
            .args(arguments.split_whitespace())
            .env("CARGO_TERM_QUIET", "true")
            .stdout(Stdio::piped())
            .spawn()
            .expect("cargo runs");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        for line in lines.map_while(Result::ok) {
            figures += usize::from(has_target(&line));
            if line.ends_with("MISSED") {
                missed.push(line.clone());
            }
            println!("{line}");
        }
        if !child.wait().expect("cargo ends").success() {
            broken.push(*name);
        }
    }
    println!("\n{figures} figures with a target, {} missed", missed.len());
    for line in &missed {
        println!("{line}");
    }
    if !broken.is_empty() {
        eprintln!("error: failed: {}", broken.join(", "));
        std::process::exit(1);
    }
}

/// Whether a line has a figure beside its target: `… <= 1.15` or `…     1.0x`.
fn has_target(line: &str) -> bool {
    let line = line.trim_end_matches("MISSED").trim_end();
    line.contains("<= ") || line.contains(">= ") || line.ends_with('x') && line.contains('s')
}
