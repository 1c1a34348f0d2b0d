//! One more look decides where a request may have had an effect that nobody saw.

use std::time::Duration;

use tbengine_engine::apply::RetrySchedule;
use tbengine_engine::policy::Verdict;
use tbengine_engine::report::StepResult;
use tbengine_memory::{Chaos, Fault, Operation};

use crate::stages::support::{
    HOUR, Scripted, World, claiming_world, delete_all, many, ours, provider, result, seconds,
};

fn stop_all() -> Scripted {
    Scripted::new(|_| {
        Some(Verdict::Stop {
            reason: "the test says so".into(),
            grace: Some(Duration::ZERO),
        })
    })
}

#[tokio::test(start_paused = true)]
async fn what_failed_for_good_and_is_gone_all_the_same_is_reported_as_gone() {
    let memory = many(1);
    // The answer never comes, and the effect comes after the last look.
    memory
        .script(Operation::Delete)
        .then(Fault::LateEffect(seconds(60)));
    let mut world = World::new(memory.clone());
    world.apply.call_timeout = seconds(2);
    world.apply.retry = RetrySchedule::Fixed {
        delay: seconds(2),
        factor: 1.0,
        retries: 0,
    };
    let report = world.run(delete_all()).await;
    assert_eq!(result(&report, "c0000"), StepResult::Failed);
    // The effect comes before the last look.
    let memory = many(1);
    memory
        .script(Operation::Delete)
        .then(Fault::LateEffect(seconds(1)));
    world.memory = memory.clone();
    let report = world.run(delete_all()).await;
    assert_eq!(result(&report, "c0000"), StepResult::Deleted);
    assert_eq!(memory.oracle().count(Operation::Delete), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_being_removed_at_the_last_look_is_waited_for() {
    let memory = many(1);
    memory.deletion_takes(seconds(10));
    // The deletion is accepted, and the look after it fails for good.
    memory
        .script(Operation::Get)
        .calls(2..=3)
        .then(Fault::transient());
    let mut world = World::new(memory.clone());
    world.apply.retry = RetrySchedule::Fixed {
        delay: seconds(2),
        factor: 1.0,
        retries: 0,
    };
    let report = world.run(delete_all()).await;
    assert_eq!(result(&report, "c0000"), StepResult::Deleted);
}

#[tokio::test(start_paused = true)]
async fn a_kill_that_was_not_seen_to_work_is_not_nothing() {
    let memory = provider();
    memory.insert(ours("runs").running());
    memory
        .script(Operation::Get)
        .calls(2..)
        .then(Fault::rate_limited(HOUR));
    let world = claiming_world(&memory);
    let stop = world.control.stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(seconds(2)).await;
        stop.cancel();
    });
    let report = world.run(stop_all()).await;
    assert_eq!(result(&report, "runs"), StepResult::Cancelled);
    let detail = report.outcomes[0].detail.clone().unwrap();
    assert!(detail.contains("request sent"), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn a_conflict_after_a_deletion_that_worked_is_looked_into() {
    let memory = many(1);
    memory
        .script(Operation::Delete)
        .nth(1)
        .then(Fault::ReplyLost);
    // A replica that lags behind still shows it, and what took its id meanwhile runs.
    memory
        .script(Operation::Delete)
        .nth(2)
        .then(Fault::conflict());
    let ghosts = Chaos {
        ghosts: seconds(1),
        ..Chaos::default()
    };
    memory.chaos(ghosts, 1);
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(result(&report, "c0000"), StepResult::Deleted);
}
