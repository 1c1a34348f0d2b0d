//! Who holds a lease, when it expires, and who may sweep it.

use std::sync::Barrier;
use std::thread;

use tbengine_store::{LeaseStatus, StoreError};

use super::Subject;
use crate::support::{NOW, baseline, block_on, container, lease, seconds, status, timed};

pub(crate) async fn a_lock_that_was_handed_over_is_the_lease(subject: &dyn Subject) {
    let store = subject.store();
    let before = baseline(&[container("a")]);
    let held = store.take(lease("l"), &before).await.unwrap();
    let mut heir = store.inherit(held.share().unwrap()).await.unwrap();
    drop(held);
    assert_eq!(status(&*store, "l").await, LeaseStatus::Live);
    assert_eq!(heir.baseline().await.unwrap(), before);
    heir.end(NOW).await.unwrap();
    assert_eq!(status(&*store, "l").await, LeaseStatus::Ended);
}

pub(crate) async fn renewing_lets_it_hold_for_its_full_time_again(subject: &dyn Subject) {
    let store = subject.store();
    store
        .take(timed("l", seconds(10)), &baseline(&[]))
        .await
        .unwrap();
    subject.pass(seconds(9));
    let renewed = store.renew("l").await.unwrap();
    assert_eq!(store.lease("l").await.unwrap(), renewed);
    subject.pass(seconds(9));
    assert_eq!(status(&*store, "l").await, LeaseStatus::Live);
    subject.pass(seconds(1));
    assert!(matches!(store.renew("l").await, Err(StoreError::Expired { id }) if id == "l"));
    assert_eq!(
        status(&*store, "l").await,
        LeaseStatus::Over,
        "it was too late"
    );
}

pub(crate) async fn only_a_lease_by_time_can_be_renewed(subject: &dyn Subject) {
    let store = subject.store();
    let held = store.take(lease("l"), &baseline(&[])).await.unwrap();
    assert!(matches!(
        store.renew("l").await,
        Err(StoreError::Held { .. })
    ));
    drop(held);
    assert!(matches!(
        store.renew("l").await,
        Err(StoreError::Expired { .. })
    ));
    assert!(matches!(
        store.renew("none").await,
        Err(StoreError::NoLease { .. })
    ));
}

pub(crate) async fn releasing_ends_its_time_at_once_and_for_good(subject: &dyn Subject) {
    let store = subject.store();
    store
        .take(timed("l", seconds(10)), &baseline(&[]))
        .await
        .unwrap();
    let held = store.release("l").await.unwrap().unwrap();
    assert!(
        matches!(store.adopt("l").await, Err(StoreError::Held { .. })),
        "it is swept"
    );
    // The process that released it dies before it has swept.
    drop(held);
    assert_eq!(status(&*store, "l").await, LeaseStatus::Over);
    assert!(matches!(
        store.renew("l").await,
        Err(StoreError::Expired { .. })
    ));
    store
        .adopt("l")
        .await
        .unwrap()
        .unwrap()
        .end(NOW)
        .await
        .unwrap();
    assert!(store.release("l").await.unwrap().is_none());
    assert!(store.adopt("l").await.unwrap().is_none());
    assert!(matches!(
        store.renew("l").await,
        Err(StoreError::Expired { .. })
    ));
    assert_eq!(store.lease("l").await.unwrap().lease.ended, Some(NOW));
}

pub(crate) async fn of_many_that_want_to_sweep_it_one_may(subject: &dyn Subject) {
    let store = subject.store();
    drop(store.take(lease("l"), &baseline(&[])).await.unwrap());
    let (start, end) = (Barrier::new(8), Barrier::new(8));
    let adopt = || {
        start.wait();
        let held = block_on(store.adopt("l"));
        end.wait();
        match held {
            Ok(held) => i32::from(held.is_some()),
            Err(StoreError::Held { .. }) => 0,
            Err(error) => panic!("{error}"),
        }
    };
    let sweepers: i32 = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(adopt)).collect();
        threads.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(sweepers, 1);
}

pub(crate) async fn looking_at_a_lease_does_not_keep_anyone_from_sweeping_it(
    subject: &dyn Subject,
) {
    let store = subject.store();
    drop(store.take(lease("l"), &baseline(&[])).await.unwrap());
    let looker = subject.store();
    let looking = thread::spawn(move || {
        block_on(async {
            for _ in 0..2000 {
                status(&*looker, "l").await;
            }
        });
    });
    while !looking.is_finished() {
        assert!(store.adopt("l").await.unwrap().is_some());
    }
    looking.join().unwrap();
}

pub(crate) async fn who_looks_at_a_lease_is_not_taken_for_its_holder(subject: &dyn Subject) {
    let store = subject.store();
    drop(store.take(lease("l"), &baseline(&[])).await.unwrap());
    let look = async || {
        for _ in 0..5000 {
            assert_eq!(status(&*store, "l").await, LeaseStatus::Over);
        }
    };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| block_on(look()));
        }
    });
}

pub(crate) async fn a_lease_by_time_tells_how_long_it_holds(subject: &dyn Subject) {
    let store = subject.store();
    store
        .take(timed("l", seconds(10)), &baseline(&[]))
        .await
        .unwrap();
    subject.pass(seconds(4));
    assert_eq!(store.lease("l").await.unwrap().left, Some(seconds(6)));
    assert!(matches!(
        store.adopt("l").await,
        Err(StoreError::Held { .. })
    ));
    subject.pass(seconds(6));
    let over = store.lease("l").await.unwrap();
    assert_eq!((over.status, over.left), (LeaseStatus::Over, None));
    assert!(store.adopt("l").await.unwrap().is_some());
    let held = store.take(lease("held"), &baseline(&[])).await.unwrap();
    assert_eq!(store.lease("held").await.unwrap().left, None);
    drop(held);
}

pub(crate) async fn another_process_sees_who_holds_it(subject: &dyn Subject) {
    let (store, other) = (subject.store(), subject.store_of(2));
    let held = store.take(lease("l"), &baseline(&[])).await.unwrap();
    assert_eq!(status(&*other, "l").await, LeaseStatus::Live);
    assert!(matches!(
        other.adopt("l").await,
        Err(StoreError::Held { .. })
    ));
    drop(held);
    assert!(other.adopt("l").await.unwrap().is_some());
}
