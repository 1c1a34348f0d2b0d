//! Deletions that one listing proves, and listings that prove nothing.

use std::ops::Range;
use std::time::Duration;

use tbengine_engine::report::{EventKind, Report, StepResult};
use tbengine_memory::{Chaos, ExternalChange, Fault, Memory, Operation, container, volume};
use tbengine_sdk::{Kind, State, Unreadable};

use crate::stages::support::{World, delete_all, provider, result, seconds};

/// Containers of a provider whose listings prove what they do not show.
fn containers(count: usize) -> Memory {
    let memory = provider();
    memory.absence_proves(&[Kind::CONTAINER, Kind::VOLUME]);
    for number in 0..count {
        memory.insert(container(&format!("c{number:02}")));
    }
    memory
}

/// Applies a plan that deletes everything, and counts the listings, readings and checks that it took.
async fn applied(memory: &Memory, world: &World) -> (Report, [usize; 3]) {
    let plan = world.plan(delete_all()).await.plan;
    let count = |operation| memory.oracle().count(operation);
    let counts = || [Operation::List, Operation::Get, Operation::Check].map(count);
    let before = counts();
    let report = world.apply(plan, delete_all()).await;
    let after = counts();
    (report, [0, 1, 2].map(|index| after[index] - before[index]))
}

/// Asserts that all were deleted and each was read: before its deletion, and after it.
fn assert_each_was_read(memory: &Memory, report: &Report, readings: usize) {
    assert_eq!(report.counts()[&StepResult::Deleted], report.outcomes.len());
    assert_eq!(memory.oracle().alive(), []);
    assert!(readings >= report.outcomes.len() * 2, "{readings}");
}

#[tokio::test(start_paused = true)]
async fn one_listing_proves_many_deletions() {
    let memory = containers(40);
    memory.latency(Duration::from_millis(10));
    let (report, requests) = applied(&memory, &World::new(memory.clone())).await;
    assert_eq!(report.counts()[&StepResult::Deleted], 40);
    assert_eq!(memory.oracle().alive(), []);
    // Each is read before it is deleted, and two of all afterwards.
    assert_eq!(requests, [1, 42, 1]);
}

#[tokio::test(start_paused = true)]
async fn few_deletions_are_read_each() {
    let memory = containers(7);
    let (report, [listings, readings, _]) = applied(&memory, &World::new(memory.clone())).await;
    assert_eq!(listings, 0);
    assert_each_was_read(&memory, &report, readings);
}

