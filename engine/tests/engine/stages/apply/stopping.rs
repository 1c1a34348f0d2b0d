//! What runs: grace periods, and ends by itself or by force.

use std::time::Duration;

use tbengine_engine::policy::{Force, RetryAdvice, Verdict};
use tbengine_engine::report::StepResult;
use tbengine_memory::{Memory, Operation, Request};
use tbengine_sdk::State;

use crate::stages::support::{
    Scripted, claiming_world, delete, delete_all, delete_within, ours, provider, result, seconds,
};

#[tokio::test(start_paused = true)]
async fn a_grace_period_is_shared_by_all() {
    let memory = provider();
    for number in 0..50 {
        memory.insert(ours(&format!("c{number:02}")).running().ignores_stop());
    }
    memory.latency(Duration::from_millis(10));
    let report = claiming_world(&memory)
        .run(delete_within(seconds(10)))
        .await;
    assert_eq!(report.counts()[&StepResult::Deleted], 50);
    let requests = memory.oracle().requests();
    let last_stop = requests
        .iter()
        .rposition(|r| r.operation == Operation::Stop)
        .unwrap();
    let first_delete = requests
        .iter()
        .position(|r| r.operation == Operation::Delete)
        .unwrap();
    assert!(last_stop < first_delete);
    // One wait of ten seconds, not fifty.
    assert!(report.took_ms < 13_000, "{}", report.took_ms);
}

#[tokio::test(start_paused = true)]
async fn what_ends_by_itself_is_deleted_without_force() {
    let memory = provider();
    memory.insert(ours("one").running().ends_after(seconds(2)));
    let world = claiming_world(&memory);
    let report = world.run(delete_within(seconds(10))).await;
    assert_eq!(result(&report, "one"), StepResult::Deleted);
    let requests = memory.oracle().requests();
    let deletes: Vec<_> = requests
        .iter()
        .filter(|r| r.operation == Operation::Delete)
        .collect();
    assert_eq!(deletes.len(), 1);
    assert!(!deletes[0].force);
    assert!(report.took_ms < 3_000, "{}", report.took_ms);
    insta::assert_snapshot!(world.story());
}

#[tokio::test(start_paused = true)]
async fn stopping_leaves_the_resource_there() {
    let memory = provider();
    let well = memory.insert(ours("well").running());
    let deaf = memory.insert(ours("deaf").running().ignores_stop());
    let policy = Scripted::new(|_| {
        Some(Verdict::Stop {
            reason: "idle".into(),
            grace: Some(seconds(5)),
        })
    });
    let report = claiming_world(&memory).run(policy).await;
    assert_eq!(result(&report, "well"), StepResult::Stopped);
    assert_eq!(result(&report, "deaf"), StepResult::Stopped);
    for identity in [well, deaf] {
        assert_eq!(
            memory.oracle().resource(&identity).unwrap().state,
            State::Exited
        );
    }
    assert_eq!(memory.oracle().count(Operation::Delete), 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_grace_period_what_runs_is_killed_first_and_then_deleted_like_what_has_ended() {
    let memory = provider();
    for number in 0..20 {
        memory.insert(ours(&format!("c{number:02}")).running().ignores_stop());
    }
    let report = claiming_world(&memory).run(delete_all()).await;
    assert_eq!(report.counts()[&StepResult::Deleted], 20);
    let requests = memory.oracle().requests();
    let forced = |operation| {
        let of = requests.iter().filter(|one| one.operation == operation);
        of.map(|one| one.force).collect::<Vec<bool>>()
    };
    assert_eq!(forced(Operation::Stop), [true; 20]);
    assert_eq!(forced(Operation::Delete), [false; 20]);
}

/// What was asked of a resource, in order: `stop`, `kill`, `delete` or `delete by force`.
fn asked(memory: &Memory) -> Vec<&'static str> {
    let requests = memory.oracle().requests();
    let word = |request: &Request| match (request.operation, request.force) {
        (Operation::Stop, false) => Some("stop"),
        (Operation::Stop, true) => Some("kill"),
        (Operation::Delete, false) => Some("delete"),
        (Operation::Delete, true) => Some("delete by force"),
        _ => None,
    };
    requests.iter().filter_map(word).collect()
}

fn delete_on_retry() -> Scripted {
    Scripted::new(|_| Some(delete(Force::OnRetry, seconds(5))))
}

#[tokio::test(start_paused = true)]
async fn what_may_be_killed_on_a_retry_is_asked_twice_and_then_killed() {
    let memory = provider();
    memory.insert(ours("deaf").running().ignores_stop());
    let report = claiming_world(&memory).run(delete_on_retry()).await;
    assert_eq!(result(&report, "deaf"), StepResult::Deleted);
    assert_eq!(asked(&memory), ["stop", "stop", "delete by force"]);
    let outcome = &report.outcomes[0];
    assert_eq!(outcome.attempts, 3);
    let failed = outcome.failed_attempts.iter();
    let messages: Vec<&str> = failed.map(|attempt| &*attempt.error.message).collect();
    let still_runs = "asked to end, and still running after its grace period";
    assert_eq!(messages, [still_runs, still_runs]);
    assert!(
        report.took_ms >= 10_000,
        "both times it had its grace period"
    );
}

#[tokio::test(start_paused = true)]
async fn what_ends_when_it_is_asked_is_never_killed() {
    let memory = provider();
    memory.insert(ours("well").running());
    let report = claiming_world(&memory).run(delete_on_retry()).await;
    assert_eq!(result(&report, "well"), StepResult::Deleted);
    assert_eq!(asked(&memory), ["stop", "delete"]);
}

#[tokio::test(start_paused = true)]
async fn the_policy_says_when_what_may_be_killed_on_a_retry_is() {
    for (kills_after, expected) in [
        (1, &["stop", "delete by force"][..]),
        (3, &["stop", "stop", "stop", "delete by force"]),
    ] {
        let memory = provider();
        memory.insert(ours("deaf").running().ignores_stop());
        let policy = delete_on_retry().advising(move |failure| {
            assert_eq!(failure.force, Force::OnRetry);
            assert_eq!(failure.resource.name, "deaf");
            assert!(failure.resource.state.is_running());
            RetryAdvice::After {
                delay: seconds(1),
                escalate: failure.attempt >= kills_after,
            }
        });
        let report = claiming_world(&memory).run(policy).await;
        assert_eq!(result(&report, "deaf"), StepResult::Deleted);
        assert_eq!(asked(&memory), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_grace_period_it_is_asked_all_the_same() {
    let memory = provider();
    memory.insert(ours("deaf").running().ignores_stop());
    let policy = Scripted::new(|_| Some(delete(Force::OnRetry, seconds(0))));
    claiming_world(&memory).run(policy).await;
    assert_eq!(asked(&memory), ["stop", "stop", "delete by force"]);
}
