//! The journal: what it says after a run, what it refuses, and what it survives.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tbengine_engine::apply::Halt;
use tbengine_engine::clock::RunClock;
use tbengine_engine::facts::Quarantine;
use tbengine_engine::plan::{Guard, Plan};
use tbengine_engine::policy::Policy;
use tbengine_engine::report::{Event, Report, Reporter, StepResult};
use tbengine_memory::{Act, Fault, Operation, container, network};
use tbengine_sdk::{Error, ErrorKind};
use tbengine_store::journal::{
    Entry, Host, Journal, JournalError, Locked, Process, Record, RunState, StateDir, quarantine,
};

use crate::world::{HOUR, NOW, Scripted, World, delete_all, provider, result, seconds};

/// The uptime that every host of these tests sees, in milliseconds.
static UPTIME: AtomicU64 = AtomicU64::new(1_000_000);

pub(crate) fn host(pid: u32) -> Host {
    Host {
        process: Process {
            boot: "boot-1".into(),
            pid,
            started: 7,
        },
        uptime: || Duration::from_millis(UPTIME.load(Ordering::SeqCst)),
        lease: Duration::from_secs(3600),
    }
}

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> (Self, StateDir) {
        let home = tempfile::tempdir().unwrap();
        let state = StateDir::create(&home.path().join("state")).unwrap();
        (Self(home), state)
    }

    fn record(&self, run: &str) -> std::path::PathBuf {
        self.0.path().join(format!("state/runs/{run}.db"))
    }
}

/// What is parked after so many failures.
fn parked(state: &StateDir, after: u32) -> Quarantine {
    Quarantine::new(quarantine::read(state, &host(1), after).unwrap())
}

async fn planned(world: &World) -> Plan {
    world.plan(delete_all()).await.plan
}

/// Applies a plan with a journal.
async fn carry_out(world: &World, plan: Plan, journal: &Journal, see: &mut Reporter<'_>) -> Report {
    let policy: Arc<dyn Policy> = Arc::new(delete_all());
    world
        .engine()
        .apply(plan, &policy, &world.control, Some(&journal.ledger()), see)
        .await
}

async fn run(world: &World, state: &StateDir) -> (Report, Record) {
    let plan = planned(world).await;
    let journal = Journal::begin(state, &host(1), &plan, RunClock::starting_at(NOW)).unwrap();
    let report = carry_out(world, plan, &journal, &mut |_| {}).await;
    assert_eq!(journal.halted(), None);
    drop(journal);
    let record = Record::read(state, &host(1), world.run).unwrap();
    (report, record)
}

/// What is left of a run, and the journal to go on with it.
async fn resume(world: &World, state: &StateDir, policy: Scripted) -> (Plan, Journal) {
    let locked = Locked::lock(state, &host(2), world.run).unwrap();
    let policy: Arc<dyn Policy> = Arc::new(policy);
    let left = locked.record.left();
    let engine = world.engine();
    let inventory = engine.discover(&mut |_| {}).await;
    let left = engine
        .revise(left, &inventory, &world.facts, &policy, HOUR, &mut |_| {})
        .unwrap();
    let clock = RunClock::starting_at(NOW);
    let journal = Journal::resume(locked, &host(2), &left, clock).unwrap();
    (left, journal)
}

