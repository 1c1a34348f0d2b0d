//! Runs that are cut short: nothing more begins, and every step still has its outcome.

use std::time::Duration;

use tbengine_engine::report::{Effect, EventKind, StepResult};
use tbengine_memory::{Memory, Operation, container, sandbox};

use crate::stages::support::{
    HOUR, World, benchmark, claiming_world, delete_all, delete_within, ours, provider, result,
    seconds,
};

fn twenty() -> Memory {
    let memory = provider();
    for number in 0..20 {
        memory.insert(container(&format!("c{number:02}")));
    }
    memory.latency(Duration::from_millis(100));
    memory
}

#[tokio::test(start_paused = true)]
async fn stop_lets_what_is_under_way_finish_and_begins_nothing() {
    let memory = twenty();
    let mut world = World::new(memory.clone());
    world.on_event = Some(Box::new(|event, control| {
        if matches!(event.kind, EventKind::StepFinished(_)) {
            control.stop.cancel();
        }
    }));
    let report = world.run(delete_all()).await;
    assert!(report.interrupted);
    assert_eq!(report.outcomes.len(), 20);
    let in_flight = world.events().iter().find_map(|event| match event.kind {
        EventKind::RunInterrupted { in_flight } => Some(in_flight),
        _ => None,
    });
    let in_flight = in_flight.unwrap();
    assert!(in_flight > 0);
    let deleted = report.counts()[&StepResult::Deleted];
    assert_eq!(deleted + report.counts()[&StepResult::Cancelled], 20);
    assert_eq!(memory.oracle().deleted_by_us().len(), deleted);
    let began = |events: &[tbengine_engine::report::Event]| {
        events
            .iter()
            .filter(|event| matches!(event.kind, EventKind::AttemptStarted { .. }))
            .count()
    };
    let events = world.events();
    let at = events
        .iter()
        .position(|event| matches!(event.kind, EventKind::RunInterrupted { .. }))
        .unwrap();
    assert_eq!(began(&events[at..]), 0);
    assert_eq!(began(&events), deleted);
}

#[tokio::test(start_paused = true)]
async fn abort_drops_what_is_under_way_and_says_so() {
    let memory = twenty();
    let mut world = World::new(memory.clone());
    world.on_event = Some(Box::new(|event, control| {
        if matches!(event.kind, EventKind::StepFinished(_)) {
            control.stop.cancel();
            control.abort.cancel();
        }
    }));
    let report = world.run(delete_all()).await;
    assert!(report.interrupted);
    assert_eq!(report.outcomes.len(), 20);
    let unknown = report.outcomes.iter().filter(|outcome| {
        let detail = outcome.detail.as_deref().unwrap_or_default();
        outcome.result == StepResult::Cancelled && detail.contains("result unknown")
    });
    assert!(unknown.count() > 0);
    // What the words say, programs can read.
    for outcome in &report.outcomes {
        let detail = outcome.detail.as_deref().unwrap_or_default();
        let effect = if detail.contains("result unknown") {
            Effect::Unknown
        } else if outcome.result == StepResult::Deleted {
            Effect::Verified
        } else {
            Effect::None
        };
        assert_eq!(outcome.effect, effect, "{detail}");
    }
}

#[tokio::test(start_paused = true)]
async fn stop_does_not_wait_for_grace_periods_nor_for_slow_removals() {
    let memory = provider();
    memory.insert(ours("deaf").running().ignores_stop());
    let world = claiming_world(&memory);
    let stop = world.control.stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(seconds(2)).await;
        stop.cancel();
    });
    let report = world.run(delete_within(seconds(60))).await;
    assert_eq!(result(&report, "deaf"), StepResult::Cancelled);
    assert_eq!(report.took_ms, 2000);
    assert_eq!(memory.oracle().count(Operation::Delete), 0);

    let memory = provider();
    memory.insert(sandbox("slow").owner(benchmark()));
    memory.deletion_takes(HOUR);
    let world = World::new(memory.clone());
    let stop = world.control.stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(seconds(2)).await;
        stop.cancel();
    });
    let report = world.run(delete_all()).await;
    assert_eq!(result(&report, "slow"), StepResult::Cancelled);
    let detail = report.outcomes[0].detail.clone().unwrap();
    assert!(detail.contains("accepted"), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn stop_before_the_start_does_nothing() {
    let memory = twenty();
    let world = World::new(memory.clone());
    world.control.stop.cancel();
    let report = world.run(delete_all()).await;
    assert_eq!(report.counts()[&StepResult::Cancelled], 20);
    assert_eq!(memory.oracle().count(Operation::Delete), 0);
}
