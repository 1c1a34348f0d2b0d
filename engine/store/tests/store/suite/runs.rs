//! Runs: what a record says after one, what is refused, and what it survives.

use std::sync::Arc;
use std::time::Duration;

use tbengine_engine::apply::Halt;
use tbengine_engine::clock::RunClock;
use tbengine_engine::plan::{ActionKind, Plan};
use tbengine_engine::policy::Policy;
use tbengine_engine::report::{Effect, Event, Report, Reporter, StepResult};
use tbengine_memory::{ExternalChange, Fault, Operation, container, network};
use tbengine_store::{Entry, Record, RunLog, RunState, Store, StoreError};

use super::Subject;
use crate::world::{HOUR, NOW, Scripted, World, delete_all, provider, result, seconds};

/// The runs that have a record, oldest first.
pub(crate) async fn runs(store: &dyn Store) -> Vec<String> {
    let newest = store.newest(usize::MAX).await.unwrap().into_iter();
    newest
        .rev()
        .map(|run| run.unwrap().run.to_string())
        .collect()
}

pub(crate) async fn planned(world: &World) -> Plan {
    world.plan(delete_all()).await.plan
}

/// Applies a plan and records that.
pub(super) async fn carry_out(
    world: &World,
    plan: Plan,
    log: &dyn RunLog,
    see: &mut Reporter<'_>,
) -> Report {
    let policy: Arc<dyn Policy> = Arc::new(delete_all());
    world
        .engine()
        .apply(plan, &policy, &world.control, Some(&log.ledger()), see)
        .await
}

pub(crate) async fn run(world: &World, store: &dyn Store) -> (Report, Record) {
    let plan = planned(world).await;
    let journal = store
        .begin(&plan, RunClock::starting_at(NOW))
        .await
        .unwrap();
    let report = carry_out(world, plan, &*journal, &mut |_| {}).await;
    assert_eq!(journal.halt(), None);
    drop(journal);
    let record = store.record(world.run).await.unwrap();
    (report, record)
}

/// What is left of a run, and the record to continue it.
async fn resume(world: &World, store: &dyn Store, policy: Scripted) -> (Plan, Box<dyn RunLog>) {
    let claimed = store.reopen(world.run).await.unwrap();
    let policy: Arc<dyn Policy> = Arc::new(policy);
    let left = claimed.record().left();
    let engine = world.engine();
    let inventory = Arc::new(engine.discover(&mut |_| {}).await);
    let left = engine
        .revise(left, &inventory, &world.facts, &policy, HOUR, &mut |_| {})
        .await
        .unwrap();
    let clock = RunClock::starting_at(NOW);
    let journal = claimed.resume(&left, clock).await.unwrap();
    (left, journal)
}

pub(crate) async fn an_intent_goes_before_every_request_and_an_outcome_after(
    subject: &dyn Subject,
) {
    let store = subject.store();
    let memory = provider();
    for name in ["one", "two", "three"] {
        memory.insert(container(name));
    }
    memory
        .script(Operation::Delete)
        .nth(1)
        .then(Fault::transient());
    let (report, record) = run(&World::new(memory), &*store).await;
    assert_eq!(record.state(NOW, HOUR), RunState::Finished);
    assert!(matches!(record.rows[0].entry, Entry::Approved { .. }));
    assert!(matches!(
        record.rows[1].entry,
        Entry::Began { fence: 1, .. }
    ));
    assert!(matches!(
        record.rows.last().unwrap().entry,
        Entry::Ended { .. }
    ));
    for (step, written) in record.steps.iter().enumerate() {
        let outcome = written.outcome.as_ref().unwrap();
        assert_eq!(*outcome, report.outcomes[step]);
        assert!(!written.unknown);
        let place = |wanted: &dyn Fn(&Entry) -> bool| {
            record
                .rows
                .iter()
                .position(|row| wanted(&row.entry))
                .unwrap()
        };
        let intent = place(&|entry| matches!(entry, Entry::Intent { step: at, .. } if *at == step));
        let end = place(&|entry| matches!(entry, Entry::Outcome(one) if one.step == step));
        assert!(intent < end);
    }
    // The failed attempt had an intent of its own.
    let requests: u32 = record.steps.iter().map(|step| step.intents).sum();
    assert_eq!(requests, 4);
}

pub(crate) async fn a_large_plan_is_recorded_in_parts(subject: &dyn Subject) {
    let store = subject.store();
    let memory = provider();
    for number in 0..2_300 {
        memory.insert(container(&format!("one-{number}")));
    }
    let world = World::new(memory);
    let plan = planned(&world).await;
    drop(
        store
            .begin(&plan, RunClock::starting_at(NOW))
            .await
            .unwrap(),
    );
    let record = store.record(world.run).await.unwrap();
    let steps: Vec<usize> = record
        .rows
        .iter()
        .map(|row| match &row.entry {
            Entry::Approved { plan, .. } => plan.steps.len(),
            Entry::Planned { steps, .. } => steps.len(),
            _ => 0,
        })
        .collect();
    assert_eq!(steps, [1_000, 1_000, 300, 0]);
    assert_eq!(record.plan, plan);
    assert_eq!(record.left().steps.len(), 2_300);
}

