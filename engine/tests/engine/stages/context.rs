//! What a policy knows besides the resources: disks and the time zone.

use std::sync::Arc;

use tbengine_engine::policy::{Policy, PolicyContext, Zone};
use tbengine_memory::{Fault, Memory, Operation, container};
use tbengine_sdk::Disk;

use crate::stages::support::{HOUR, Scripted, World, provider};

/// The context in which a policy is asked by an engine that reads disks, or does not.
async fn context_of(world: &World, disks: bool) -> PolicyContext {
    let scripted = Scripted::new(|_| None);
    let context = scripted.context();
    let policy: Arc<dyn Policy> = Arc::new(scripted);
    let engine = world.engine().with_disks(disks);
    let planned = world.plan_with(&engine, &policy).await;
    assert_eq!(planned.inventory.failures, []);
    context.lock().unwrap().take().expect("the policy is asked")
}

fn disks(context: &PolicyContext) -> &[Disk] {
    let backend = context.backends.iter().find(|one| &*one.name == "memory");
    &backend.expect("the backend is among the facts").disks
}

fn full_of(gibibytes: u64) -> Memory {
    let memory = provider();
    memory.insert(container("large").disk(gibibytes << 30));
    memory
}

#[tokio::test(start_paused = true)]
async fn disks_are_read_for_a_policy_that_asks_for_them() {
    let world = World::new(full_of(2));
    let context = context_of(&world, true).await;
    let [disk] = disks(&context) else {
        panic!("{:?}", context.backends);
    };
    assert_eq!(disk.total_bytes - disk.free_bytes, 2 << 30);

    let context = context_of(&world, false).await;
    assert_eq!(disks(&context), []);
}

#[tokio::test(start_paused = true)]
async fn disks_that_cannot_be_read_cost_nothing_else() {
    let memory = full_of(2);
    memory.script(Operation::Disks).then(Fault::Hang(HOUR));
    let world = World::new(memory);
    let context = context_of(&world, true).await;
    assert_eq!(disks(&context), []);
}

#[tokio::test(start_paused = true)]
async fn the_zone_of_the_operator_is_that_of_the_policy() {
    let mut world = World::new(full_of(1));
    world.apply.zone = Zone {
        name: "Asia/Kolkata".into(),
        offset_minutes: 330,
        next_change: None,
    };
    let context = context_of(&world, false).await;
    assert_eq!(context.zone, world.apply.zone);
}
