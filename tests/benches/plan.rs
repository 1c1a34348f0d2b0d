//! How fast a policy judges, and what a whole `plan` takes, over the simulated provider.
//!
//! `cargo bench -p tbengine-tests --bench plan`

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod support;

use std::time::Duration;

use support::{Program, figure, median};

/// How often everything is measured; the middle one counts.
const ROUNDS: usize = 5;

fn main() {
    let program = Program::build();
    let place = tempfile::tempdir().expect("a temporary directory");
    let cache = place.path().join("cache");
    let cache = cache.to_str().expect("its path is text");
    let environment = [("XDG_CACHE_HOME", cache)];

    let first = program.time(&plan_of(&config(place.path(), 40)), &environment);
    let second: Vec<Duration> = (0..5)
        .map(|_| program.time(&plan_of(&config(place.path(), 40)), &environment))
        .collect();
    let second = median(second);
    println!(
        "{:<58} {:>9.1} ms then {:.1} ms from the cache",
        "plan of 40 resources, policy compiled",
        millis(first),
        millis(second)
    );

    let sizes = [100_000, 1_000_000];
    let runs = [3, 1];
    let configs = sizes.map(|count| config(place.path(), count));
    // What the simulated provider takes to make itself up is no part of planning.
    let (mut starts, mut after) = ([const { Vec::new() }; 2], [const { Vec::new() }; 2]);
    let mut growth = Vec::new();
    // Both sizes in every round: a machine that is slower for a while is slower for both.
    for _ in 0..ROUNDS {
        let mut per_resource = [0.0; 2];
        for (at, config) in configs.iter().enumerate() {
            let middle = |arguments: &[&str]| {
                let times = (0..runs[at]).map(|_| program.time(arguments, &environment));
                median(times.collect())
            };
            let start = middle(&start_of(config));
            let planned = middle(&plan_of(config)).saturating_sub(start);
            starts[at].push(start);
            after[at].push(planned);
            per_resource[at] = planned.as_secs_f64() / f64::from(sizes[at]);
        }
        growth.push(per_resource[1] / per_resource[0]);
    }
    for (at, (starts, after)) in starts.into_iter().zip(after).enumerate() {
        let name = |what: &str| format!("plan of {} resources with 8 labels: {what}", sizes[at]);
        let peak = program.peak(&plan_of(&configs[at]), &environment) as f64 / 1e6;
        let (start, after) = (median(starts).as_secs_f64(), median(after).as_secs_f64());
        println!("{:<58} {start:>12.2} s", name("start"));
        if at == 0 {
            figure(&name("time after start"), after, "s", 1.0, true);
            figure(&name("memory"), peak, "MB", 400.0, true);
        } else {
            println!("{:<58} {after:>12.2} s", name("time after start"));
            println!("{:<58} {peak:>12.0} MB", name("memory"));
        }
    }
    growth.sort_by(f64::total_cmp);
    figure(
        "cost per resource, 1,000,000 over 100,000",
        growth[ROUNDS / 2],
        "x",
        1.15,
        true,
    );
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn plan_of(config: &str) -> [&str; 9] {
    [
        "--config",
        config,
        "plan",
        "--backend",
        "memory",
        "--policy",
        "aggressive",
        "--output",
        "json",
    ]
}

/// The program and the simulated provider start, and there is almost nothing to list.
fn start_of(config: &str) -> [&str; 7] {
    [
        "--config",
        config,
        "list",
        "--backend",
        "memory",
        "--kind",
        "snapshot",
    ]
}

fn config(place: &std::path::Path, resources: u32) -> String {
    let path = place.join(format!("{resources}.toml"));
    let text =
        format!("[backends.memory]\nkind = \"memory\"\nresources = {resources}\nlabels = 8\n");
    std::fs::write(&path, text).expect("the configuration can be written");
    path.to_str().expect("its path is text").to_owned()
}
