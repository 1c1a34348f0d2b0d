//! The files of runs: what shows damage, and what stops a run before anything is done.

use tbengine_engine::apply::Halt;
use tbengine_engine::clock::RunClock;
use tbengine_engine::plan::ActionKind;
use tbengine_memory::container;
use tbengine_store::{Runs as _, Store, StoreError};

use crate::suite::runs::{planned, run, runs};
use crate::support::{Home, host_of};
use crate::world::{NOW, World, provider};

#[tokio::test(start_paused = true)]
async fn a_record_that_was_changed_or_cut_shows() {
    let damage = |change: &'static str| async move {
        let home = Home::new();
        let memory = provider();
        memory.insert(container("one"));
        memory.insert(container("two"));
        run(&World::new(memory), &home.store).await;
        let connection = rusqlite::Connection::open(home.path("runs/run-1.db")).unwrap();
        let by_hand = format!("DROP TRIGGER row_stays; DROP TRIGGER row_remains; {change}");
        // Without taking the triggers away it does not work at all.
        assert!(connection.execute_batch(change).is_err());
        connection.execute_batch(&by_hand).unwrap();
        drop(connection);
        match home.store.record("run-1").await {
            Err(StoreError::Damaged { why, .. }) => why,
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
async fn a_state_that_cannot_be_written_stops_before_anything_is_done() {
    let home = Home::new();
    let store: &dyn Store = &home.store;
    let memory = provider();
    memory.insert(container("one"));
    let world = World::new(memory.clone());
    let plan = planned(&world).await;
    std::fs::write(
        home.path("leases.db"),
        "this is not a database, however long it may be",
    )
    .unwrap();
    let begun = store.begin(&plan, RunClock::starting_at(NOW)).await;
    assert!(
        matches!(begun, Err(StoreError::Database { .. })),
        "{begun:?}"
    );
    assert_eq!(runs(store).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_intent_is_checked_against_the_claims_whatever_the_clock_says() {
    let home = Home::new();
    let memory = provider();
    let one = memory.insert(container("one"));
    let mut world = World::new(memory);
    let plan = planned(&world).await;
    let clock = RunClock::starting_at(NOW);
    let first = home.store.begin(&plan, clock).await.unwrap();
    world.run = "run-2";
    let again = planned(&world).await;
    // To a process that sees another start of the host, the first is gone.
    let other = home.store_of(&host_of("boot-2", 2));
    let taken = other.begin(&again, clock).await.unwrap();
    let ledger = first.ledger();
    assert!(ledger.holds());
    let refused = ledger.intend(&one, ActionKind::Delete, false).await;
    assert!(matches!(&refused, Err(Halt::Lock(_))), "{refused:?}");
    drop((first, ledger, taken));
    let record = home.store.record("run-1").await.unwrap();
    assert_eq!(record.steps[0].intents, 0);
}
