//! Many runs under random faults: whatever happens, the report is the oracle's truth.

use std::collections::HashSet;
use std::time::Duration;

use tbengine_engine::report::StepResult;
use tbengine_memory::{ExternalChange, FaultRates, Memory, container, network, sandbox, volume};
use tbengine_sdk::Identity;

use crate::stages::support::{World, delete_all, provider, seconds};

fn populate(memory: &Memory, random: &mut fastrand::Rng) -> Vec<Identity> {
    let mut all = Vec::new();
    for number in 0..random.usize(1..40) {
        let made = match random.u8(0..5) {
            0 => memory.insert(sandbox(&format!("s{number}"))),
            1 => memory.insert(volume(&format!("v{number}"))),
            2 => {
                let net = memory.insert(network(&format!("n{number}")));
                all.push(net.clone());
                memory.insert(container(&format!("u{number}")).uses(&net))
            }
            _ => memory.insert(container(&format!("c{number}"))),
        };
        all.push(made);
    }
    all
}

async fn one_run(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let memory = provider();
    let all = populate(&memory, &mut random);
    let latency = if random.bool() { random.u64(1..50) } else { 0 };
    memory.latency(Duration::from_millis(latency));
    if random.bool() {
        memory.deletion_takes(Duration::from_millis(random.u64(0..3000)));
    }
    let world = World::new(memory.clone());
    let plan = world.plan(delete_all()).await.plan;
    let planned: HashSet<Identity> = plan.steps.iter().map(|step| step.target.clone()).collect();
    assert_eq!(planned.len(), all.len());
    let rate = |random: &mut fastrand::Rng| random.f64() * 0.2;
    let rates = FaultRates {
        transient: rate(&mut random),
        rate_limited: rate(&mut random) / 4.0,
        unavailable: rate(&mut random),
        reply_lost: rate(&mut random),
        ..FaultRates::default()
    };
    memory.fault_rates(rates, seed);
    if random.bool() {
        let from = random.u64(0..2000);
        memory.outage(
            Duration::from_millis(from)..Duration::from_millis(from + random.u64(0..60_000)),
        );
    }
    for _ in 0..random.usize(0..6) {
        let victim = all[random.usize(0..all.len())].clone();
        let change = match random.u8(0..3) {
            0 => ExternalChange::Restart(victim),
            // No provider lets us say "only if it is still this one", so an id that is reused between
            // our look and our deletion cannot be told apart. Without latency there is no between.
            1 if latency == 0 => ExternalChange::Recreate(victim),
            _ => ExternalChange::Delete(victim),
        };
        memory.change_at(Duration::from_millis(random.u64(0..3000)), change);
    }
    let report = world.apply(plan, delete_all()).await;
    check(seed, &memory, &planned, &report, &world);
}

fn check(
    seed: u64,
    memory: &Memory,
    planned: &HashSet<Identity>,
    report: &tbengine_engine::report::Report,
    world: &World,
) {
    let oracle = memory.oracle();
    let by_us: HashSet<Identity> = oracle.deleted_by_us().into_iter().collect();
    let story = || format!("seed {seed}\n{}", world.story());
    // Nothing outside the plan was deleted.
    assert!(by_us.is_subset(planned), "{}", story());
    // Exactly one outcome per step.
    assert_eq!(report.outcomes.len(), planned.len(), "{}", story());
    for outcome in &report.outcomes {
        let target = planned
            .iter()
            .find(|identity| identity.id() == outcome.id.0)
            .unwrap_or_else(|| panic!("an outcome for a step that was not planned: {}", story()));
        let alive = oracle.is_alive(target);
        let what = format!("{} is {}: {}", outcome.id, outcome.result, story());
        match outcome.result {
            StepResult::Deleted | StepResult::AlreadyGone => assert!(!alive, "{what}"),
            StepResult::Changed | StepResult::Blocked => {
                assert!(!by_us.contains(target), "{what}");
            }
            // A run with faults that end finishes everything; nothing may be left half-way.
            other => panic!("{other} was not expected: {what}"),
        }
        if by_us.contains(target) {
            assert_eq!(outcome.result, StepResult::Deleted, "{what}");
        }
    }
}

#[test]
fn reports_tell_the_truth_under_random_faults() {
    for seed in 0..400 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let run = tokio::time::timeout(seconds(100_000), one_run(seed));
            run.await
                .unwrap_or_else(|_| panic!("seed {seed} never ended"));
        });
    }
}
