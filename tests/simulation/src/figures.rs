//! How many failures and requests given faults cost.
//!
//! A request is every call that reaches the provider's door while a plan is applied: the read before,
//! the change, the read after, and probes. Ratios are against the same plan applied without faults.

use std::sync::Arc;
use std::time::Duration;

use tbengine_engine::apply::{ApplyOptions, Control};
use tbengine_engine::policy::{Force, Policy};
use tbengine_engine::report::StepResult;
use tbengine_memory::{Chaos, Memory, Operation, container};

use crate::drive::{engine, plan_all};
use crate::policy::Eager;
use crate::world::{NOW, OURS, name};

/// What stands in the way of one run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Obstacles {
    /// The share of all calls that meet a fault.
    pub faults: f64,
    /// An outage that begins half a second after the start.
    pub outage: Duration,
    /// Requests per second, after a burst of 20; 0 means as many as come.
    pub rate_limit: u32,
}

/// What runs came to, added up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    /// Resources that were to be deleted.
    pub items: usize,
    /// Those that were not, whatever the reason.
    pub lost: usize,
    /// Those of them that were given up.
    pub failed: usize,
    /// Requests while the plan was applied.
    pub requests: usize,
    /// Requests that were refused because there were too many.
    pub refused: usize,
    /// How long applying took.
    pub wall: Duration,
    /// How often a retry waited for the budget.
    pub parked: usize,
}

/// How long one call takes.
const LATENCY: Duration = Duration::from_millis(20);

/// The burst that a limited provider takes at once.
pub const BURST: u32 = 20;

/// Deletes so many containers, once for each seed.
pub fn measure(obstacles: Obstacles, items: usize, seeds: std::ops::Range<u64>) -> Sum {
    let mut sum = Sum::default();
    for seed in seeds {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let one = runtime.block_on(once(obstacles, items, seed));
        sum.items += items;
        sum.lost += one.lost;
        sum.failed += one.failed;
        sum.requests += one.requests;
        sum.refused += one.refused;
        sum.wall += one.wall;
        sum.parked += one.parked;
    }
    sum
}

async fn once(obstacles: Obstacles, items: usize, seed: u64) -> Sum {
    let memory = Memory::new(&name(0), NOW);
    for number in 0..items {
        memory.insert(container(&format!("c{number}")).label(OURS.0, OURS.1));
    }
    memory.latency(LATENCY);
    let policy: Arc<dyn Policy> = Arc::new(Eager::new(Force::Always, Duration::ZERO));
    let options = ApplyOptions {
        ask_policy: false,
        ..ApplyOptions::default()
    };
    let backends = [memory.clone()];
    let engine = engine(&backends, options, &format!("figures-{seed}"));
    let plan = plan_all(&engine, &policy, &mut |_| {}).await;
    let before = memory.oracle().requests();
    if obstacles.faults > 0.0 {
        memory.chaos(Chaos::random_faults(obstacles.faults), seed);
    }
    if !obstacles.outage.is_zero() {
        let from = before
            .last()
            .map_or(Duration::ZERO, |last| last.since_opened)
            + Duration::from_millis(500);
        memory.outage(from..from + obstacles.outage);
    }
    if obstacles.rate_limit > 0 {
        memory.rate_limit(obstacles.rate_limit, BURST);
    }
    let began = tokio::time::Instant::now();
    let report = engine
        .apply(plan, &policy, &Control::default(), None, &mut |_| {})
        .await;
    let requests = memory.oracle().requests();
    let refused = requests[before.len()..].iter().filter(|request| {
        request.operation != Operation::List
            && request.answer == Some(Err(tbengine_sdk::ErrorKind::RateLimited))
    });
    Sum {
        items,
        lost: memory.oracle().alive().len(),
        failed: report
            .outcomes
            .iter()
            .filter(|outcome| !matches!(outcome.result, StepResult::Deleted))
            .count(),
        requests: requests.len() - before.len(),
        refused: refused.count(),
        wall: began.elapsed(),
        parked: report.parked_retries,
    }
}

/// One figure beside its target.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// The unit of both.
    pub unit: &'static str,
    /// The most that it should be.
    pub target: f64,
}

/// Every figure about faults, from so many seeds of 1,000 containers each.
pub fn all(seeds: u64) -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut add = |name: &str, value: f64, unit, target| {
        let name = name.to_owned();
        figures.push(Figure {
            name,
            value,
            unit,
            target,
        });
    };
    let clean = measure(Obstacles::default(), 1000, 0..1);
    let clean_requests = clean.requests as f64 / clean.items as f64;
    let share = |sum: &Sum| sum.failed as f64 / sum.items as f64 * 100.0;
    let per_item = |sum: &Sum| sum.requests as f64 / sum.items as f64 / clean_requests;
    for (faults, failures, requests) in [
        (0.1, 0.0, Some(1.15)),
        (0.3, 0.001, None),
        (0.5, 0.01, None),
    ] {
        let obstacles = Obstacles {
            faults,
            ..Obstacles::default()
        };
        let sum = measure(obstacles, 1000, 0..seeds);
        let percent = faults * 100.0;
        let name = format!(
            "{percent:.0} % of calls fail: final failures of {}",
            sum.items
        );
        add(&name, share(&sum), "%", failures);
        if let Some(requests) = requests {
            let name = format!("{percent:.0} % of calls fail: requests per item");
            add(&name, per_item(&sum), "x", requests);
        }
    }
    let seconds = |sum: &Sum| sum.wall.as_secs_f64();
    let some = 0..seeds.min(20);
    let runs = some.end as f64;
    let tenth = Obstacles {
        faults: 0.1,
        ..Obstacles::default()
    };
    let undisturbed = measure(tenth, 1000, some.clone());
    let outage = Duration::from_secs(30);
    let out = measure(Obstacles { outage, ..tenth }, 1000, some.clone());
    let ideal = seconds(&undisturbed) + 30.0 * runs;
    add(
        "outage of 30 s, 10 % faults: lost",
        (out.lost + out.failed) as f64,
        "",
        0.0,
    );
    add(
        "outage of 30 s, 10 % faults: wall over ideal",
        seconds(&out) / ideal,
        "x",
        1.10,
    );
    add(
        "outage of 30 s, 10 % faults: requests per item",
        per_item(&out),
        "x",
        1.25,
    );
    let limited = Obstacles {
        rate_limit: 10,
        ..Obstacles::default()
    };
    let slow = measure(limited, 200, some);
    let ideal = (200.0 * clean_requests - f64::from(BURST)) / 10.0 * runs;
    add(
        "10 requests/s, 200 items: lost",
        (slow.lost + slow.failed) as f64,
        "",
        0.0,
    );
    add(
        "10 requests/s, 200 items: wall over ideal",
        seconds(&slow) / ideal,
        "x",
        1.10,
    );
    add(
        "10 requests/s, 200 items: requests per item",
        per_item(&slow),
        "x",
        1.25,
    );
    figures
}
