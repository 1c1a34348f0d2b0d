//! Several backends in one run, and backends that do not answer.

use tbengine_engine::report::StepResult;
use tbengine_memory::{Fault, Memory, Operation, container};
use tbengine_sdk::{Error, ErrorKind};
use tokio::time::Instant;

use crate::stages::support::{HOUR, NOW, World, delete_all, provider, result, seconds};

fn two() -> (Memory, Memory, World) {
    let first = provider();
    let second = Memory::new("other-0", NOW);
    let mut world = World::new(first.clone());
    world.others.push(second.clone());
    (first, second, world)
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_does_not_answer_is_a_failure_and_no_emptiness() {
    let (first, second, world) = two();
    first.insert(container("one"));
    second.insert(container("two"));
    second.outage(seconds(0)..HOUR);
    let planned = world.plan(delete_all()).await;
    assert_eq!(planned.inventory.failures.len(), 1);
    let failure = &planned.inventory.failures[0];
    assert_eq!((&*failure.backend, failure.kind), ("other-0", None));
    assert_eq!(failure.error.kind, ErrorKind::Unavailable);
    assert_eq!(planned.plan.steps.len(), 1);
    assert_eq!(planned.plan.steps[0].name, "one");
}

#[tokio::test(start_paused = true)]
async fn passing_faults_while_a_backend_names_its_account_blind_nobody() {
    for fault in [Fault::transient(), Fault::unavailable()] {
        let (_, second, world) = two();
        second.insert(container("two"));
        second.script(Operation::Check).calls(..=2).then(fault);
        let planned = world.plan(delete_all()).await;
        assert_eq!(planned.inventory.failures, []);
        assert_eq!(planned.plan.steps.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_goes_away_does_not_hold_the_other_up() {
    let (first, second, world) = two();
    first.insert(container("one"));
    second.insert(container("two"));
    second.script(Operation::Delete).then(Fault::unavailable());
    second
        .script(Operation::Check)
        .calls(2..)
        .then(Fault::unavailable());
    let report = world.run(delete_all()).await;
    assert_eq!(result(&report, "one"), StepResult::Deleted);
    assert_eq!(result(&report, "two"), StepResult::Deferred);
    let first_done = first.oracle().deletions()[0].at;
    let opened = second.oracle().requests()[0].at;
    assert!(first_done - opened < seconds(1));
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_refuses_does_not_stop_the_other() {
    let (first, second, world) = two();
    for number in 0..5 {
        first.insert(container(&format!("a{number}")));
        second.insert(container(&format!("b{number}")));
    }
    second.script(Operation::Delete).then(Fault::denied());
    let report = world.run(delete_all()).await;
    assert_eq!(report.counts()[&StepResult::Deleted], 5);
    assert_eq!(report.counts()[&StepResult::Denied], 5);
    assert!(first.oracle().alive().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_passing_fault_does_not_blind_the_run() {
    let memory = provider();
    memory.insert(container("one"));
    memory
        .script(Operation::List)
        .calls(..=2)
        .then(Fault::transient());
    let planned = World::new(memory).plan(delete_all()).await;
    assert!(planned.inventory.failures.is_empty());
    assert_eq!(planned.plan.steps.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_scope_that_names_one_backend_leaves_the_other_unasked() {
    let (first, second, mut world) = two();
    first.insert(container("one"));
    second.insert(container("two"));
    world.scope.backends = vec!["other-0".into()];
    let planned = world.plan(delete_all()).await;
    assert_eq!(planned.plan.steps.len(), 1);
    assert_eq!(planned.plan.steps[0].name, "two");
    assert!(first.oracle().requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_gives_no_answer_holds_the_others_up_for_a_moment_only() {
    for hangs in [Operation::Check, Operation::List] {
        let (first, second, world) = two();
        first.insert(container("one"));
        second.insert(container("two"));
        second.script(hangs).then(Fault::Hang(HOUR));
        let begins = Instant::now();
        let report = world.run(delete_all()).await;
        assert_eq!(result(&report, "one"), StepResult::Deleted);
        assert_eq!(report.outcomes.len(), 1);
        assert!(begins.elapsed() < seconds(20), "{:?}", begins.elapsed());
        let planned = world.plan(delete_all()).await;
        let failures = planned.inventory.failures.iter();
        assert!(
            failures
                .clone()
                .all(|failure| &*failure.backend == "other-0")
        );
        let mut said = failures.map(|failure| &failure.error.message);
        assert!(
            said.any(|said| said.contains("gave no answer")),
            "{hangs:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_backend_alone_has_the_time_of_one_call() {
    let memory = provider();
    memory.script(Operation::List).then(Fault::Hang(HOUR));
    let begins = Instant::now();
    let planned = World::new(memory).plan(delete_all()).await;
    assert!(!planned.inventory.failures.is_empty());
    assert!(begins.elapsed() <= seconds(61), "{:?}", begins.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_answers_slowly_is_waited_for() {
    let (first, second, world) = two();
    first.insert(container("one"));
    for number in 0..200 {
        second.insert(container(&format!("two{number}")));
    }
    // Far beyond what one without any answer gets, in answers of 12 seconds each.
    second.latency(seconds(12));
    second
        .script(Operation::List)
        .calls(..=2)
        .then(Fault::transient());
    let planned = world.plan(delete_all()).await;
    assert_eq!(planned.inventory.failures, []);
    assert_eq!(planned.plan.steps.len(), 201);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_run_holds_while_it_lists() {
    let (first, second, mut world) = two();
    world.apply.deadline = Some(seconds(8));
    first.insert(container("one"));
    second.script(Operation::List).then(Fault::Hang(HOUR));
    let begins = Instant::now();
    let report = world.run(delete_all()).await;
    assert_eq!(result(&report, "one"), StepResult::Deleted);
    assert!(begins.elapsed() < seconds(8), "{:?}", begins.elapsed());
    // Where nothing at all is listed, that is said in time.
    first.script(Operation::List).then(Fault::Hang(HOUR));
    let begins = Instant::now();
    let planned = world.plan(delete_all()).await;
    assert!(planned.plan.is_empty() && planned.inventory.failures.len() > 1);
    assert!(begins.elapsed() < seconds(9), "{:?}", begins.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_says_that_it_is_at_its_end_is_not_probed_any_more() {
    let (first, second, world) = two();
    first.insert(container("one"));
    for number in 0..20 {
        second.insert(container(&format!("two{number}")));
    }
    second.script(Operation::Get).then(Fault::unavailable());
    let dead = Error::new(ErrorKind::Internal, "it died 5 times and is not restarted");
    second
        .script(Operation::Check)
        .calls(2..)
        .then(Fault::Answer(dead));
    let begins = Instant::now();
    let report = world.run(delete_all()).await;
    assert_eq!(result(&report, "one"), StepResult::Deleted);
    assert_eq!(report.counts()[&StepResult::Deferred], 20);
    assert!(begins.elapsed() < seconds(10), "{:?}", begins.elapsed());
}
