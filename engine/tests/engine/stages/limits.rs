//! What bounds a run: the breaker, the budget of retries, deadlines, and calls at once.

use std::time::Duration;

use tbengine_engine::apply::{ErrorMode, LAST_CALLS, RetrySchedule};
use tbengine_engine::report::{EventKind, StepResult};
use tbengine_memory::{Fault, Memory, Operation, container};
use tbengine_sdk::error::NOBODY_LISTENS;
use tbengine_sdk::{Error, ErrorKind};

use crate::stages::support::{HOUR, World, delete_all, many, outcome, provider, result, seconds};

fn pauses(world: &World) -> usize {
    let events = world.events();
    let paused = |kind: &EventKind| matches!(kind, EventKind::BackendPaused { .. });
    events.iter().filter(|event| paused(&event.kind)).count()
}

#[tokio::test(start_paused = true)]
async fn one_lost_connection_reads_its_step_again_and_holds_nobody_up() {
    let memory = many(20);
    memory.latency(Duration::from_millis(10));
    memory
        .script(Operation::Delete)
        .nth(3)
        .then(Fault::RequestLost);
    let world = World::new(memory.clone());
    let report = world.run(delete_all()).await;
    assert_eq!(pauses(&world), 0, "{}", world.story());
    assert!(
        report
            .outcomes
            .iter()
            .all(|one| one.result == StepResult::Deleted && one.attempts == 1)
    );
    assert_eq!(memory.oracle().count(Operation::Delete), 21);
    assert_eq!(memory.oracle().count(Operation::Check), 1);
}

