//! What is not any more as it was when it was planned.

use tbengine_engine::report::{Effect, StepResult};
use tbengine_memory::{
    ExternalChange, Fault, Make, Memory, Operation, container, image, network, volume,
};
use tbengine_sdk::{Error, ErrorKind, Identity, State};

use crate::stages::support::{
    HOUR, NOW, World, claiming_world, delete_all, ours, outcome, provider, result, seconds,
};

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

/// Docker's listing has the second in which a container was created, and an inspection more than that: one that cannot be
/// inspected any more looks like another one.
#[tokio::test(start_paused = true)]
async fn what_can_be_read_only_in_part_from_now_on_is_not_gone() {
    for created in [None, Some(NOW)] {
        for sent in [Operation::Stop, Operation::Delete] {
            let memory = provider();
            let make = container("one").running().label("team", "evals");
            let one = memory.insert(make.created(HOUR + std::time::Duration::from_millis(7)));
            let world = claiming_world(&memory);
            let plan = world.plan(delete_all()).await.plan;
            assert_eq!(plan.steps.len(), 1, "{:?}", plan.refusals);
            // Something was sent, and is tried again after it was damaged.
            let busy = Error::new(ErrorKind::Transient, "busy");
            memory.script(sent).of("one").then(Fault::Answer(busy));
            let damage = async {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                let mut damaged = memory.oracle().resource(&one).expect("it is there");
                damaged.identity.created = created;
                damaged.damaged = Some(tbengine_sdk::Damage {
                    message: "its layer does not exist".into(),
                    code: None,
                });
                memory.insert_resource(damaged);
            };
            let (report, ()) = tokio::join!(world.apply(plan, delete_all()), damage);
            let outcome = outcome(&report, "one");
            assert_ne!(outcome.result, StepResult::Deleted, "{outcome:?}");
            assert_ne!(outcome.result, StepResult::AlreadyGone, "{outcome:?}");
            let detail = outcome.detail.clone().unwrap_or_default();
            assert!(
                detail.contains("only part of it could be read"),
                "{outcome:?}"
            );
        }
    }
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

/// A trial of two containers with a network and a volume that neither of them uses.
fn trial(memory: &Memory, name: &str) -> [Identity; 4] {
    let unit = |make: Make| memory.insert(make.unit(name));
    [
        unit(container(&format!("{name}-main"))),
        unit(container(&format!("{name}-db"))),
        unit(network(&format!("{name}-net"))),
        unit(volume(&format!("{name}-data"))),
    ]
}

/// One request at a time, so that each step is attempted when those before it have ended.
fn one_by_one(memory: &Memory) -> World {
    let mut world = World::new(memory.clone());
    world.apply.concurrency = Some(1);
    world
}

#[tokio::test(start_paused = true)]
async fn what_was_not_acted_on_of_a_unit_stays_with_a_member_that_has_changed() {
    for at_the_deletion in [false, true] {
        let memory = provider();
        let [main, db, net, data] = trial(&memory, "trial-1");
        let others = trial(&memory, "trial-2");
        let world = one_by_one(&memory);
        let plan = world.plan(delete_all()).await.plan;
        assert_eq!(plan.steps.len(), 8);
        let mut steps = plan.steps.iter();
        let first = steps.find(|step| step.name.starts_with("trial-1"));
        let first = first.unwrap().target.clone();
        assert!([&main, &db].contains(&&first), "{first:?}");
        match at_the_deletion {
            false => memory.change(ExternalChange::Restart(first.clone())),
            // It starts between our look and our deletion, and the provider refuses.
            true => memory
                .script(Operation::Delete)
                .of_identity(&first)
                .then(Fault::Meanwhile(ExternalChange::Restart(first.clone()))),
        }
        let report = world.apply(plan, delete_all()).await;
        for stays in [&main, &db, &net, &data] {
            assert!(memory.oracle().is_alive(stays), "{stays:?}");
        }
        let outcomes = report.outcomes.iter();
        let of_unit = outcomes.filter(|outcome| outcome.name.starts_with("trial-1"));
        let mut with_it = 0;
        for outcome in of_unit {
            assert_eq!(outcome.result, StepResult::Changed, "{outcome:?}");
            let detail = outcome.detail.as_deref().unwrap_or_default();
            with_it += usize::from(detail.ends_with("of the same unit has changed"));
        }
        assert_eq!(with_it, 3);
        for gone in &others {
            assert!(!memory.oracle().is_alive(gone), "{gone:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_runs_is_not_ended_when_another_of_its_unit_was_started_again() {
    let memory = provider();
    let main = memory.insert(ours("main").unit("trial"));
    let db = memory.insert(ours("db").unit("trial").running());
    let data = memory.insert(volume("data").label("team", "evals").unit("trial"));
    let world = claiming_world(&memory);
    let plan = world.plan(delete_all()).await.plan;
    assert_eq!(plan.steps.len(), 3);
    memory.change(ExternalChange::Restart(main.clone()));
    // What runs is attempted first, and at the same time as all others.
    let report = world.apply(plan, delete_all()).await;
    let detail = |name| outcome(&report, name).detail.clone().unwrap_or_default();
    assert_eq!(detail("db"), "`main` of the same unit has changed");
    assert_eq!(detail("data"), "`main` of the same unit has changed");
    assert_eq!(detail("main"), "it was exited, now running");
    for stays in [&main, &db, &data] {
        assert!(memory.oracle().is_alive(stays), "{stays:?}");
    }
    for operation in [Operation::Stop, Operation::Delete] {
        assert_eq!(memory.oracle().count(operation), 0, "{operation:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_of_a_unit_keeps_the_rest_of_it() {
    for (faults, result) in [(2, StepResult::Deleted), (1000, StepResult::Failed)] {
        let memory = provider();
        let main = memory.insert(ours("main").unit("trial"));
        let db = memory.insert(ours("db").unit("trial").running());
        let other = memory.insert(ours("other").unit("another trial"));
        let world = claiming_world(&memory);
        let plan = world.plan(delete_all()).await.plan;
        memory
            .script(Operation::Get)
            .of_identity(&main)
            .calls(..=faults)
            .then(Fault::Answer(Error::new(ErrorKind::Transient, "no answer")));
        let report = world.apply(plan, delete_all()).await;
        assert_eq!(outcome(&report, "db").result, result, "{report:?}");
        assert_eq!(outcome(&report, "main").result, result);
        let is_alive = result == StepResult::Failed;
        assert_eq!(memory.oracle().is_alive(&db), is_alive);
        assert!(!memory.oracle().is_alive(&other));
        if is_alive {
            assert_eq!(memory.oracle().count(Operation::Stop), 0);
            let detail = outcome(&report, "db").detail.clone().unwrap_or_default();
            assert!(
                detail.contains("cannot read `main` of the same unit: no answer"),
                "{detail}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_members_of_a_large_unit_do_not_all_read_each_other() {
    let memory = provider();
    let members: Vec<_> = (0..200)
        .map(|number| memory.insert(container(&format!("c{number:03}")).unit("large")))
        .collect();
    let world = World::new(memory.clone());
    let plan = world.plan(delete_all()).await.plan;
    world.apply(plan, delete_all()).await;
    assert!(members.iter().all(|one| !memory.oracle().is_alive(one)));
    // Each of 200 reading all others is 19,900.
    let reads = memory.oracle().count(Operation::Get);
    assert!(reads < 200 * 15, "{reads} reads");
}

#[tokio::test(start_paused = true)]
async fn a_volume_that_was_made_anew_keeps_what_is_left_of_its_unit() {
    let memory = provider();
    let old = memory.insert(volume("a-data").unit("trial"));
    let more = memory.insert(volume("b-more").unit("trial"));
    let world = one_by_one(&memory);
    let plan = world.plan(delete_all()).await.plan;
    assert_eq!(plan.steps[0].target, old);
    tokio::time::sleep(seconds(5)).await;
    memory.change(ExternalChange::Recreate(old));
    let report = world.apply(plan, delete_all()).await;
    assert_eq!(result(&report, "a-data"), StepResult::Changed);
    assert_eq!(result(&report, "b-more"), StepResult::Changed);
    assert!(memory.oracle().is_alive(&more));
}

#[tokio::test(start_paused = true)]
async fn what_many_units_may_share_goes_whatever_has_changed() {
    let memory = provider();
    let main = memory.insert(container("main").unit("trial"));
    let base = memory.insert(image("base").unit("trial"));
    let world = one_by_one(&memory);
    let plan = world.plan(delete_all()).await.plan;
    memory.change(ExternalChange::Restart(main));
    let report = world.apply(plan, delete_all()).await;
    assert_eq!(result(&report, "main"), StepResult::Changed);
    assert_eq!(result(&report, "base"), StepResult::Deleted);
    assert!(!memory.oracle().is_alive(&base));
}

#[tokio::test(start_paused = true)]
async fn what_goes_with_its_lease_does_not_stay_with_its_unit() {
    let memory = provider();
    let [main, _, _, data] = trial(&memory, "trial");
    let mut world = one_by_one(&memory);
    let listed = memory.oracle().alive();
    world.facts.only = Some(listed.iter().map(|one| one.identity.id()).collect());
    let plan = world.plan(delete_all()).await.plan;
    assert_eq!(plan.steps.len(), 4);
    memory.change(ExternalChange::Restart(main));
    world.apply(plan, delete_all()).await;
    assert!(!memory.oracle().is_alive(&data));
}

#[tokio::test(start_paused = true)]
async fn what_is_in_no_known_state_any_more_is_left_alone() {
    let memory = provider();
    let one = memory.insert(container("one"));
    let world = World::new(memory.clone());
    let plan = world.plan(delete_all()).await.plan;
    memory.change(ExternalChange::SetState(one.clone(), State::Unknown));
    let report = world.apply(plan, delete_all()).await;
    assert_eq!(result(&report, "one"), StepResult::Changed);
    assert_eq!(outcome(&report, "one").effect, Effect::None);
    assert!(memory.oracle().is_alive(&one));
    assert_eq!(memory.oracle().count(Operation::Delete), 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_protected_after_the_plan_was_made_is_left_alone() {
    let memory = provider();
    let protected = memory.insert(container("protected"));
    let kept = memory.insert(container("kept"));
    let other = memory.insert(container("other"));
    let world = World::new(memory.clone());
    let plan = world.plan(delete_all()).await.plan;
    let tomorrow = NOW.plus(24 * HOUR).to_string();
    let label = |target: &Identity, key: &str, value: &str| {
        memory.change(ExternalChange::Label(
            target.clone(),
            key.into(),
            value.into(),
        ));
    };
    label(&protected, "tbengine.protect", "");
    label(&kept, "tbengine.keep-until", &tomorrow);
    label(&other, "note", "nothing to do with it");
    let report = world.apply(plan, delete_all()).await;
    assert_eq!(result(&report, "protected"), StepResult::Changed);
    assert_eq!(result(&report, "kept"), StepResult::Changed);
    assert_eq!(result(&report, "other"), StepResult::Deleted);
    assert!(memory.oracle().is_alive(&protected) && memory.oracle().is_alive(&kept));
}
