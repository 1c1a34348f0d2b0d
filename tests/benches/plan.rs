//! How fast a policy evaluates, and what a whole `plan` takes, over the simulated provider.
//!
//! `cargo bench -p tbengine-tests --bench plan`

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod support;

use std::time::Duration;

use support::{Program, figure, median};

/// How often everything is measured.
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

    let mut sizes = [
        Size::new(100_000, 3, place.path()),
        Size::new(1_000_000, 1, place.path()),
    ];
    // Both sizes in every round: a machine that is slower for a while is slower for both.
    for _ in 0..ROUNDS {
        for size in &mut sizes {
            size.measure(&program, &environment);
        }
    }
    // Of all rounds together: what a plan takes is the difference of two times, and of one round too uncertain.
    let [small, large] = sizes.each_ref().map(Size::cost);
    for size in sizes {
        let name = |what: &str| format!("plan of {} resources with 8 labels: {what}", size.count);
        let peak = program.peak(&plan_of(&size.config), &environment) as f64 / 1e6;
        let after = median(size.after).as_secs_f64();
        println!(
            "{:<58} {:>12.2} s",
            name("start"),
            median(size.starts).as_secs_f64()
        );
        if size.count == 100_000 {
            figure(&name("time after start"), after, "s", 1.0, true);
            figure(&name("memory"), peak, "MB", 400.0, true);
        } else {
            println!("{:<58} {after:>12.2} s", name("time after start"));
            println!("{:<58} {peak:>12.0} MB", name("memory"));
        }
    }
    figure(
        "cost per resource, 1,000,000 over 100,000",
        large / small,
        "x",
        1.15,
        true,
    );
}

/// An inventory of one size, and how long it took in each round.
struct Size {
    count: u32,
    /// How often it is planned in a round; the middle one counts.
    runs: usize,
    config: String,
    starts: Vec<Duration>,
    /// What a plan takes beyond that.
    after: Vec<Duration>,
}

impl Size {
    fn new(count: u32, runs: usize, place: &std::path::Path) -> Self {
        Self {
            count,
            runs,
            config: config(place, count),
            starts: Vec::new(),
            after: Vec::new(),
        }
    }

    /// One round.
    fn measure(&mut self, program: &Program, environment: &[(&str, &str)]) {
        let middle = |arguments: &[&str]| {
            let times = (0..self.runs).map(|_| program.time(arguments, environment));
            median(times.collect())
        };
        // What the simulated provider takes to make itself up is not part of planning.
        let start = middle(&start_of(&self.config));
        let after = middle(&plan_of(&self.config)).saturating_sub(start);
        self.starts.push(start);
        self.after.push(after);
    }

    /// The seconds after the start for each resource.
    fn cost(&self) -> f64 {
        self.after.iter().sum::<Duration>().as_secs_f64() / f64::from(self.count)
    }
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