#[tokio::test(start_paused = true)]
async fn an_intent_goes_before_every_request_and_an_outcome_after() {
    let (_home, state) = Home::new();
    let memory = provider();
    for name in ["one", "two", "three"] {
        memory.insert(container(name));
    }
    memory
        .script(Operation::Delete)
        .nth(1)
        .then(Fault::transient());
    let (report, record) = run(&World::new(memory), &state).await;
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

#[tokio::test(start_paused = true)]
async fn a_large_plan_is_recorded_in_parts() {
    let (_home, state) = Home::new();
    let memory = provider();
    for number in 0..2_300 {
        memory.insert(container(&format!("one-{number}")));
    }
    let world = World::new(memory);
    let plan = planned(&world).await;
    drop(Journal::begin(&state, &host(1), &plan, RunClock::starting_at(NOW)).unwrap());
    let record = Record::read(&state, &host(1), world.run).unwrap();
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

#[tokio::test(start_paused = true)]
async fn a_record_that_was_changed_or_cut_shows() {
    let damage = |change: &'static str| async move {
        let (home, state) = Home::new();
        let memory = provider();
        memory.insert(container("one"));
        memory.insert(container("two"));
        run(&World::new(memory), &state).await;
        let connection = rusqlite::Connection::open(home.record("run-1")).unwrap();
        let by_hand = format!("DROP TRIGGER row_stays; DROP TRIGGER row_remains; {change}");
        // Without taking the triggers away it does not work at all.
        assert!(connection.execute_batch(change).is_err());
        connection.execute_batch(&by_hand).unwrap();
        drop(connection);
        match Record::read(&state, &host(1), "run-1") {
            Err(JournalError::Damaged { why, .. }) => why,
            other => panic!("{change}: {other:?}"),
        }
    };
    for (change, says) in [
        (
            "UPDATE row SET body = replace(body, 'one', 'eno') WHERE number = 1",
            "row 1 is not as it was written",
        ),
        (
            "UPDATE row SET at = at + 1 WHERE number = 4",
            "row 4 is not as it was written",
        ),
        ("DELETE FROM row WHERE number = 3", "row 3 is missing"),
        (
            "DELETE FROM row WHERE number = (SELECT max(number) FROM row)",
            "its last rows are missing",
        ),
        ("DELETE FROM row", "its last rows are missing"),
    ] {
        let why = damage(change).await;
        assert!(why.contains(says), "{change}: {why}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_crashed_is_read_again_and_goes_on() {
    let (_home, state) = Home::new();
    let memory = provider();
    let net = memory.insert(network("net"));
    let one = memory.insert(container("one").uses(&net));
    memory.insert(container("two"));
    let changed = memory.insert(container("changed"));
    let world = World::new(memory.clone());
    let plan = planned(&world).await;
    assert_eq!(plan.steps.len(), 4);
    let journal = Journal::begin(&state, &host(1), &plan, RunClock::starting_at(NOW)).unwrap();
    // A future that is dropped leaves what a killed process leaves: nothing more is written.
    for (operation, name) in [(Operation::Delete, "two"), (Operation::Get, "changed")] {
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
        _ = carry_out(&world, plan.clone(), &journal, &mut ignore) => panic!("it was to be cut off"),
    }
    drop(journal);
    // The executors are gone at the next turn.
    tokio::time::sleep(seconds(1)).await;
    let record = Record::read(&state, &host(1), "run-1").unwrap();
    assert_eq!(record.state(NOW, HOUR), RunState::Crashed);
    let unknown = record.steps.iter().filter(|step| step.unknown).count();
    assert!(unknown >= 1, "{:?}", record.steps);
    memory.act(Act::Restart(changed));
    let (left, journal) = resume(&world, &state, delete_all()).await;
    assert!(left.steps.iter().all(|step| step.name != "changed"));
    let report = carry_out(&world, left, &journal, &mut |_| {}).await;
    drop(journal);
    // Every step of the approved plan has one outcome, and it is the truth.
    assert_eq!(report.outcomes.len(), 4);
    assert!(
        report
            .outcomes
            .iter()
            .enumerate()
            .all(|(step, one)| one.step == step)
    );
    assert_eq!(result(&report, "changed"), StepResult::Changed);
    for name in ["one", "two", "net"] {
        assert_eq!(result(&report, name), StepResult::Deleted, "{name}");
    }
    assert!(memory.oracle().resource(&one).is_none());
    let record = Record::read(&state, &host(1), "run-1").unwrap();
    assert_eq!(record.state(NOW, HOUR), RunState::Finished);
    for (step, written) in record.steps.iter().enumerate() {
        assert_eq!(written.outcome.as_ref(), Some(&report.outcomes[step]));
    }
}

#[tokio::test(start_paused = true)]
async fn two_runs_never_work_on_one_resource() {
    let (_home, state) = Home::new();
    let memory = provider();
    memory.insert(container("one"));
    let mut world = World::new(memory.clone());
    let plan = planned(&world).await;
    let clock = RunClock::starting_at(NOW);
    let first = Journal::begin(&state, &host(1), &plan, clock).unwrap();
    world.run = "run-2";
    let again = planned(&world).await;
    match Journal::begin(&state, &host(2), &again, clock) {
        Err(JournalError::Busy(contest)) => {
            assert_eq!((contest.resources, &*contest.holder.id), (1, "run-1"));
            assert_eq!(contest.holder.process.pid, 1);
        }
        other => panic!("{other:?}"),
    }
    // Nothing of the second is left behind.
    assert_eq!(state.run_ids().unwrap(), ["run-1"]);
    // Another resource is nobody's yet.
    memory.insert(container("two"));
    world.run = "run-3";
    let mut other = planned(&world).await;
    other.steps.retain(|step| step.name == "two");
    let beside = Journal::begin(&state, &host(3), &other, clock).unwrap();
    drop(beside);
    // A process that is gone holds nothing, however long its lease would last.
    drop(first);
    world.run = "run-4";
    let after = Journal::begin(&state, &host(4), &again, clock);
    assert!(after.is_ok(), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn who_lost_its_lease_does_nothing_more() {
    let (_home, state) = Home::new();
    let memory = provider();
    memory.insert(container("one"));
    let mut world = World::new(memory.clone());
    let plan = planned(&world).await;
    let clock = RunClock::starting_at(NOW);
    let mut stopped = Journal::begin(&state, &host(1), &plan, clock).unwrap();
    stopped.stop_heartbeat();
    let short = |pid| Host {
        lease: Duration::from_millis(1),
        uptime: || Duration::from_millis(UPTIME.load(Ordering::SeqCst) + 7_200_000),
        ..host(pid)
    };
    world.run = "run-2";
    let other = planned(&world).await;
    // Two hours later the first is still there and did not renew.
    let taken = Journal::begin(&state, &short(2), &other, clock).unwrap();
    let report = carry_out(&world, plan, &stopped, &mut |_| {}).await;
    assert!(
        matches!(stopped.halted(), Some(Halt::Lease(_))),
        "{:?}",
        stopped.halted()
    );
    assert_eq!(result(&report, "one"), StepResult::Cancelled);
    assert_eq!(memory.oracle().count(Operation::Delete), 0);
    drop(taken);
}

#[tokio::test(start_paused = true)]
async fn what_fails_in_run_after_run_is_parked() {
    let (_home, state) = Home::new();
    let memory = provider();
    let bad = memory.insert(container("bad"));
    memory.insert(container("good"));
    let refusal = Error::new(ErrorKind::Unsupported, "cannot be done");
    memory
        .script(Operation::Delete)
        .of("bad")
        .then(Fault::Answer(refusal));
    let mut world = World::new(memory.clone());
    for (number, name) in ["run-1", "run-2", "run-3"].into_iter().enumerate() {
        let troubles = parked(&state, 3);
        assert!(troubles.trouble(&bad).is_none(), "after {number} runs");
        world.run = name;
        let plan = planned(&world).await;
        let journal = Journal::begin(&state, &host(1), &plan, RunClock::starting_at(NOW)).unwrap();
        let report = carry_out(&world, plan, &journal, &mut |_| {}).await;
        assert_eq!(result(&report, "bad"), StepResult::Failed);
    }
    let troubles = parked(&state, 3);
    let trouble = troubles.trouble(&bad).unwrap();
    assert_eq!((trouble.runs, &*trouble.last_run), (3, "run-3"));
    assert!(trouble.reason.contains("cannot be done"));
    assert_eq!(parked(&state, 0), Quarantine::default());

    world.facts.quarantine = troubles.clone();
    let planned_now = world.plan(delete_all()).await.plan;
    assert!(planned_now.steps.iter().all(|step| step.name != "bad"));
    let refusal = planned_now
        .refusals
        .iter()
        .find(|one| one.name == "bad")
        .unwrap();
    assert_eq!(refusal.guard, Guard::Quarantined);

    for (wanted, released) in [
        (bad.id().to_string(), true),
        (bad.native.clone(), true),
        (bad.native[..8].to_owned(), true),
        (bad.native[..7].to_owned(), false),
        ("another-resource".to_owned(), false),
    ] {
        let troubles = troubles.clone().releasing(std::slice::from_ref(&wanted));
        assert_eq!(troubles.trouble(&bad).is_none(), released, "{wanted}");
        assert_eq!(troubles.lets_out(&bad), released, "{wanted}");
    }
    world.facts.quarantine = troubles.releasing(&[bad.id().to_string()]);
    assert!(
        planned(&world)
            .await
            .steps
            .iter()
            .any(|step| step.name == "bad")
    );
    quarantine::forget(&state, &host(1), [&bad]).unwrap();
    assert!(parked(&state, 1).trouble(&bad).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_state_that_cannot_be_written_stops_before_anything_is_done() {
    let (home, state) = Home::new();
    let memory = provider();
    memory.insert(container("one"));
    let world = World::new(memory.clone());
    let plan = planned(&world).await;
    let leases: &Path = &home.0.path().join("state/leases.db");
    std::fs::write(leases, "this is no database, however long it may be").unwrap();
    let begun = Journal::begin(&state, &host(1), &plan, RunClock::starting_at(NOW));
    assert!(
        matches!(begun, Err(JournalError::Database { .. })),
        "{begun:?}"
    );
    assert_eq!(state.run_ids().unwrap(), Vec::<String>::new());
}
