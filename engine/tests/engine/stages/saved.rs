//! Plans that are saved, reviewed and applied later: they may lose steps, never gain any.

use std::sync::Arc;

use tbengine_engine::discover::Inventory;
use tbengine_engine::plan::saved::Stale;
use tbengine_engine::plan::{Listing, Plan, Safeguard};
use tbengine_engine::policy::Policy;
use tbengine_engine::report::StepResult;
use tbengine_memory::{ExternalChange, Fault, Memory, Operation, container, network, volume};
use tbengine_sdk::{Error, ErrorKind, Identity, Kind, Resource};

use crate::stages::support::{HOUR, Scripted, World, delete_all, provider, result, seconds};

/// The plan as it comes back from a file.
pub(super) fn through_a_file(plan: &Plan) -> Plan {
    let text = serde_json::to_string_pretty(plan).unwrap();
    let read: Plan = serde_json::from_str(&text).unwrap();
    assert_eq!(read, *plan);
    read
}

pub(super) async fn revise(world: &World, plan: Plan, policy: Scripted) -> Result<Plan, Stale> {
    let policy: Arc<dyn Policy> = Arc::new(policy);
    let engine = world.engine();
    let inventory = Arc::new(engine.discover(&mut |_| {}).await);
    let (facts, valid) = (&world.facts, 24 * HOUR);
    engine
        .revise(plan, &inventory, facts, &policy, valid, &mut |_| {})
        .await
}

#[tokio::test(start_paused = true)]
async fn nothing_is_added() {
    let memory = provider();
    memory.insert(container("one"));
    let world = World::new(memory.clone());
    let plan = through_a_file(&world.plan(delete_all()).await.plan);
    memory.insert(container("two"));
    let revised = revise(&world, plan, delete_all()).await.unwrap();
    assert_eq!(revised.steps.len(), 1);
    assert_eq!(revised.steps[0].name, "one");
}

#[tokio::test(start_paused = true)]
async fn a_protection_that_came_later_wins() {
    let memory = provider();
    let net = memory.insert(network("net"));
    let one = memory.insert(container("one").uses(&net));
    memory.insert(container("two"));
    let world = World::new(memory.clone());
    let plan = through_a_file(&world.plan(delete_all()).await.plan);
    let mut protected = memory.oracle().resource(&one).unwrap();
    protected.labels = [("tbengine.protect", "")].into_iter().collect();
    memory.insert_resource(protected);
    let revised = revise(&world, plan, delete_all()).await.unwrap();
    let safeguards: Vec<Safeguard> = revised
        .refusals
        .iter()
        .map(|refusal| refusal.safeguard)
        .collect();
    assert_eq!(safeguards, [Safeguard::ProtectedLabel, Safeguard::InUse]);
    assert_eq!(revised.steps.len(), 1);
    assert_eq!(revised.steps[0].name, "two");
}