pub(crate) async fn what_crashed_is_read_again_and_goes_on(subject: &dyn Subject) {
    let store = subject.store();
    let memory = provider();
    let net = memory.insert(network("net"));
    let one = memory.insert(container("one").uses(&net));
    memory.insert(container("two"));
    let changed = memory.insert(container("changed"));
    let lost = memory.insert(container("lost"));
    let world = World::new(memory.clone());
    let plan = planned(&world).await;
    assert_eq!(plan.steps.len(), 5);
    let journal = store
        .begin(&plan, RunClock::starting_at(NOW))
        .await
        .unwrap();
    // A future that is dropped leaves what a killed process leaves: nothing more is written.
    for (operation, name) in [
        (Operation::Delete, "two"),
        (Operation::Get, "changed"),
        (Operation::Delete, "lost"),
    ] {
        memory
            .script(operation)
            .of(name)
            .nth(1)
            .then(Fault::Hang(HOUR));
    }
    let mut ignore = |_: &Event| {};
    tokio::select! {
        biased;
        () = async {
            while memory.oracle().deletions().is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        } => {}
        _ = carry_out(&world, plan.clone(), &*journal, &mut ignore) => panic!("it was to be cut off"),
    }
    drop(journal);
    // The executors are gone at the next turn.
    tokio::time::sleep(seconds(1)).await;
    let record = store.record("run-1").await.unwrap();
    assert_eq!(record.state(NOW, HOUR), RunState::Crashed);
    let unknown = record.steps.iter().filter(|step| step.unknown).count();
    assert!(unknown >= 1, "{:?}", record.steps);
    memory.change(ExternalChange::Restart(changed));
    memory.change(ExternalChange::Restart(lost));
    let (left, journal) = resume(&world, &*subject.store_of(2), delete_all()).await;
    assert!(left.steps.iter().all(|step| step.name != "changed"));
    let report = carry_out(&world, left, &*journal, &mut |_| {}).await;
    drop(journal);
    // Every step of the approved plan has one outcome, and it is the truth.
    assert_eq!(report.outcomes.len(), 5);
    assert!(
        report
            .outcomes
            .iter()
            .enumerate()
            .all(|(step, one)| one.step == step)
    );
    let effect = |name: &str| {
        let mut outcomes = report.outcomes.iter();
        outcomes.find(|one| one.name == name).unwrap().effect
    };
    for (name, sent) in [("changed", Effect::None), ("lost", Effect::Unknown)] {
        assert_eq!(result(&report, name), StepResult::Changed, "{name}");
        assert_eq!(effect(name), sent, "{name}");
    }
    for name in ["one", "two", "net"] {
        assert_eq!(result(&report, name), StepResult::Deleted, "{name}");
        assert_eq!(effect(name), Effect::Verified, "{name}");
    }
    assert!(memory.oracle().resource(&one).is_none());
    let record = store.record("run-1").await.unwrap();
    assert_eq!(record.state(NOW, HOUR), RunState::Finished);
    for (step, written) in record.steps.iter().enumerate() {
        assert_eq!(written.outcome.as_ref(), Some(&report.outcomes[step]));
    }
}

pub(crate) async fn two_runs_never_work_on_one_resource(subject: &dyn Subject) {
    let store = subject.store_of(1);
    let memory = provider();
    memory.insert(container("one"));
    let mut world = World::new(memory.clone());
    let plan = planned(&world).await;
    let clock = RunClock::starting_at(NOW);
    let first = store.begin(&plan, clock).await.unwrap();
    world.run = "run-2";
    let again = planned(&world).await;
    match subject.store_of(2).begin(&again, clock).await {
        Err(StoreError::Busy(conflict)) => {
            assert_eq!((conflict.resources, &*conflict.holder.id), (1, "run-1"));
            assert_eq!(conflict.holder.process.pid, 1);
        }
        other => panic!("{other:?}"),
    }
    // Nothing of the second is left behind.
    assert_eq!(runs(&*store).await, ["run-1"]);
    // Another resource is nobody's yet.
    memory.insert(container("two"));
    world.run = "run-3";
    let mut other = planned(&world).await;
    other.steps.retain(|step| step.name == "two");
    let beside = subject.store_of(3).begin(&other, clock).await.unwrap();
    drop(beside);
    // A process that is gone holds nothing, however long its lease would last.
    drop(first);
    world.run = "run-4";
    let after = subject.store_of(4).begin(&again, clock).await;
    assert!(after.is_ok(), "{after:?}");
}