#[tokio::test(start_paused = true)]
async fn five_lost_connections_in_a_row_are_an_outage() {
    let memory = many(20);
    memory
        .script(Operation::Get)
        .calls(1..=5)
        .then(Fault::RequestLost);
    let mut world = World::new(memory.clone());
    world.apply.concurrency = Some(1);
    let report = world.run(delete_all()).await;
    assert_eq!(pauses(&world), 1, "{}", world.story());
    assert_eq!(report.counts()[&StepResult::Deleted], 20);
    // One question at the start, and one probe.
    assert_eq!(memory.oracle().count(Operation::Check), 2);

    let memory = many(20);
    memory
        .script(Operation::Get)
        .calls(1..=4)
        .then(Fault::RequestLost);
    let mut world = World::new(memory.clone());
    world.apply.concurrency = Some(1);
    world.run(delete_all()).await;
    assert_eq!(pauses(&world), 0, "{}", world.story());
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_is_an_outage_at_once() {
    let memory = many(3);
    let refused = Error::new(ErrorKind::Unavailable, "refused").with_code(NOBODY_LISTENS);
    memory
        .script(Operation::Get)
        .nth(1)
        .then(Fault::Answer(refused));
    let mut world = World::new(memory.clone());
    world.apply.concurrency = Some(1);
    let report = world.run(delete_all()).await;
    assert_eq!(pauses(&world), 1);
    assert!(report.outcomes.iter().all(|one| one.attempts == 1));
}

#[tokio::test(start_paused = true)]
async fn a_late_failure_does_not_send_a_second_probe() {
    let memory = many(8);
    // The probe takes two seconds, and a call that was sent before it fails meanwhile.
    memory
        .script(Operation::Check)
        .calls(2..)
        .then(Fault::Hang(seconds(2)));
    memory
        .script(Operation::Get)
        .nth(1)
        .then(Fault::Hang(Duration::from_millis(800)));
    let refused = Error::new(ErrorKind::Unavailable, "refused").with_code(NOBODY_LISTENS);
    memory
        .script(Operation::Get)
        .calls(1..=8)
        .then(Fault::Answer(refused));
    let world = World::new(memory.clone());
    let report = world.run(delete_all()).await;
    assert_eq!(
        report.counts()[&StepResult::Deleted],
        8,
        "{}",
        world.story()
    );
    assert_eq!(
        memory.oracle().count(Operation::Check),
        2,
        "{}",
        world.story()
    );
}

#[tokio::test(start_paused = true)]
async fn what_always_breaks_its_connection_pays_attempts_and_fails_alone() {
    let memory = many(30);
    memory.insert(container("cursed"));
    memory.latency(Duration::from_millis(5));
    memory
        .script(Operation::Delete)
        .of("cursed")
        .then(Fault::RequestLost);
    let world = World::new(memory.clone());
    let report = world.run(delete_all()).await;
    assert_eq!(report.counts()[&StepResult::Deleted], 30);
    assert_eq!(result(&report, "cursed"), StepResult::Failed);
    assert!(outcome(&report, "cursed").attempts >= 8);
}

#[tokio::test(start_paused = true)]
async fn an_empty_budget_parks_retries_and_fails_none() {
    let memory = many(200);
    memory.latency(Duration::from_millis(10));
    for number in 0..200 {
        // Each fails twice, so that far more retries are wanted at once than the budget pays for.
        memory
            .script(Operation::Delete)
            .of(&format!("c{number:04}"))
            .calls(1..=2)
            .then(Fault::transient());
    }
    let mut world = World::new(memory.clone());
    world.apply.retry = RetrySchedule::Jittered {
        base: seconds(30),
        cap: seconds(60),
        attempts: 8,
    };
    let report = world.run(delete_all()).await;
    assert_eq!(report.counts()[&StepResult::Deleted], 200);
    assert!(report.outcomes.iter().all(|one| one.attempts == 3));
    assert!(report.parked_retries > 50, "{}", report.parked_retries);
    // At no time do more wait for a retry than the budget pays for, and nothing waits for the trickle
    // alone: 400 retries at one in 14 seconds would take an hour and a half.
    assert!(report.took_ms < 1_500_000, "{}", report.took_ms);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_the_operator_fixed_needs_no_budget() {
    let memory = many(100);
    for number in 0..100 {
        memory
            .script(Operation::Delete)
            .of(&format!("c{number:04}"))
            .nth(1)
            .then(Fault::transient());
    }
    let mut world = World::new(memory.clone());
    world.apply.retry = RetrySchedule::Fixed {
        delay: seconds(2),
        factor: 2.0,
        retries: 3,
    };
    let report = world.run(delete_all()).await;
    assert_eq!((report.took_ms, report.parked_retries), (2000, 0));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_run_defers_what_did_not_get_its_turn() {
    let memory = many(100);
    memory.latency(seconds(1));
    let mut world = World::new(memory.clone());
    world.apply.concurrency = Some(2);
    world.apply.deadline = Some(seconds(20));
    let report = world.run(delete_all()).await;
    let deleted = report.counts()[&StepResult::Deleted];
    // Three calls of a second each, two at once: an attempt that would end after 20 s is not begun.
    assert_eq!(deleted, 12, "{}", world.story());
    assert_eq!(report.counts()[&StepResult::Deferred], 88);
    assert_eq!(memory.oracle().count(Operation::Delete), 12);
    assert!(report.took_ms <= 20_000, "{}", report.took_ms);
    assert!(report.has_deferred() && !report.has_failures() && !report.interrupted);
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_at_the_deadline_is_cut_at_a_bound() {
    let memory = many(2);
    memory.script(Operation::Delete).then(Fault::Hang(HOUR));
    let mut world = World::new(memory.clone());
    world.apply.deadline = Some(seconds(5));
    let report = world.run(delete_all()).await;
    assert_eq!(report.counts()[&StepResult::Deferred], 2);
    assert_eq!(
        report.took_ms,
        5000 + u64::try_from(LAST_CALLS.as_millis()).unwrap()
    );
    let detail = report.outcomes[0].detail.clone().unwrap();
    assert!(
        detail.contains("deadline") && detail.contains("result unknown"),
        "{detail}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_calls_of_one_step_may_take_two_minutes_in_all() {
    let memory = many(1);
    memory.script(Operation::Delete).then(Fault::Hang(HOUR));
    let world = World::new(memory.clone());
    let report = world.run(delete_all()).await;
    assert_eq!(result(&report, "c0000"), StepResult::Failed);
    assert!(
        (120_000..130_000).contains(&report.took_ms),
        "{}",
        report.took_ms
    );
    assert_eq!(memory.oracle().count(Operation::Delete), 2);
    let detail = report.outcomes[0].detail.clone().unwrap();
    assert!(detail.contains("time limit of 2m"), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn grace_and_slow_removals_do_not_count_as_calls() {
    let memory = provider();
    memory.insert(container("slow"));
    memory.deletion_takes(seconds(300));
    let mut world = World::new(memory.clone());
    world.apply.stuck_after = HOUR;
    let report = world.run(delete_all()).await;
    assert_eq!(result(&report, "slow"), StepResult::Deleted);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_counts_after_a_first_failure_as_well() {
    let memory = many(2);
    memory
        .script(Operation::Delete)
        .nth(1)
        .then(Fault::Answer(Error::new(ErrorKind::Forbidden, "not you")));
    memory
        .script(Operation::Delete)
        .nth(2)
        .then(Fault::Hang(HOUR));
    let mut world = World::new(memory.clone());
    world.apply.error_mode = ErrorMode::FailFast;
    world.apply.deadline = Some(seconds(5));
    let report = world.run(delete_all()).await;
    assert_eq!(result(&report, "c0000"), StepResult::Denied);
    assert_eq!(result(&report, "c0001"), StepResult::Deferred);
    assert!(report.took_ms <= 15_000, "{}", report.took_ms);
}

/// Deletes many, and answers how long that took and the middle of how long a deletion was under way.
async fn throughput(memory: &Memory, pinned: Option<usize>) -> (Duration, Duration) {
    let mut world = World::new(memory.clone());
    world.apply.concurrency = pinned;
    let report = world.run(delete_all()).await;
    assert_eq!(report.counts().len(), 1, "{:?}", report.counts());
    let mut took: Vec<u64> = report.outcomes.iter().map(|one| one.took_ms).collect();
    took.sort_unstable();
    (
        Duration::from_millis(report.took_ms),
        Duration::from_millis(took[took.len() / 2]),
    )
}

#[tokio::test(start_paused = true)]
async fn where_the_backend_has_room_more_calls_go_out_at_once() {
    let memory = many(5000);
    memory.latency(Duration::from_millis(20));
    let (took, _) = throughput(&memory, None).await;
    // 60 ms each: 16 at once take 19 s, and 128, the most there is, 2.4 s.
    assert!(took < seconds(5), "{took:?}");
    let memory = many(1000);
    memory.latency(Duration::from_millis(20));
    let (took, _) = throughput(&memory, Some(16)).await;
    assert!((3750..3850).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn where_calls_only_queue_up_fewer_go_out_at_once() {
    for workers in [8, 12, 40] {
        let memory = many(8000);
        let each = Duration::from_millis(50);
        memory.workers(workers, each);
        let (took, middle) = throughput(&memory, None).await;
        let ideal = each * 8000 / u32::try_from(workers).unwrap();
        assert!(
            took < ideal.mul_f64(1.06),
            "{workers} workers: {took:?}, ideal {ideal:?}"
        );
        assert!(
            middle <= each * 2,
            "{workers} workers: {middle:?} under way"
        );
    }
}
