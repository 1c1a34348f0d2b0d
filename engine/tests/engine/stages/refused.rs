//! What the credentials may not do, and what the provider will not do.

use std::time::Duration;

use tbengine_engine::policy::Force;
use tbengine_engine::report::{Report, StepResult};
use tbengine_memory::{ExternalChange, Fault, Memory, Operation, container, image};
use tbengine_sdk::{Error, ErrorKind, State};

use crate::stages::support::{
    Scripted, World, claiming_world, delete, delete_all, delete_within, ours, outcome, provider,
    result, seconds,
};

fn forbidden() -> Fault {
    Fault::Answer(
        Error::new(ErrorKind::Forbidden, "the key may not delete").with_hint("use another"),
    )
}

async fn run(memory: &Memory, policy: Scripted) -> Report {
    claiming_world(memory).run(policy).await
}

fn detail(report: &Report, name: &str) -> String {
    outcome(report, name).detail.clone().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_action_ends_its_step_and_no_other() {
    let memory = provider();
    memory.insert(ours("one").state(State::Exited));
    memory.insert(ours("two").state(State::Exited));
    memory.insert(image("img").label("team", "evals"));
    memory
        .script(Operation::Delete)
        .of_kind(tbengine_sdk::Kind::CONTAINER)
        .then(forbidden());
    let report = run(&memory, delete_all()).await;
    for name in ["one", "two"] {
        let outcome = outcome(&report, name);
        assert_eq!(outcome.result, StepResult::Denied);
        assert_eq!(outcome.hint.as_deref(), Some("use another"));
    }
    assert_eq!(result(&report, "img"), StepResult::Deleted);
    // One attempt each, and what has ended is not stopped.
    assert_eq!(memory.oracle().count(Operation::Delete), 3);
    assert_eq!(memory.oracle().count(Operation::Stop), 0);
}

#[tokio::test(start_paused = true)]
async fn what_runs_and_may_not_be_deleted_is_stopped_where_the_plan_kills() {
    let memory = provider();
    // Where deletions only begin with the answer, nothing is killed apart from its deletion.
    memory.deletion_takes(seconds(1));
    let one = memory.insert(ours("one").running());
    memory.script(Operation::Delete).then(forbidden());
    let report = run(&memory, delete_all()).await;
    assert_eq!(result(&report, "one"), StepResult::Denied);
    assert!(detail(&report, "one").contains("asked to stop instead"));
    assert_eq!(
        memory.oracle().resource(&one).map(|one| one.state),
        Some(State::Exited)
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_plan_does_not_kill_is_not_stopped_either() {
    let memory = provider();
    memory.insert(ours("one").state(State::Exited));
    memory.script(Operation::Delete).then(forbidden());
    let policy = Scripted::new(|_| Some(delete(Force::Never, Duration::ZERO)));
    let report = run(&memory, policy).await;
    assert_eq!(result(&report, "one"), StepResult::Denied);
    assert_eq!(memory.oracle().count(Operation::Stop), 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_to_end_first_is_reported_as_stopped() {
    let memory = provider();
    memory.insert(ours("one").running().ends_after(seconds(1)));
    memory.script(Operation::Delete).then(forbidden());
    let report = run(&memory, delete_within(seconds(10))).await;
    assert_eq!(result(&report, "one"), StepResult::Denied);
    assert!(detail(&report, "one").contains("it was stopped"));
    assert_eq!(memory.oracle().count(Operation::Stop), 1);
}

#[tokio::test(start_paused = true)]
async fn what_deletes_itself_when_it_is_stopped_is_deleted() {
    let memory = provider();
    let one = memory.insert(ours("one").running());
    memory.script(Operation::Delete).then(forbidden());
    memory
        .script(Operation::Stop)
        .then(Fault::Meanwhile(ExternalChange::Delete(one)));
    let report = run(&memory, delete_all()).await;
    let result = result(&report, "one");
    assert!(
        matches!(result, StepResult::Deleted | StepResult::AlreadyGone),
        "{result}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_may_be_neither_deleted_nor_stopped_is_denied_once() {
    let memory = provider();
    // Where deletions only begin with the answer, nothing is killed apart from its deletion.
    memory.deletion_takes(seconds(1));
    let one = memory.insert(ours("one").running());
    memory.script(Operation::Delete).then(forbidden());
    memory.script(Operation::Stop).then(forbidden());
    let report = run(&memory, delete_all()).await;
    assert_eq!(result(&report, "one"), StepResult::Denied);
    assert_eq!(
        memory.oracle().resource(&one).map(|one| one.state),
        Some(State::Running)
    );
    assert_eq!(memory.oracle().count(Operation::Delete), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_provider_will_not_do_is_stuck_without_a_second_try() {
    let memory = provider();
    memory.insert(container("one"));
    memory.insert(container("two"));
    memory
        .script(Operation::Delete)
        .of("one")
        .then(Fault::Answer(Error::new(
            ErrorKind::Stuck,
            "it is only hidden",
        )));
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(result(&report, "one"), StepResult::Stuck);
    assert_eq!(detail(&report, "one"), "it is only hidden");
    assert_eq!(result(&report, "two"), StepResult::Deleted);
    assert_eq!(memory.oracle().count(Operation::Delete), 2);
}