#[tokio::test(start_paused = true)]
async fn what_changed_is_refused_and_what_is_not_listed_stays_planned() {
    let memory = provider();
    let one = memory.insert(container("one"));
    let two = memory.insert(container("two"));
    let data = memory.insert(volume("data"));
    let world = World::new(memory.clone());
    let plan = through_a_file(&world.plan(delete_all()).await.plan);
    tokio::time::sleep(seconds(3)).await;
    memory.change(ExternalChange::Restart(one));
    memory.change(ExternalChange::Delete(two));
    memory.change(ExternalChange::Recreate(data));
    let revised = revise(&world, plan, delete_all()).await.unwrap();
    assert_eq!(revised.steps.len(), 1);
    assert_eq!(revised.steps[0].name, "two");
    assert!(
        revised
            .refusals
            .iter()
            .all(|refusal| refusal.safeguard == Safeguard::Changed)
    );
    assert_eq!(revised.refusals.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_unit_of_what_had_changed_before_a_run_was_cut_short_stays() {
    let memory = provider();
    memory.insert(container("main").unit("trial-1"));
    memory.insert(volume("data").unit("trial-1"));
    memory.insert(volume("other").unit("trial-2"));
    let world = World::new(memory.clone());
    let mut plan = through_a_file(&world.plan(delete_all()).await.plan);
    // As the record of a run has it: one step has ended as changed, and the others are left.
    let (changed, left): (Vec<_>, _) = plan.steps.into_iter().partition(|step| step.name == "main");
    (plan.changed, plan.steps) = (changed, left);
    let revised = revise(&world, plan, delete_all()).await.unwrap();
    let left: Vec<&str> = revised.steps.iter().map(|step| &*step.name).collect();
    assert_eq!(left, ["other"]);
    let refused = &revised.refusals[0];
    assert_eq!(refused.safeguard, Safeguard::Changed);
    assert_eq!(refused.detail, "`main` of the same unit has changed");
}

#[tokio::test(start_paused = true)]
async fn a_unit_of_which_something_changed_stays_as_one() {
    let memory = provider();
    let main = memory.insert(container("main").unit("trial-1"));
    memory.insert(container("db").unit("trial-1"));
    memory.insert(volume("data").unit("trial-1"));
    memory.insert(container("other").unit("trial-2"));
    let world = World::new(memory.clone());
    let plan = through_a_file(&world.plan(delete_all()).await.plan);
    assert_eq!(plan.steps.len(), 4);
    tokio::time::sleep(seconds(3)).await;
    memory.change(ExternalChange::Restart(main));
    let revised = revise(&world, plan, delete_all()).await.unwrap();
    let left: Vec<&str> = revised.steps.iter().map(|step| &*step.name).collect();
    assert_eq!(left, ["other"]);
    let refusals = revised.refusals.iter();
    let mut refused: Vec<(&str, Safeguard, bool)> = refusals
        .map(|one| {
            (
                &*one.name,
                one.safeguard,
                one.detail.contains("`main` of the same unit"),
            )
        })
        .collect();
    refused.sort();
    let changed = Safeguard::Changed;
    assert_eq!(
        refused,
        [
            ("data", changed, true),
            ("db", changed, true),
            ("main", changed, false)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_order_survives_the_loss_of_steps() {
    let memory = provider();
    let net = memory.insert(network("net"));
    let gone = memory.insert(container("a-gone"));
    memory.insert(container("b-user").uses(&net));
    let world = World::new(memory.clone());
    let plan = world.plan(delete_all()).await.plan;
    memory.change(ExternalChange::Restart(gone));
    let revised = revise(&world, plan, delete_all()).await.unwrap();
    let position = |name| {
        revised
            .steps
            .iter()
            .position(|step| step.name == name)
            .unwrap()
    };
    assert_eq!(revised.steps[position("net")].after, [position("b-user")]);
    let report = world.apply(revised, delete_all()).await;
    assert!(!report.has_failures(), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn stale_plans_are_refused() {
    let memory = provider();
    memory.insert(container("one"));
    let world = World::new(memory.clone());
    let plan = world.plan(delete_all()).await.plan;

    let other_policy = revise(&world, plan.clone(), delete_all().digest("d2")).await;
    assert!(matches!(other_policy, Err(Stale::Policy { .. })));

    let mut unknown_format = plan.clone();
    unknown_format.header.format = "tbengine-plan/9".into();
    assert!(matches!(
        revise(&world, unknown_format, delete_all()).await,
        Err(Stale::Format(_))
    ));

    let mut other_account = plan.clone();
    other_account
        .header
        .accounts
        .insert("memory".into(), "elsewhere".into());
    assert!(matches!(
        revise(&world, other_account, delete_all()).await,
        Err(Stale::Account { .. })
    ));

    let mut from_the_future = plan.clone();
    from_the_future.header.created = plan.header.created.plus(HOUR);
    assert!(matches!(
        revise(&world, from_the_future, delete_all()).await,
        Err(Stale::Future(_))
    ));

    let mut circular = plan.clone();
    Arc::make_mut(&mut circular.steps[0]).after = vec![0];
    assert_eq!(
        revise(&world, circular, delete_all()).await,
        Err(Stale::Order(0))
    );

    tokio::time::sleep(25 * HOUR).await;
    let later = revise(&world, plan, delete_all()).await;
    assert!(matches!(later, Err(Stale::TooOld { .. })), "{later:?}");
}

#[tokio::test(start_paused = true)]
async fn a_plan_from_another_account_touches_nothing() {
    let memory = provider();
    let one = memory.insert(container("one"));
    let mut plan = World::new(memory.clone()).plan(delete_all()).await.plan;
    // As if the account were not checked beforehand: every step compares it once more.
    Arc::make_mut(&mut plan.steps[0]).target.account = "elsewhere".into();
    let report = World::new(memory.clone()).apply(plan, delete_all()).await;
    assert_eq!(
        report.outcomes[0].result,
        tbengine_engine::report::StepResult::Changed
    );
    assert!(memory.oracle().is_alive(&one));
}

#[test]
fn unknown_keys_in_a_plan_are_errors() {
    let text = r#"{"header": {}, "steps": [], "refusals": [], "extra": 1}"#;
    assert!(serde_json::from_str::<Plan>(text).is_err());
}

/// A world whose listing of containers works once and not again.
fn listed_once() -> (Memory, World, Vec<Identity>) {
    let memory = provider();
    let made = ["one", "two", "three", "four"].map(|name| memory.insert(container(name)));
    memory.insert(container("protected").label("tbengine.protect", ""));
    (memory.clone(), World::new(memory), made.to_vec())
}

fn break_the_listing(memory: &Memory) {
    let broken = Error::new(ErrorKind::Internal, "one container is damaged");
    memory
        .script(Operation::List)
        .of_kind(Kind::CONTAINER)
        .then(Fault::Answer(broken));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_for_what_could_not_be_listed() {
    let (memory, world, made) = listed_once();
    let mut plan = through_a_file(&world.plan(delete_all()).await.plan);
    // One who forges a plan writes down what the safeguards refused.
    let refused = plan.refusals.pop().unwrap();
    let mut forged = (*plan.steps[0]).clone();
    (forged.target, forged.name) = (refused.target, refused.name);
    plan.steps.push(Arc::new(forged));
    break_the_listing(&memory);
    let requests = memory.oracle().requests().len();
    let revised = revise(&world, plan, delete_all()).await.unwrap();
    assert_eq!(revised.steps.len(), 5);
    assert!(
        revised
            .steps
            .iter()
            .all(|step| step.listing == Listing::Unknown)
    );
    let report = world.apply(revised, delete_all()).await;
    for outcome in &report.outcomes {
        assert_eq!(outcome.result, StepResult::Deferred, "{}", outcome.name);
    }
    assert!(made.iter().all(|one| memory.oracle().is_alive(one)));
    let asked = memory.oracle().requests().split_off(requests);
    assert!(
        asked
            .iter()
            .all(|request| request.operation == Operation::List
                || request.operation == Operation::Check),
        "{asked:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_not_listed_is_read_and_not_touched() {
    let (memory, world, made) = listed_once();
    let plan = through_a_file(&world.plan(delete_all()).await.plan);
    memory.change(ExternalChange::Delete(made[0].clone()));
    // A listing that misses what is there.
    let engine = world.engine();
    let whole = engine.discover(&mut |_| {}).await;
    let is_seen = |one: &Resource| one.name != "two" && one.name != "one";
    let resources = whole.resources.iter().filter(|one| is_seen(one));
    let less = Inventory::new(
        whole.accounts.clone(),
        resources.cloned().collect(),
        Vec::new(),
    );
    let less = Arc::new(less);
    let policy: Arc<dyn Policy> = Arc::new(delete_all());
    let revised = engine
        .revise(plan, &less, &world.facts, &policy, 24 * HOUR, &mut |_| {})
        .await
        .unwrap();
    let report = world.apply(revised, delete_all()).await;
    assert_eq!(result(&report, "one"), StepResult::AlreadyGone);
    assert_eq!(result(&report, "two"), StepResult::Deferred);
    assert_eq!(result(&report, "three"), StepResult::Deleted);
    assert!(memory.oracle().is_alive(&made[1]));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_listed_counts_for_the_limits() {
    let (memory, mut world, _) = listed_once();
    let plan = through_a_file(&world.plan(delete_all()).await.plan);
    break_the_listing(&memory);
    for (limit, trips) in [("3", true), ("4", false)] {
        world.safeguards.max_delete = limit.parse().ok();
        let revised = revise(&world, plan.clone(), delete_all()).await.unwrap();
        assert_eq!(revised.blast_radius.is_some(), trips, "{limit}");
    }
}
