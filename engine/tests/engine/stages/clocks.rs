//! Clocks that are not the provider's: ages count by the provider's, and where clocks are further apart than the
//! minimum age nothing goes.

use std::time::Duration;

use tbengine_engine::plan::{Plan, Safeguard};
use tbengine_engine::report::StepResult;
use tbengine_memory::{Make, Memory, container};
use tbengine_sdk::Timestamp;

use crate::stages::saved::{revise, through_a_file};
use crate::stages::support::{HOUR, NOW, World, delete_all, provider, refused, result, seconds};

const FIVE_HOURS: i64 = 5 * 3_600_000;
const MINUTE: Duration = Duration::from_secs(60);

/// A provider whose clock is so many milliseconds ahead of the client's.
fn provider_ahead(ms: i64) -> Memory {
    let memory = provider();
    memory.skew_ms(ms);
    memory
}

/// Makes something that is so old by the clock of its provider.
fn insert(memory: &Memory, make: Make, age: Duration, ahead: i64) {
    let identity = memory.insert(make);
    let mut resource = memory.oracle().resource(&identity).unwrap();
    let theirs = Timestamp::from_unix_ms(NOW.as_unix_ms() + ahead);
    resource.identity.created = Some(theirs.minus(age));
    resource.finished = resource.identity.created;
    memory.insert_resource(resource);
}

async fn plan(world: &World) -> Plan {
    world.plan(delete_all()).await.plan
}

fn planned(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| &*step.name).collect()
}

#[tokio::test(start_paused = true)]
async fn beyond_the_minimum_age_nothing_goes_and_it_is_said() {
    for ahead in [-FIVE_HOURS, FIVE_HOURS, -66_001, 66_001] {
        let memory = provider_ahead(ahead);
        insert(&memory, container("young"), seconds(1), ahead);
        insert(&memory, container("old"), 9 * HOUR, ahead);
        let world = World::new(memory);
        let made = world.plan(delete_all()).await;
        let plan = &made.plan;
        assert!(plan.is_empty(), "{ahead}: {:?}", planned(plan));
        assert_eq!(refused(plan, "young"), Some(Safeguard::Clock));
        assert_eq!(refused(plan, "old"), Some(Safeguard::Clock));
        // Who looks at exit codes alone learns of it as well.
        let gaps = plan.gaps(&made.inventory);
        let [gap] = &gaps[..] else {
            panic!("{gaps:?}");
        };
        assert_eq!(gap.item.as_deref(), Some("its clock"));
        let hint = gap.error.hint.as_deref().unwrap_or_default();
        assert!(hint.contains("time service"), "{gap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn ages_count_by_the_clock_of_the_provider() {
    for ahead in [-FIVE_HOURS, FIVE_HOURS] {
        let memory = provider_ahead(ahead);
        insert(&memory, container("young"), 5 * HOUR, ahead);
        insert(&memory, container("old"), 7 * HOUR, ahead);
        let mut world = World::new(memory);
        world.safeguards.min_age = 6 * HOUR;
        let plan = plan(&world).await;
        assert_eq!(refused(&plan, "young"), Some(Safeguard::MinimumAge));
        assert_eq!(planned(&plan), ["old"], "{ahead}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_of_skew_is_corrected_too() {
    for ahead in [-30_000, 30_000] {
        let memory = provider_ahead(ahead);
        insert(&memory, container("young"), seconds(59), ahead);
        insert(&memory, container("old"), MINUTE, ahead);
        let plan = plan(&World::new(memory)).await;
        assert_eq!(refused(&plan, "young"), Some(Safeguard::MinimumAge));
        assert_eq!(planned(&plan), ["old"], "{ahead}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_scope_counts_by_the_clock_of_the_provider() {
    for ahead in [-FIVE_HOURS, FIVE_HOURS] {
        let memory = provider_ahead(ahead);
        insert(&memory, container("young"), seconds(1), ahead);
        insert(&memory, container("old"), 2 * HOUR, ahead);
        let mut world = World::new(memory);
        world.scope.older_than = Some(HOUR);
        world.safeguards.min_age = Duration::ZERO;
        let plan = plan(&world).await;
        assert_eq!(planned(&plan), ["old"], "{ahead}");
        assert!(plan.refusals.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_until_a_time_is_kept_until_both_clocks_show_it() {
    for (ahead, until, is_kept) in [
        (-FIVE_HOURS, NOW.minus(HOUR), true),
        (FIVE_HOURS, NOW.plus(HOUR), true),
        (-FIVE_HOURS, NOW.minus(6 * HOUR), false),
        (FIVE_HOURS, NOW.minus(HOUR), false),
    ] {
        let memory = provider_ahead(ahead);
        let label = ("tbengine.keep-until", until.to_string());
        let kept = container("c").label(label.0, label.1.clone());
        memory.insert(kept);
        let mut world = World::new(memory.clone());
        world.safeguards.min_age = Duration::ZERO;
        let wanted = is_kept.then_some(Safeguard::KeepUntil);
        assert_eq!(refused(&plan(&world).await, "c"), wanted, "{ahead}");

        // The same where the label comes after the plan.
        let late = provider_ahead(ahead);
        let identity = late.insert(container("c"));
        world.memory = late.clone();
        let plan = plan(&world).await;
        let mut resource = late.oracle().resource(&identity).unwrap();
        resource.labels = [label].into_iter().collect();
        late.insert_resource(resource);
        let report = world.apply(plan, delete_all()).await;
        let wanted = match is_kept {
            true => StepResult::Changed,
            false => StepResult::Deleted,
        };
        assert_eq!(result(&report, "c"), wanted, "{ahead}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_saved_plan_has_the_clocks_and_looks_at_them_anew() {
    let memory = provider_ahead(-20_000);
    memory.insert(container("c"));
    let world = World::new(memory.clone());
    let plan = through_a_file(&plan(&world).await);
    assert_eq!(planned(&plan), ["c"]);
    let document = serde_json::to_value(&plan).unwrap();
    assert_eq!(document["header"]["clocks"]["memory"], -20_000);

    memory.skew_ms(-FIVE_HOURS);
    let refused_now = revise(&world, plan.clone(), delete_all()).await.unwrap();
    assert_eq!(refused(&refused_now, "c"), Some(Safeguard::Clock));

    memory.skew_ms(0);
    let revised = revise(&world, plan, delete_all()).await.unwrap();
    assert_eq!(planned(&revised), ["c"]);
    assert!(revised.header.clocks.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_right_or_not_known_is_not_recorded() {
    for ahead in [0, 900, -4_000] {
        let memory = provider_ahead(ahead);
        memory.insert(container("c"));
        let plan = plan(&World::new(memory)).await;
        let document = serde_json::to_value(&plan).unwrap();
        assert_eq!(document["header"].get("clocks"), None, "{ahead}");
        assert_eq!(planned(&plan), ["c"]);
    }
}

#[tokio::test(start_paused = true)]
async fn one_wrong_clock_keeps_nothing_of_another_backend() {
    let wrong = provider_ahead(FIVE_HOURS);
    wrong.insert(container("there"));
    let right = Memory::new("other-0", NOW);
    right.insert(container("here"));
    let mut world = World::new(wrong);
    world.others = vec![right];
    let plan = plan(&world).await;
    assert_eq!(planned(&plan), ["here"]);
    assert_eq!(refused(&plan, "there"), Some(Safeguard::Clock));
}
