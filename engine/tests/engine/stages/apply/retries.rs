//! When a step is tried again, and how often.

use std::time::Duration;

use tbengine_engine::apply::{ErrorMode, RetrySchedule};
use tbengine_engine::policy::{Force, RetryAdvice};
use tbengine_engine::report::StepResult;
use tbengine_memory::{Fault, Memory, Operation, container};
use tbengine_sdk::{Error, ErrorKind};

use crate::stages::support::{
    Scripted, World, delete, delete_all, outcome, provider, result, seconds,
};

/// When each deletion was asked for, in milliseconds since the provider opened.
fn delete_times(memory: &Memory) -> Vec<u128> {
    memory
        .oracle()
        .requests()
        .iter()
        .filter(|request| request.operation == Operation::Delete)
        .map(|request| request.since_opened.as_millis())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_fixed_schedule_waits_2_4_and_8_seconds() {
    let memory = provider();
    memory.insert(container("busy"));
    memory.script(Operation::Delete).then(Fault::transient());
    let mut world = World::new(memory.clone());
    world.apply.retry = RetrySchedule::Fixed {
        delay: seconds(2),
        factor: 2.0,
        retries: 3,
    };
    world.apply.ask_policy = false;
    let report = world.run(delete_all()).await;
    assert_eq!(delete_times(&memory), [0, 2000, 6000, 14000]);
    let outcome = outcome(&report, "busy");
    assert_eq!(outcome.result, StepResult::Failed);
    assert_eq!(outcome.attempts, 4);
    assert_eq!(outcome.failed_attempts.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_passing_fault_is_tried_again() {
    let memory = provider();
    memory.insert(container("busy"));
    memory
        .script(Operation::Delete)
        .calls(..=3)
        .then(Fault::transient());
    let world = World::new(memory.clone());
    let report = world.run(delete_all()).await;
    let outcome = outcome(&report, "busy");
    assert_eq!(outcome.result, StepResult::Deleted);
    assert_eq!((outcome.attempts, outcome.failed_attempts.len()), (4, 3));
    insta::assert_snapshot!(world.story());
}

#[tokio::test(start_paused = true)]
async fn what_fails_8_times_gets_a_second_sweep_after_the_rest() {
    let memory = provider();
    memory.insert(container("busy"));
    memory.insert(container("fine"));
    memory
        .script(Operation::Delete)
        .of("busy")
        .calls(..=8)
        .then(Fault::transient());
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(result(&report, "busy"), StepResult::Deleted);
    assert_eq!(outcome(&report, "busy").attempts, 9);

    let memory = provider();
    memory.insert(container("busy"));
    let other = Error::new(ErrorKind::Transient, "no answer from the shim").with_code("memory:500");
    memory
        .script(Operation::Delete)
        .nth(5)
        .then(Fault::Answer(other));
    memory.script(Operation::Delete).then(Fault::transient());
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(result(&report, "busy"), StepResult::Failed);
    assert_eq!(memory.oracle().count(Operation::Delete), 16);

    // What gets the same answer each time is tried once more, and not for a whole round.
    let memory = provider();
    memory.insert(container("busy"));
    memory.script(Operation::Delete).then(Fault::transient());
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(result(&report, "busy"), StepResult::Failed);
    assert_eq!(memory.oracle().count(Operation::Delete), 9);
}

#[tokio::test(start_paused = true)]
async fn a_policy_sets_the_delays_and_gives_up() {
    let memory = provider();
    memory.insert(container("busy"));
    memory.script(Operation::Delete).then(Fault::transient());
    let world = World::new(memory.clone());
    let policy = delete_all().advising(|failure| match failure.attempt {
        3 => RetryAdvice::GiveUp("three is enough".into()),
        _ => RetryAdvice::After {
            delay: seconds(7),
            escalate: false,
        },
    });
    let report = world.run(policy).await;
    assert_eq!(delete_times(&memory), [0, 7000, 14000]);
    let detail = outcome(&report, "busy").detail.clone().unwrap();
    assert!(detail.contains("three is enough"), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn a_policy_cannot_try_for_ever_nor_wait_for_days() {
    let memory = provider();
    memory.insert(container("busy"));
    memory.script(Operation::Delete).then(Fault::transient());
    let policy = delete_all().advising(|_| RetryAdvice::After {
        delay: seconds(86400 * 30),
        escalate: false,
    });
    let mut world = World::new(memory.clone());
    world.apply.error_mode = ErrorMode::FailFast;
    let report = world.run(policy).await;
    assert_eq!(result(&report, "busy"), StepResult::Failed);
    assert_eq!(memory.oracle().count(Operation::Delete), 50);
    assert_eq!(delete_times(&memory)[1], 300_000);
}

#[tokio::test(start_paused = true)]
async fn escalation_forces_only_where_the_verdict_allowed_it() {
    for (force, forced) in [(Force::Never, false), (Force::OnRetry, true)] {
        let memory = provider();
        memory.insert(container("busy"));
        memory
            .script(Operation::Delete)
            .nth(1)
            .then(Fault::transient());
        let policy = Scripted::new(move |_| Some(delete(force, Duration::ZERO))).advising(|_| {
            RetryAdvice::After {
                delay: seconds(1),
                escalate: true,
            }
        });
        World::new(memory.clone()).run(policy).await;
        let forces: Vec<bool> = memory
            .oracle()
            .requests()
            .iter()
            .filter(|request| request.operation == Operation::Delete)
            .map(|request| request.force)
            .collect();
        assert_eq!(forces, [false, forced]);
    }
}