#[tokio::test(start_paused = true)]
async fn few_that_are_left_behind_a_listing_are_read_each() {
    let memory = containers(12);
    // All begin at once, and the last four take longer than the others wait for them.
    memory
        .script(Operation::Delete)
        .calls(9..)
        .then(Fault::Hang(seconds(5)));
    let mut world = World::new(memory.clone());
    world.apply.concurrency = Some(12);
    let run = applied(&memory, &world);
    let run = tokio::time::timeout(seconds(600), run).await;
    let (report, requests) = run.expect("the run ends");
    assert_eq!(report.counts()[&StepResult::Deleted], 12);
    assert_eq!(requests, [1, 12 + 2 + 4, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_does_not_promise_it_is_read_each() {
    let memory = containers(20);
    memory.absence_proves(&[]);
    let (report, [listings, readings, _]) = applied(&memory, &World::new(memory.clone())).await;
    assert_eq!(listings, 0);
    assert_each_was_read(&memory, &report, readings);
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_fails_or_is_not_whole_proves_nothing() {
    let cases: [fn(&Memory); 4] = [
        |memory| memory.script(Operation::List).then(Fault::unavailable()),
        |memory| memory.script(Operation::List).then(Fault::Panic),
        |memory| {
            let unreadable = Unreadable {
                shown: "(no id)".into(),
                message: "broken".into(),
            };
            memory.shows_unreadable(Kind::CONTAINER, unreadable);
        },
        // What is at the address now is another account, which has none of these.
        |memory| memory.answers_as("another"),
    ];
    for (number, spoil) in cases.into_iter().enumerate() {
        let memory = containers(20);
        let world = World::new(memory.clone());
        let plan = world.plan(delete_all()).await.plan;
        spoil(&memory);
        let before = memory.oracle().count(Operation::Get);
        let report = world.apply(plan, delete_all()).await;
        let readings = memory.oracle().count(Operation::Get) - before;
        assert!(readings >= 40, "case {number}: {readings}");
        assert_eq!(report.counts()[&StepResult::Deleted], 20, "case {number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_leaves_out_what_is_there_is_not_believed() {
    let memory = containers(20);
    let world = World::new(memory.clone());
    let plan = world.plan(delete_all()).await.plan;
    // It confirms every deletion, makes none at first, and shows nothing at all.
    memory
        .script(Operation::Delete)
        .calls(1..=20)
        .then(Fault::ConfirmedWithoutEffect);
    let nothing = Chaos {
        missed_in_list: 1.0,
        ..Chaos::default()
    };
    memory.chaos(nothing, 1);
    let before = memory.oracle().count(Operation::List);
    let report = world.apply(plan, delete_all()).await;
    assert_eq!(memory.oracle().count(Operation::List) - before, 1);
    assert_eq!(report.counts()[&StepResult::Deleted], 20);
    assert_eq!(memory.oracle().alive(), []);
    assert!(report.outcomes.iter().all(|outcome| outcome.attempts == 2));
}

#[tokio::test(start_paused = true)]
async fn what_the_listing_shows_is_watched_until_it_is_gone() {
    let memory = containers(20);
    memory.deletion_takes(seconds(3));
    let slow = memory.named("c07");
    let world = World::new(memory.clone());
    let plan = world.plan(delete_all()).await.plan;
    // The first one whose removal is noticed by somebody else's clock.
    memory.change_at(seconds(1), ExternalChange::Delete(slow));
    let report = world.apply(plan, delete_all()).await;
    assert_eq!(report.counts()[&StepResult::Deleted], 20);
    assert_eq!(memory.oracle().alive(), []);
}

#[tokio::test(start_paused = true)]
async fn what_was_made_anew_under_the_same_name_is_gone_by_identity() {
    let memory = provider();
    memory.absence_proves(&[Kind::VOLUME]);
    for number in 0..10 {
        memory.insert(volume(&format!("v{number}")));
    }
    let world = World::new(memory.clone());
    let plan = world.plan(delete_all()).await.plan;
    for number in 0..10 {
        let again = volume(&format!("v{number}")).created(seconds(number));
        let again = Fault::Meanwhile(ExternalChange::Create(Box::new(again)));
        memory.script(Operation::List).then(again);
    }
    let before = memory.oracle().count(Operation::List);
    let report = world.apply(plan, delete_all()).await;
    assert_eq!(memory.oracle().count(Operation::List) - before, 1);
    assert_eq!(report.counts()[&StepResult::Deleted], 10);
    assert_eq!(memory.oracle().alive().len(), 10, "the neighbour's stay");
    assert_eq!(memory.oracle().count(Operation::Delete), 10);
}

#[tokio::test(start_paused = true)]
async fn what_is_used_goes_once_the_proof_is_there() {
    let memory = containers(0);
    let data = memory.insert(volume("data"));
    for number in 0..12 {
        memory.insert(container(&format!("c{number}")).uses(&data));
    }
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(result(&report, "data"), StepResult::Deleted);
    assert_eq!(report.counts()[&StepResult::Deleted], 13);
}

/// A run of which the deletions of `at` are accepted when it is stopped, and its report.
async fn stopped(memory: &Memory, at: Range<u32>, abort: bool) -> Report {
    let mut world = World::new(memory.clone());
    memory.latency(Duration::from_millis(100));
    memory
        .script(Operation::Delete)
        .calls(at)
        .then(Fault::Hang(seconds(20)));
    let (stop, aborts) = (world.control.stop.clone(), world.control.abort.clone());
    let began = memory.now();
    let stopper = memory.clone();
    tokio::spawn(async move {
        // Those that are not held up were accepted by now, and wait.
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert!(stopper.now() > began);
        stop.cancel();
        if abort {
            aborts.cancel();
        }
    });
    world.apply.concurrency = Some(20);
    world.run(delete_all()).await
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_stopped_proves_what_was_accepted() {
    let memory = containers(20);
    let report = stopped(&memory, 18..100, false).await;
    assert!(report.interrupted);
    assert_eq!(report.counts()[&StepResult::Deleted], 20, "{report:#?}");
    let memory = containers(20);
    let report = stopped(&memory, 18..100, true).await;
    let unproven = |detail: &Option<String>| {
        detail.as_deref() == Some("the run was interrupted; deletion accepted, not yet verified")
    };
    let unproven = report
        .outcomes
        .iter()
        .filter(|outcome| unproven(&outcome.detail));
    assert!(unproven.count() >= 8, "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_proof_is_left_when_its_backend_refuses() {
    let memory = containers(20);
    let mut world = World::new(memory.clone());
    world.apply.concurrency = Some(20);
    memory.latency(Duration::from_millis(10));
    memory
        .script(Operation::Delete)
        .nth(20)
        .then(Fault::denied());
    let report = world.run(delete_all()).await;
    assert!(report.counts()[&StepResult::Denied] >= 1);
    assert_eq!(report.outcomes.len(), 20);
    let events = world.events();
    let stopped = |kind: &EventKind| matches!(kind, EventKind::BackendStopped { .. });
    assert!(events.iter().any(|event| stopped(&event.kind)));
    assert!(
        memory
            .oracle()
            .alive()
            .iter()
            .all(|one| one.state == State::Exited)
    );
}
