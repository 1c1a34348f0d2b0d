//! What is not any more as it was when it was planned.

use tbengine_engine::report::StepResult;
use tbengine_memory::{ExternalChange, Fault, Operation, container, volume};
use tbengine_sdk::State;

use crate::stages::support::{World, delete_all, provider, result, seconds};

#[tokio::test(start_paused = true)]
async fn what_was_started_again_is_left_alone() {
    let memory = provider();
    let one = memory.insert(container("one"));
    let two = memory.insert(container("two"));
    let world = World::new(memory.clone());
    let plan = world.plan(delete_all()).await.plan;
    memory.change(ExternalChange::Restart(one.clone()));
    // This one starts between our look and our deletion: the provider refuses.
    memory
        .script(Operation::Delete)
        .of("two")
        .then(Fault::Meanwhile(ExternalChange::Restart(two.clone())));
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
    memory.change(ExternalChange::Restart(one.clone()));
    memory.change(ExternalChange::SetState(one.clone(), State::Exited));
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
    memory.change(ExternalChange::Recreate(old.clone()));
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
    memory.change(ExternalChange::Delete(one));
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
        memory.change(ExternalChange::Delete(one));
    }
    let report = world.apply(plan, delete_all()).await;
    assert_eq!(report.warnings.len(), 1);
    assert!(
        report.warnings[0].contains("account"),
        "{:?}",
        report.warnings
    );
}