pub(crate) async fn who_lost_its_lease_does_nothing_more(subject: &dyn Subject) {
    let store = subject.store();
    let memory = provider();
    memory.insert(container("one"));
    let mut world = World::new(memory.clone());
    let plan = planned(&world).await;
    let clock = RunClock::starting_at(NOW);
    let mut stopped = store.begin(&plan, clock).await.unwrap();
    stopped.stop_heartbeat();
    world.run = "run-2";
    let other = planned(&world).await;
    // Two hours later the first is still there and did not renew.
    subject.pass(2 * HOUR);
    let taken = subject.store_of(2).begin(&other, clock).await.unwrap();
    let report = carry_out(&world, plan, &*stopped, &mut |_| {}).await;
    assert!(
        matches!(stopped.halt(), Some(Halt::Lock(_))),
        "{:?}",
        stopped.halt()
    );
    assert_eq!(result(&report, "one"), StepResult::Cancelled);
    assert_eq!(memory.oracle().count(Operation::Delete), 0);
    drop(taken);
}

/// A run over one container that was begun and left.
async fn left_behind(subject: &dyn Subject, world: &World) -> Plan {
    let plan = planned(world).await;
    let store = subject.store();
    let clock = RunClock::starting_at(NOW);
    drop(store.begin(&plan, clock).await.unwrap());
    plan
}

pub(crate) async fn a_run_has_one_record_and_one_process(subject: &dyn Subject) {
    let memory = provider();
    memory.insert(container("one"));
    let world = World::new(memory);
    let (store, other) = (subject.store(), subject.store_of(2));
    let plan = planned(&world).await;
    let clock = RunClock::starting_at(NOW);
    let journal = store.begin(&plan, clock).await.unwrap();
    assert_eq!(&**journal.run(), world.run);
    assert!(other.record(world.run).await.unwrap().running);
    let state = other.record(world.run).await.unwrap().state(NOW, HOUR);
    assert_eq!(state, RunState::Running);
    match other.reopen(world.run).await {
        Err(StoreError::Running { run, holder }) => {
            assert_eq!((&*run, holder.unwrap().process.pid), (world.run, 1));
        }
        other => panic!("{other:?}"),
    }
    drop(journal);
    let state = other.record(world.run).await.unwrap().state(NOW, HOUR);
    assert_eq!(state, RunState::Crashed);
    let again = other.begin(&plan, clock).await;
    assert!(
        matches!(&again, Err(StoreError::RunExists { run }) if **run == *world.run),
        "{again:?}"
    );
    let claimed = other.reopen(world.run).await.unwrap();
    assert_eq!(claimed.record().plan, plan);
    // Nobody else continues it meanwhile.
    assert!(matches!(
        store.reopen(world.run).await,
        Err(StoreError::Running { .. })
    ));
}

pub(crate) async fn a_new_plan_takes_the_place_of_a_run(subject: &dyn Subject) {
    let memory = provider();
    memory.insert(container("one"));
    let world = World::new(memory);
    left_behind(subject, &world).await;
    let store = subject.store_of(2);
    let claimed = store.reopen(world.run).await.unwrap();
    let mut next = World::new(world.memory.clone());
    next.run = "run-2";
    let plan = planned(&next).await;
    let clock = RunClock::starting_at(NOW);
    let journal = claimed.replace_by(&plan, clock).await.unwrap();
    let record = store.record(world.run).await.unwrap();
    assert_eq!(record.state(NOW, HOUR), RunState::Replaced);
    let last = &record.rows.last().unwrap().entry;
    assert!(matches!(last, Entry::Replaced { by: Some(by) } if &**by == "run-2"));
    drop(journal);
    let record = store.record("run-2").await.unwrap();
    assert_eq!(record.state(NOW, HOUR), RunState::Crashed);
    let claimed = store.reopen("run-2").await.unwrap();
    claimed.replace(NOW).await.unwrap();
    let record = store.record("run-2").await.unwrap();
    let last = &record.rows.last().unwrap().entry;
    assert!(matches!(last, Entry::Replaced { by: None }), "{last:?}");
}

pub(crate) async fn a_run_whose_place_is_not_taken_is_not_lost(subject: &dyn Subject) {
    let memory = provider();
    memory.insert(container("one"));
    let world = World::new(memory.clone());
    left_behind(subject, &world).await;
    // Somebody else works on what the new plan is about besides.
    memory.insert(container("two"));
    let mut other = World::new(memory.clone());
    other.run = "other";
    let mut plan = planned(&other).await;
    plan.steps.retain(|step| step.name == "two");
    let clock = RunClock::starting_at(NOW);
    let busy = subject.store_of(3).begin(&plan, clock).await.unwrap();
    let store = subject.store_of(2);
    let claimed = store.reopen(world.run).await.unwrap();
    let mut next = World::new(memory);
    next.run = "run-2";
    let plan = planned(&next).await;
    assert_eq!(plan.steps.len(), 2);
    let refused = claimed.replace_by(&plan, clock).await;
    assert!(matches!(refused, Err(StoreError::Busy(_))), "{refused:?}");
    let record = store.record(world.run).await.unwrap();
    assert_eq!(record.state(NOW, HOUR), RunState::Crashed);
    drop(busy);
    let claimed = store.reopen(world.run).await.unwrap();
    claimed.replace_by(&plan, clock).await.unwrap();
}

