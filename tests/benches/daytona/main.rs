//! How fast tbengine cleans up at Daytona's API, and what it loses when that misbehaves: the engine and
//! the backend over the fake service, whose record knows the truth.
//!
//! `cargo bench -p tbengine-tests --bench daytona [-- --only throughput] [-- --scale 10]`; the others are `limit`, `faults`,
//! `ratios` and `outage`.
//!
//! Figures are ratios to the ideal of the same run. The least that a deletion needs is three requests:
//! the read before it, the deletion, and the read that finds nothing any more. So the ideal time is
//! three times the latency of a request for each sandbox, divided by how many requests run at once.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "../support/mod.rs"]
mod support;
mod world;

use std::time::Duration;

use support::figure;
use tbengine_engine::apply::ApplyOptions;
use tbengine_fake_daytona::{
    Fault, FaultPlan, Outage, Rate, RunnerTimes, Settings, Throttle, Throttles,
};
use world::{Cleaned, Cloud};

const CONCURRENCY: usize = 16;
/// The read before, the deletion, the read that proves it.
const NEEDED: f64 = 3.0;

fn main() {
    // Smaller than full size for a quick look; the figures count at full size only.
    let scale = support::argument("--scale", 1);
    let only = std::env::args().skip_while(|word| word != "--only").nth(1);
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    if wanted("throughput") {
        throughput(10_000 / scale);
    }
    if wanted("limit") {
        limit(2_000 / scale);
    }
    if wanted("faults") {
        faults(100_000 / scale, 0.10, 0.0);
        faults(100_000 / scale, 0.30, 0.001);
    }
    if wanted("ratios") {
        ratios(5_000 / scale);
    }
    if wanted("outage") {
        outage(10_000 / scale, Duration::from_secs(30));
    }
}

fn options() -> ApplyOptions {
    ApplyOptions {
        concurrency: Some(CONCURRENCY),
        ask_policy: false,
        ..ApplyOptions::default()
    }
}

/// No limit, 20 ms for each request.
fn throughput(count: usize) {
    let cloud = Cloud::with_sandboxes(count, Settings::default()).faults(FaultPlan {
        latency_ms: 20,
        ..FaultPlan::default()
    });
    let latency = cloud.latency();
    let cleaned = cloud.clean(options());
    let name = |what: &str| format!("{count} sandboxes, 20 ms, {CONCURRENCY} at once: {what}");
    let ideal =
        |latency: Duration| latency.as_secs_f64() * NEEDED * count as f64 / CONCURRENCY as f64;
    println!(
        "{:<70} {:.2} s, of {:.2} s at 20 ms and {:.2} s at the {:.2} ms that one request takes",
        name("time"),
        cleaned.took.as_secs_f64(),
        ideal(Duration::from_millis(20)),
        ideal(latency),
        latency.as_secs_f64() * 1e3,
    );
    println!(
        "{:<70} {:.2} s",
        name("listing and planning"),
        cleaned.planning.as_secs_f64()
    );
    requests(&name(""), count, &cleaned);
    let share = 100.0 * ideal(latency) / cleaned.took.as_secs_f64();
    figure(
        &name("share of the ideal throughput"),
        share,
        "%",
        95.0,
        false,
    );
    lost(&name("not gone"), count, &cleaned, 0.0);
}

/// 100 changes a second, 20 ms for each request.
fn limit(count: usize) {
    let settings = Settings {
        throttles: Throttles {
            sandbox_lifecycle: Some(Throttle {
                limit: 100,
                window: Duration::from_secs(1),
            }),
            ..Throttles::default()
        },
        ..Settings::default()
    };
    let cloud = Cloud::with_sandboxes(count, settings).faults(FaultPlan {
        latency_ms: 20,
        ..FaultPlan::default()
    });
    let cleaned = cloud.clean(options());
    let name = |what: &str| format!("{count} sandboxes, 100 deletions/s: {what}");
    let ideal = count as f64 / 100.0;
    println!(
        "{:<70} {:.2} s of {ideal:.2} s",
        name("time"),
        cleaned.took.as_secs_f64()
    );
    figure(
        &name("time over the ideal"),
        cleaned.took.as_secs_f64() / ideal,
        "x",
        1.10,
        true,
    );
    let (first, last) = cleaned.changes_from_to();
    println!(
        "{:<70} {:.2} s to {:.2} s",
        name("asked for from, to"),
        first.as_secs_f64(),
        last.as_secs_f64()
    );
    let (changes, _) = requests(&name(""), count, &cleaned);
    figure(&name("deletions sent for each"), changes, "", 1.25, true);
    figure(
        &name("replies that were 429"),
        100.0 * cleaned.refused(),
        "%",
        5.0,
        true,
    );
    lost(&name("not gone"), count, &cleaned, 0.0);
}

