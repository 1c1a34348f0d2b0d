//! A provider that is unreachable, holds us back, refuses us or loses what was said.

use std::time::Duration;

use tbengine_engine::report::StepResult;
use tbengine_memory::{Fault, Operation, container};

use crate::stages::support::{HOUR, World, delete_all, outcome, provider, result, seconds};

#[tokio::test(start_paused = true)]
async fn a_rate_limit_holds_the_backend_back_and_costs_no_attempt() {
    let memory = provider();
    for number in 0..10 {
        memory.insert(container(&format!("c{number}")));
    }
    memory
        .script(Operation::Delete)
        .nth(3)
        .then(Fault::rate_limited(seconds(30)));
    let world = World::new(memory.clone());
    let report = world.run(delete_all()).await;
    assert!(
        report
            .outcomes
            .iter()
            .all(|o| o.result == StepResult::Deleted && o.attempts == 1)
    );
    // What was in flight finished; nothing was asked for during the pause.
    let asked_in_pause = memory
        .oracle()
        .requests()
        .iter()
        .filter(|request| request.since_opened > seconds(0) && request.since_opened < seconds(30))
        .count();
    assert_eq!(asked_in_pause, 0);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_waited_for_with_one_probe_and_costs_no_attempt() {
    let memory = provider();
    for number in 0..20 {
        memory.insert(container(&format!("c{number}")));
    }
    memory.latency(Duration::from_millis(20));
    memory.outage(Duration::from_millis(50)..seconds(30));
    let world = World::new(memory.clone());
    let report = world.run(delete_all()).await;
    assert!(
        report
            .outcomes
            .iter()
            .all(|o| o.result == StepResult::Deleted && o.attempts == 1),
        "{}",
        world.story()
    );
    let during = |operation| {
        memory
            .oracle()
            .requests()
            .iter()
            .filter(|request| request.operation == operation)
            .filter(|request| (seconds(1)..seconds(30)).contains(&request.since_opened))
            .count()
    };
    assert_eq!(during(Operation::Delete) + during(Operation::Get), 0);
    assert!((5..20).contains(&during(Operation::Check)));
}

#[tokio::test(start_paused = true)]
async fn an_outage_past_its_deadline_defers_what_is_left() {
    let memory = provider();
    memory.insert(container("one"));
    memory.outage(Duration::from_millis(1)..HOUR);
    memory
        .script(Operation::Delete)
        .nth(1)
        .then(Fault::Hang(Duration::from_millis(5)));
    memory.script(Operation::Get).then(Fault::unavailable());
    let world = World::new(memory.clone());
    let report = world.run(delete_all()).await;
    assert_eq!(result(&report, "one"), StepResult::Deferred);
    assert!(report.has_deferred() && !report.has_failures());
    assert!(
        (600_000..700_000).contains(&report.took_ms),
        "{}",
        report.took_ms
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_read_again_and_never_repeated_blindly() {
    let memory = provider();
    memory.insert(container("one"));
    memory
        .script(Operation::Delete)
        .nth(1)
        .then(Fault::ReplyLost);
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(result(&report, "one"), StepResult::Deleted);
    assert_eq!(memory.oracle().count(Operation::Delete), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_request_is_sent_again() {
    let memory = provider();
    memory.insert(container("one"));
    memory
        .script(Operation::Delete)
        .nth(1)
        .then(Fault::RequestLost);
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(result(&report, "one"), StepResult::Deleted);
    assert_eq!(memory.oracle().count(Operation::Delete), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_is_given_up_and_read_again() {
    let memory = provider();
    memory.insert(container("one"));
    memory
        .script(Operation::Delete)
        .nth(1)
        .then(Fault::Hang(HOUR));
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(result(&report, "one"), StepResult::Deleted);
    assert_eq!(outcome(&report, "one").attempts, 2);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_stops_the_backend_at_once() {
    let memory = provider();
    for number in 0..50 {
        memory.insert(container(&format!("c{number:02}")));
    }
    memory
        .script(Operation::Delete)
        .calls(3..)
        .then(Fault::denied());
    let mut world = World::new(memory.clone());
    world.apply.concurrency = Some(1);
    let report = world.run(delete_all()).await;
    assert_eq!(report.counts()[&StepResult::Deleted], 2);
    assert_eq!(report.counts()[&StepResult::Denied], 48);
    assert_eq!(memory.oracle().count(Operation::Delete), 3);
}
