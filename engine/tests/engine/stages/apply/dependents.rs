//! What uses a resource holds it.

use tbengine_engine::report::StepResult;
use tbengine_memory::{Fault, Operation, container, network};

use crate::stages::support::{
    World, claiming_world, delete_all, delete_within, ours, provider, result, seconds,
};

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
        [tbengine_sdk::Kind::CONTAINER, tbengine_sdk::Kind::NETWORK]
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