pub(crate) async fn runs_are_found_by_the_beginning_of_their_ids(subject: &dyn Subject) {
    let store = subject.store();
    assert!(store.newest(5).await.unwrap().is_empty());
    assert!(matches!(
        store.find("run").await,
        Err(StoreError::NoRun { run }) if run == "run"
    ));
    assert!(matches!(
        store.record("run-1").await,
        Err(StoreError::NoRun { .. })
    ));
    for run in ["run-1", "run-2", "other"] {
        let memory = provider();
        memory.insert(container(run));
        let mut world = World::new(memory);
        world.run = run;
        left_behind(subject, &world).await;
    }
    assert_eq!(store.find("o").await.unwrap(), "other");
    assert_eq!(store.find("run-2").await.unwrap(), "run-2");
    assert!(matches!(
        store.find("run-").await,
        Err(StoreError::Ambiguous { number: 2, .. })
    ));
    assert_eq!(runs(&*store).await, ["other", "run-1", "run-2"]);
    let newest = store.newest(1).await.unwrap();
    assert_eq!(&*newest[0].as_ref().unwrap().run, "run-2");
}

pub(crate) async fn what_is_long_over_is_forgotten(subject: &dyn Subject) {
    const OLD: &str = "01923456-789a-7fff-bfff-ffffffffffff";
    const HELD: &str = "01923456-789b-7fff-bfff-ffffffffffff";
    let clock = RunClock::starting_at(NOW);
    let mut held = None;
    for run in [OLD, HELD, "unnamed"] {
        let memory = provider();
        memory.insert(container(run));
        let mut world = World::new(memory);
        world.run = run;
        let plan = planned(&world).await;
        let journal = subject.store().begin(&plan, clock).await.unwrap();
        if run == HELD {
            held = Some(journal);
        }
    }
    let store = subject.store_of(2);
    assert_eq!(store.prune(NOW.minus(1_000_000 * HOUR)).await.unwrap(), 0);
    assert_eq!(store.prune(NOW).await.unwrap(), 1);
    assert_eq!(runs(&*store).await, [HELD, "unnamed"]);
    drop(held);
    assert_eq!(store.prune(NOW).await.unwrap(), 1);
    assert_eq!(runs(&*store).await, ["unnamed"]);
}

pub(crate) async fn nothing_is_intended_once_the_claims_are_lost(subject: &dyn Subject) {
    let memory = provider();
    let one = memory.insert(container("one"));
    let mut world = World::new(memory);
    let plan = planned(&world).await;
    let clock = RunClock::starting_at(NOW);
    let mut stopped = subject.store().begin(&plan, clock).await.unwrap();
    stopped.stop_heartbeat();
    let ledger = stopped.ledger();
    ledger.intend(&one, ActionKind::Stop, false).await.unwrap();
    // Its time has passed, and nobody has taken the claims: it renews.
    subject.pass(2 * HOUR);
    assert!(!ledger.holds());
    ledger.intend(&one, ActionKind::Stop, false).await.unwrap();
    assert!(ledger.holds());
    subject.pass(2 * HOUR);
    world.run = "run-2";
    let other = planned(&world).await;
    let taken = subject.store_of(2).begin(&other, clock).await.unwrap();
    let refused = ledger.intend(&one, ActionKind::Delete, false).await;
    assert!(matches!(&refused, Err(Halt::Lock(_))), "{refused:?}");
    assert_eq!(stopped.halt(), refused.err());
    assert!(ledger.renew().await.is_err());
    drop(taken);
    let record = subject.store().record("run-1").await.unwrap();
    assert_eq!(record.steps[0].intents, 2);
}

pub(crate) async fn what_is_not_in_the_plan_is_not_intended(subject: &dyn Subject) {
    let memory = provider();
    memory.insert(container("one"));
    let world = World::new(memory.clone());
    let plan = planned(&world).await;
    let clock = RunClock::starting_at(NOW);
    let journal = subject.store().begin(&plan, clock).await.unwrap();
    let late = memory.insert(container("late"));
    let refused = journal
        .ledger()
        .intend(&late, ActionKind::Delete, false)
        .await;
    assert!(matches!(&refused, Err(Halt::Journal(_))), "{refused:?}");
}
