//! Applying: what each answer of a provider leads to, and when.

use std::time::Duration;

use tbengine_engine::apply::{ErrorMode, RetrySchedule};
use tbengine_engine::policy::{Force, RetryAdvice, Verdict};
use tbengine_engine::report::StepResult;
use tbengine_memory::{Act, Fault, Memory, Operation, container, image, network, sandbox, volume};
use tbengine_sdk::State;

use crate::support::{
    HOUR, Scripted, World, claiming_world, delete, delete_all, delete_within, ours, outcome,
    provider, result, seconds,
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
async fn everything_in_the_plan_is_deleted_and_verified() {
    let memory = provider();
    let net = memory.insert(network("net"));
    let img = memory.insert(image("img"));
    memory.insert(container("one").uses(&net).uses(&img));
    memory.insert(container("two").running());
    memory.insert(volume("data"));
    let world = World::new(memory.clone());
    let report = world
        .run(Scripted::new(|candidate| {
            (candidate.resource.name != "two").then(|| delete(Force::Never, Duration::ZERO))
        }))
        .await;
    for name in ["one", "net", "img", "data"] {
        assert_eq!(result(&report, name), StepResult::Deleted, "{name}");
    }
    assert_eq!(memory.oracle().deleted_by_us().len(), 4);
    let alive = memory.oracle().alive();
    assert_eq!(alive.len(), 1);
    assert_eq!(alive[0].name, "two");
    insta::assert_snapshot!(world.story());
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
    memory.script(Operation::Delete).then(Fault::transient());
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(result(&report, "busy"), StepResult::Failed);
    assert_eq!(memory.oracle().count(Operation::Delete), 16);
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

#[tokio::test(start_paused = true)]
async fn what_was_started_again_is_left_alone() {
    let memory = provider();
    let one = memory.insert(container("one"));
    let two = memory.insert(container("two"));
    let world = World::new(memory.clone());
    let plan = world.plan(delete_all()).await.plan;
    memory.act(Act::Restart(one.clone()));
    // This one starts between our look and our deletion: the provider refuses.
    memory
        .script(Operation::Delete)
        .of("two")
        .then(Fault::Meanwhile(Act::Restart(two.clone())));
    let report = world.apply(plan, delete_all()).await;
    assert_eq!(result(&report, "one"), StepResult::Changed);
    assert_eq!(result(&report, "two"), StepResult::Changed);
    assert!(memory.oracle().is_alive(&one) && memory.oracle().is_alive(&two));
    assert!(!report.has_failures());
}

#[tokio::test(start_paused = true)]
async fn what_ran_and_ended_again_since_the_plan_is_left_alone() {
    let memory = provider();
    let one = memory.insert(container("one"));
    let world = World::new(memory.clone());
    let plan = world.plan(delete_all()).await.plan;
    memory.act(Act::Restart(one.clone()));
    memory.act(Act::SetState(one.clone(), State::Exited));
    let report = world.apply(plan, delete_all()).await;
    assert_eq!(result(&report, "one"), StepResult::Changed);
    assert!(memory.oracle().is_alive(&one));
}

#[tokio::test(start_paused = true)]
async fn another_resource_under_the_same_id_is_left_alone() {
    let memory = provider();
    let old = memory.insert(volume("data"));
    let world = World::new(memory.clone());
    let plan = world.plan(delete_all()).await.plan;
    tokio::time::sleep(seconds(5)).await;
    memory.act(Act::Recreate(old.clone()));
    let report = world.apply(plan, delete_all()).await;
    assert_eq!(result(&report, "data"), StepResult::Changed);
    assert!(memory.oracle().resource(&old).is_some());
    assert_eq!(memory.oracle().count(Operation::Delete), 0);
}

#[tokio::test(start_paused = true)]
async fn what_someone_else_deleted_is_already_gone() {
    let memory = provider();
    let one = memory.insert(container("one"));
    let world = World::new(memory.clone());
    let plan = world.plan(delete_all()).await.plan;
    memory.act(Act::Delete(one));
    let report = world.apply(plan, delete_all()).await;
    assert_eq!(result(&report, "one"), StepResult::AlreadyGone);
    assert!(report.warnings.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_whole_backend_that_was_already_empty_is_suspicious() {
    let memory = provider();
    let all: Vec<_> = (0..3)
        .map(|n| memory.insert(container(&format!("c{n}"))))
        .collect();
    let world = World::new(memory.clone());
    let plan = world.plan(delete_all()).await.plan;
    for one in all {
        memory.act(Act::Delete(one));
    }
    let report = world.apply(plan, delete_all()).await;
    assert_eq!(report.warnings.len(), 1);
    assert!(
        report.warnings[0].contains("account"),
        "{:?}",
        report.warnings
    );
}

#[tokio::test(start_paused = true)]
async fn what_uses_a_resource_goes_first() {
    let memory = provider();
    let net = memory.insert(network("net").label("team", "evals"));
    memory.insert(ours("user").uses(&net).running().ends_after(seconds(3)));
    let report = claiming_world(&memory)
        .run(delete_within(seconds(10)))
        .await;
    assert_eq!(result(&report, "user"), StepResult::Deleted);
    assert_eq!(result(&report, "net"), StepResult::Deleted);
    let order: Vec<_> = memory
        .oracle()
        .deleted_by_us()
        .iter()
        .map(|i| i.kind)
        .collect();
    assert_eq!(
        order,
        [tbengine_sdk::Kind::Container, tbengine_sdk::Kind::Network]
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_deletion_still_uses_is_blocked() {
    let memory = provider();
    let net = memory.insert(network("net"));
    memory.insert(container("user").uses(&net));
    memory
        .script(Operation::Delete)
        .of("user")
        .then(Fault::Answer(tbengine_sdk::Error::new(
            tbengine_sdk::ErrorKind::Unsupported,
            "read-only file system",
        )));
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(result(&report, "user"), StepResult::Failed);
    assert_eq!(result(&report, "net"), StepResult::Blocked);
    assert!(memory.oracle().is_alive(&net));
}

#[tokio::test(start_paused = true)]
async fn what_is_used_by_something_unseen_is_tried_a_while_and_then_blocked() {
    let memory = provider();
    let net = memory.insert(network("net"));
    memory.script(Operation::Delete).then(Fault::dependency());
    let world = World::new(memory.clone());
    let report = world.run(delete_all()).await;
    assert_eq!(result(&report, "net"), StepResult::Blocked);
    assert!(memory.oracle().is_alive(&net));
    insta::assert_snapshot!(world.story());
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_someone_else_began_is_waited_for() {
    let memory = provider();
    memory.insert(container("one"));
    memory
        .script(Operation::Delete)
        .nth(1)
        .then(Fault::InProgressThenGone(seconds(3)));
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(outcome(&report, "one").attempts, 0);
    assert_eq!(result(&report, "one"), StepResult::AlreadyGone);
    assert!(memory.oracle().alive().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_accepted_deletion_is_polled_until_it_is_proven() {
    let memory = provider();
    memory.insert(sandbox("box"));
    memory.deletion_takes(seconds(5));
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(result(&report, "box"), StepResult::Deleted);
    assert_eq!(memory.oracle().count(Operation::Delete), 1);
    assert!((5000..5600).contains(&report.took_ms), "{}", report.took_ms);
}

#[tokio::test(start_paused = true)]
async fn an_accepted_deletion_that_never_ends_is_stuck() {
    let memory = provider();
    memory.insert(sandbox("box"));
    memory.deletion_takes(HOUR);
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(result(&report, "box"), StepResult::Stuck);
    assert!(report.has_failures());
    assert!(
        (60_000..62_000).contains(&report.took_ms),
        "{}",
        report.took_ms
    );
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
async fn a_panic_fails_one_step_and_no_other() {
    let memory = provider();
    memory.insert(container("one"));
    memory.insert(container("two"));
    memory
        .script(Operation::Delete)
        .of("one")
        .then(Fault::Panic);
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(result(&report, "one"), StepResult::Failed);
    assert_eq!(result(&report, "two"), StepResult::Deleted);
}

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
async fn fail_fast_starts_nothing_after_the_first_failure() {
    let memory = provider();
    for number in 0..20 {
        memory.insert(container(&format!("c{number:02}")));
    }
    let broken = Fault::Answer(tbengine_sdk::Error::new(
        tbengine_sdk::ErrorKind::Unsupported,
        "read-only file system",
    ));
    memory.script(Operation::Delete).nth(3).then(broken.clone());
    let mut world = World::new(memory.clone());
    world.apply.concurrency = Some(1);
    world.apply.error_mode = ErrorMode::FailFast;
    let report = world.run(delete_all()).await;
    assert_eq!(report.counts()[&StepResult::Deleted], 2);
    assert_eq!(report.counts()[&StepResult::Failed], 1);
    assert_eq!(report.counts()[&StepResult::Cancelled], 17);
    assert_eq!(memory.oracle().count(Operation::Delete), 3);

    let memory = provider();
    for number in 0..20 {
        memory.insert(container(&format!("c{number:02}")));
    }
    memory.script(Operation::Delete).nth(3).then(broken);
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(
        report.counts()[&StepResult::Deleted],
        19,
        "aggregate goes on"
    );
    assert_eq!(report.counts()[&StepResult::Failed], 1);
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
