//! Changes that a backend reports while a plan is applied.

use std::sync::Arc;
use std::time::Duration;

use tbengine_engine::plan::Plan;
use tbengine_engine::policy::Policy;
use tbengine_engine::report::{EventKind, Report, StepResult};
use tbengine_memory::{ExternalChange, Fault, Memory, Operation, container};
use tbengine_sdk::{Identity, State};

use crate::stages::support::{
    HOUR, World, claiming_world, delete_all, delete_within, ours, provider, result,
};

/// A provider with containers that have ended, whose answers take a while.
fn containers(count: usize) -> (Memory, Vec<Identity>) {
    let memory = provider();
    memory.latency(Duration::from_millis(10));
    let made = (0..count).map(|number| memory.insert(container(&format!("c{number:02}"))));
    let made = made.collect();
    (memory, made)
}

/// A plan that deletes everything, by an engine that follows what changes.
async fn plan(world: &World) -> Plan {
    let policy: Arc<dyn Policy> = Arc::new(delete_all());
    let engine = world.engine().following();
    world.plan_with(&engine, &policy).await.plan
}

/// Applies a plan one step at a time, and counts the readings.
async fn applied(memory: &Memory, world: &mut World, plan: Plan) -> (Report, usize) {
    world.apply.concurrency = Some(1);
    let before = memory.oracle().count(Operation::Get);
    let report = world.apply(plan, delete_all()).await;
    (report, memory.oracle().count(Operation::Get) - before)
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_and_was_not_touched_is_not_read_before_its_deletion() {
    let (memory, _) = containers(10);
    let mut world = World::new(memory.clone());
    let plan = plan(&world).await;
    let (report, readings) = applied(&memory, &mut world, plan).await;
    assert_eq!(report.counts()[&StepResult::Deleted], 10);
    assert_eq!(memory.oracle().alive(), []);
    // The first begins before the provider has reported anything; each is read after its deletion.
    assert_eq!(readings, 11);
}

#[tokio::test(start_paused = true)]
async fn without_following_each_is_read() {
    let (memory, _) = containers(10);
    let mut world = World::new(memory.clone());
    let plan = world.plan(delete_all()).await.plan;
    let (report, readings) = applied(&memory, &mut world, plan).await;
    assert_eq!(report.counts()[&StepResult::Deleted], 10);
    assert_eq!(readings, 20);
}

#[tokio::test(start_paused = true)]
async fn what_was_touched_since_the_listing_is_read_and_compared() {
    let (memory, made) = containers(10);
    let mut world = World::new(memory.clone());
    let plan = plan(&world).await;
    // Its process ends again at once, so that the provider would not refuse to delete it.
    memory.change(ExternalChange::Restart(made[4].clone()));
    memory.change(ExternalChange::SetState(made[4].clone(), State::Exited));
    let (report, readings) = applied(&memory, &mut world, plan).await;
    assert_eq!(result(&report, "c04"), StepResult::Changed);
    assert_eq!(report.counts()[&StepResult::Deleted], 9);
    assert_eq!(readings, 11, "the first and the touched before, nine after");
}

#[tokio::test(start_paused = true)]
async fn where_changes_cannot_be_followed_each_is_read() {
    for fault in [Fault::unavailable(), Fault::Panic, Fault::Hang(HOUR)] {
        let (memory, made) = containers(10);
        let mut world = World::new(memory.clone());
        let plan = plan(&world).await;
        memory.change(ExternalChange::Restart(made[4].clone()));
        memory.script(Operation::Watch).then(fault);
        let (report, readings) = applied(&memory, &mut world, plan).await;
        assert_eq!(result(&report, "c04"), StepResult::Changed);
        assert!(readings >= 19, "{readings}");
    }
}

#[tokio::test(start_paused = true)]
async fn more_changes_than_the_provider_remembers_are_no_proof_that_the_rest_is_untouched() {
    let (memory, made) = containers(10);
    let mut world = World::new(memory.clone());
    let plan = plan(&world).await;
    memory.change(ExternalChange::Restart(made[4].clone()));
    for _ in 0..300 {
        let other = memory.insert(container("other"));
        memory.change(ExternalChange::Delete(other));
    }
    let (report, readings) = applied(&memory, &mut world, plan).await;
    assert_eq!(result(&report, "c04"), StepResult::Changed);
    assert!(readings >= 19, "{readings}");
}

#[tokio::test(start_paused = true)]
async fn what_runs_again_and_is_not_reported_yet_is_left_to_the_provider() {
    let (memory, _) = containers(3);
    let mut world = World::new(memory.clone());
    let plan = plan(&world).await;
    let (before_last, last) = (plan.steps[1].name.clone(), plan.steps[2].clone());
    // The first answer says that nothing happened; no other comes.
    let before = u32::try_from(memory.oracle().count(Operation::Watch)).unwrap();
    memory
        .script(Operation::Watch)
        .calls(before + 2..=before + 9)
        .then(Fault::Hang(HOUR));
    let (provider, target) = (memory.clone(), last.target.clone());
    world.on_event = Some(Box::new(move |event, _| {
        if let EventKind::StepFinished(outcome) = &event.kind
            && outcome.name == before_last
        {
            provider.change(ExternalChange::Restart(target.clone()));
        }
    }));
    let (report, _) = applied(&memory, &mut world, plan).await;
    assert_eq!(
        result(&report, &last.name),
        StepResult::Changed,
        "{}",
        world.story()
    );
    let alive = memory.oracle().alive();
    assert_eq!(alive.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_to_end_is_looked_at_when_it_has() {
    let memory = provider();
    memory.latency(Duration::from_millis(10));
    let reaction = Duration::from_millis(3_333);
    memory.insert(ours("one").running().ends_after(reaction));
    let world = claiming_world(&memory);
    let policy: Arc<dyn Policy> = Arc::new(delete_within(HOUR));
    let engine = world.engine().following();
    let plan = world.plan_with(&engine, &policy).await.plan;
    let began = tokio::time::Instant::now();
    let report = world.apply(plan, delete_within(HOUR)).await;
    assert_eq!(result(&report, "one"), StepResult::Deleted);
    let took = began.elapsed();
    assert!(
        took < Duration::from_millis(3_500),
        "{took:?}: {}",
        world.story()
    );
}