/// Every request may fail, whether or not it has its effect.
fn faults(count: usize, probability: f64, allowed: f64) {
    let kinds = [
        Fault::Status(500),
        Fault::Status(504),
        Fault::Truncated,
        Fault::ErrorWithSuccess,
    ];
    let settings = Settings {
        runner: RunnerTimes {
            pick_up: Duration::from_millis(5),
            destroy: Duration::from_millis(20),
            ..RunnerTimes::default()
        },
        ..Settings::default()
    };
    let rate = |fault| Rate {
        fault,
        probability: probability / kinds.len() as f64,
    };
    let cloud = Cloud::with_sandboxes(count, settings);
    let cleaned = {
        // The listing is let go well: what is not listed is not a step, and so could not fail.
        let plan = FaultPlan {
            seed: 7,
            rates: kinds.map(rate).to_vec(),
            ..FaultPlan::default()
        };
        cloud.clean_after_planning(options(), plan)
    };
    let name = |what: &str| {
        format!(
            "{count} sandboxes, {:.0} % of requests fail: {what}",
            probability * 100.0
        )
    };
    println!("{:<70} {:.2} s", name("time"), cleaned.took.as_secs_f64());
    requests(&name(""), count, &cleaned);
    lost(&name("not gone"), count, &cleaned, allowed);
}

/// What goes wrong in a few places costs the rest little: the time in ratio to a run in which nothing does. The program's own
/// options, with as many requests at once as it finds to be good.
fn ratios(count: usize) {
    let options = || ApplyOptions {
        ask_policy: false,
        ..ApplyOptions::default()
    };
    let slow = FaultPlan {
        seed: 7,
        latency_ms: 20,
        ..FaultPlan::default()
    };
    let clean = |busy: usize, plan: &FaultPlan| {
        let cloud = Cloud::with_busy(count, busy, Settings::default());
        cloud.clean_after_planning(options(), plan.clone())
    };
    let rates = |faults: &[Fault], probability: f64| FaultPlan {
        rates: faults
            .iter()
            .map(|fault| Rate {
                fault: *fault,
                probability: probability / faults.len() as f64,
            })
            .collect(),
        ..slow.clone()
    };
    let gateway = rates(&[Fault::TooManyRequests], 0.003);
    let others = [
        Fault::Status(500),
        Fault::Status(504),
        Fault::Truncated,
        Fault::ErrorWithSuccess,
    ];
    let others = rates(&others, 0.10);
    let without = clean(0, &slow);
    let name = |case: &str, what: &str| format!("{count} sandboxes, 20 ms, {case}: {what}");
    let report = |case: &str, busy: usize, cleaned: &Cleaned, most: f64| {
        println!(
            "{:<70} {:.2} s",
            name(case, "time"),
            cleaned.took.as_secs_f64()
        );
        let ratio = cleaned.took.as_secs_f64() / without.took.as_secs_f64();
        figure(&name(case, "over the run without"), ratio, "x", most, true);
        let (_, each) = requests(&name(case, ""), count, cleaned);
        figure(&name(case, "requests for each"), each, "", 4.0, true);
        let left = 100.0 * busy as f64 / count as f64;
        lost(&name(case, "not gone"), count, cleaned, left);
    };
    report("nothing else", 0, &without, 1.0);
    // One in twenty, less one.
    let busy = (count / 20).saturating_sub(1);
    let case = format!("{busy} answer 409 for ever");
    report(&case, busy, &clean(busy, &slow), 1.5);
    report("0.3 % are 429", 0, &clean(0, &gateway), 1.3);
    report("10 % fail otherwise", 0, &clean(0, &others), 1.5);
}

/// Nothing answers for a while in the middle.
fn outage(count: usize, length: Duration) {
    let cloud = Cloud::with_sandboxes(count, Settings::default());
    let length_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    let plan = FaultPlan {
        outages: vec![Outage {
            from_ms: 2_000,
            to_ms: 2_000 + length_ms,
        }],
        latency_ms: 5,
        ..FaultPlan::default()
    };
    let cleaned = cloud.clean_after_planning(options(), plan);
    let name = |what: &str| format!("{count} sandboxes, {} s outage: {what}", length.as_secs());
    println!("{:<70} {:.2} s", name("time"), cleaned.took.as_secs_f64());
    requests(&name(""), count, &cleaned);
    lost(&name("not gone"), count, &cleaned, 0.0);
}

/// Prints how many requests there were, and answers how many changes for each sandbox.
fn requests(name: &str, count: usize, cleaned: &Cleaned) -> (f64, f64) {
    let (changes, all) = cleaned.requests();
    let each = |number: usize| number as f64 / count as f64;
    println!(
        "{:<70} {:.2}, {:.2} of them changes",
        format!("{name}requests for each"),
        each(all),
        each(changes)
    );
    (each(changes), each(all))
}

fn lost(name: &str, count: usize, cleaned: &Cleaned, allowed: f64) {
    let share = 100.0 * cleaned.lost() as f64 / count as f64;
    figure(name, share, "%", allowed, true);
}
