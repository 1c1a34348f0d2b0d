//! Deletions: what proves one, and what becomes of those that are slow, panic or fail.

use std::time::Duration;

use tbengine_engine::apply::ErrorMode;
use tbengine_engine::policy::Force;
use tbengine_engine::report::{Effect, StepResult};
use tbengine_memory::{Fault, Operation, container, image, network, sandbox, volume};

use crate::stages::support::{
    HOUR, Scripted, World, benchmark, delete, delete_all, outcome, provider, result, seconds,
};

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
    memory.insert(sandbox("box").owner(benchmark()));
    memory.deletion_takes(seconds(5));
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(result(&report, "box"), StepResult::Deleted);
    assert_eq!(memory.oracle().count(Operation::Delete), 1);
    assert!((5000..5600).contains(&report.took_ms), "{}", report.took_ms);
}

#[tokio::test(start_paused = true)]
async fn an_accepted_deletion_that_never_ends_is_stuck() {
    let memory = provider();
    memory.insert(sandbox("box").owner(benchmark()));
    memory.deletion_takes(HOUR);
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(result(&report, "box"), StepResult::Stuck);
    assert!(report.has_failures());
    assert!(
        (60_000..66_000).contains(&report.took_ms),
        "{}",
        report.took_ms
    );
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
async fn what_the_provider_only_hides_is_asked_for_once() {
    let memory = provider();
    let one = memory.insert(sandbox("one").owner(benchmark()));
    let two = memory.insert(sandbox("two").owner(benchmark()));
    memory.surrenders(&one);
    memory.surrenders(&two);
    // The answer that says so is lost: a read says it as well.
    memory
        .script(Operation::Delete)
        .of("two")
        .nth(1)
        .then(Fault::ReplyLost);
    let report = World::new(memory.clone()).run(delete_all()).await;
    for name in ["one", "two"] {
        assert_eq!(result(&report, name), StepResult::Surrendered, "{name}");
        assert_eq!(outcome(&report, name).effect, Effect::Unknown, "{name}");
    }
    assert_eq!(memory.oracle().count(Operation::Delete), 2);
    assert!(memory.oracle().is_alive(&one) && memory.oracle().is_alive(&two));
}
