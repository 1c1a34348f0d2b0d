//! The records of leases: what is written, and what is found again.

use std::collections::HashSet;
use std::sync::Barrier;
use std::thread;

use tbengine_engine::terms::Filter;
use tbengine_store::{LeaseStatus, StoreError, facts};

use super::Subject;
use crate::support::{
    NOW, baseline, block_on, container, ids, lease, seconds, seen, status, timed,
};

pub(crate) async fn what_was_taken_is_found_as_it_was_written(subject: &dyn Subject) {
    let store = subject.store();
    let before = baseline(&[container("a"), container("b")]);
    let held = store.take(timed("l", seconds(10)), &before).await.unwrap();
    let found = subject.store();
    assert_eq!(found.lease("l").await.unwrap().lease, *held.lease());
    assert_eq!(ids(&*found).await, ["l"]);
    assert_eq!((held.baseline().await.unwrap(), before.len()), (before, 2));
}

pub(crate) async fn an_id_is_taken_once(subject: &dyn Subject) {
    let store = subject.store();
    let first = store.take(lease("l"), &baseline(&[])).await.unwrap();
    let again = async || store.take(lease("l"), &baseline(&[])).await;
    assert!(matches!(again().await, Err(StoreError::LeaseExists { id }) if id == "l"));
    drop(first);
    // It has expired, and is still to be swept.
    assert!(matches!(again().await, Err(StoreError::LeaseExists { .. })));
    store
        .adopt("l")
        .await
        .unwrap()
        .unwrap()
        .end(NOW)
        .await
        .unwrap();
    assert!(matches!(again().await, Err(StoreError::LeaseExists { .. })));
    store.take(lease("l2"), &baseline(&[])).await.unwrap();
}

pub(crate) async fn of_many_that_take_an_id_at_once_one_gets_it(subject: &dyn Subject) {
    let store = subject.store();
    for round in 0..20 {
        let id = format!("l{round}");
        let (start, end) = (Barrier::new(8), Barrier::new(8));
        let taken = || {
            start.wait();
            let held = block_on(store.take(lease(&id), &baseline(&[])));
            // The others have tried before the winner lets go.
            end.wait();
            match held {
                Ok(_) => 1,
                Err(StoreError::LeaseExists { .. }) => 0,
                Err(error) => panic!("{error}"),
            }
        };
        let winners: i32 = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(taken)).collect();
            threads.into_iter().map(|one| one.join().unwrap()).sum()
        });
        assert_eq!(winners, 1);
        assert_eq!(status(&*store, &id).await, LeaseStatus::Over);
    }
}

pub(crate) async fn an_id_that_leads_elsewhere_is_none(subject: &dyn Subject) {
    let store = subject.store();
    let long = "a".repeat(65);
    for id in ["", ".", "../l", "a/b", "a b", "l.json", "a=b", "é", &long] {
        let taken = store.take(lease(id), &baseline(&[])).await;
        assert!(matches!(taken, Err(StoreError::LeaseId { .. })), "{id:?}");
        assert!(
            matches!(store.lease(id).await, Err(StoreError::LeaseId { .. })),
            "{id:?}"
        );
        assert!(
            matches!(store.release(id).await, Err(StoreError::LeaseId { .. })),
            "{id:?}"
        );
    }
    store.take(lease(&long[1..]), &baseline(&[])).await.unwrap();
}

pub(crate) async fn where_none_was_ever_taken_there_are_none(subject: &dyn Subject) {
    let store = subject.store();
    assert!(store.all().await.unwrap().is_empty());
    for missing in [
        store.lease("l").await.err(),
        store.renew("l").await.err(),
        store.adopt("l").await.err(),
        store.release("l").await.err(),
        store.set_aside("l").await.err(),
    ] {
        assert!(
            matches!(&missing, Some(StoreError::NoLease { id }) if id == "l"),
            "{missing:?}"
        );
    }
}

pub(crate) async fn what_was_seen_being_created_outlives_its_holder(subject: &dyn Subject) {
    let store = subject.store();
    let held = store.take(lease("l"), &baseline(&[])).await.unwrap();
    assert_eq!(held.observed().await.unwrap(), HashSet::new());
    let book = held.observations().unwrap();
    book.note(&seen("a\nb", None)).unwrap();
    // The book may outlive what it was opened with.
    drop(held);
    book.note(&seen("c", Some(NOW))).unwrap();
    let held = store.adopt("l").await.unwrap().unwrap();
    let observed = held.observed().await.unwrap();
    assert_eq!(observed, [seen("a\nb", None), seen("c", Some(NOW))].into());
}

pub(crate) async fn what_counts_as_made_under_it_can_be_changed(subject: &dyn Subject) {
    let store = subject.store();
    let mut held = store.take(lease("l"), &baseline(&[])).await.unwrap();
    let mut terms = held.lease().terms.clone();
    terms.filters = vec![Filter::labels(vec!["team=evals".parse().unwrap()])];
    held.change(terms.clone()).await.unwrap();
    assert_eq!(held.lease().terms, terms);
    drop(held);
    let after = store.lease("l").await.unwrap().lease;
    assert_eq!((after.terms, after.since), (terms, NOW));
}

pub(crate) async fn a_lease_that_cannot_be_read_hides_no_other(subject: &dyn Subject) {
    let store = subject.store();
    for id in ["a", "b"] {
        drop(store.take(lease(id), &baseline(&[])).await.unwrap());
    }
    subject.damage("a");
    let all = store.all().await.unwrap();
    let [Err(unreadable), Ok(entry)] = &all[..] else {
        panic!("{all:?}");
    };
    assert_eq!((&*unreadable.id, &*entry.lease.id), ("a", "b"));
    let known = facts(all);
    assert_eq!(known.unreadable.len(), 1, "{known:?}");
    assert!(known.unreadable[0].starts_with("lease a cannot be read: "));
    assert_eq!(known.over, ["b".to_owned()].into());
    // Unknown means keep: what cannot be read is not swept.
    assert!(store.adopt("a").await.is_err());
    assert!(store.release("a").await.is_err());
    store.set_aside("a").await.unwrap();
    assert_eq!(store.all().await.unwrap().len(), 1);
    assert!(matches!(
        store.lease("a").await,
        Err(StoreError::NoLease { .. })
    ));
}

pub(crate) async fn what_is_held_is_not_set_aside(subject: &dyn Subject) {
    let store = subject.store();
    let held = store.take(lease("l"), &baseline(&[])).await.unwrap();
    subject.damage("l");
    assert!(matches!(
        store.set_aside("l").await,
        Err(StoreError::Held { .. })
    ));
    drop(held);
    store.set_aside("l").await.unwrap();
}

pub(crate) async fn what_a_later_version_wrote_is_left_to_it(subject: &dyn Subject) {
    let store = subject.store();
    drop(store.take(lease("l"), &baseline(&[])).await.unwrap());
    subject.write_later("l");
    assert_eq!(status(&*store, "l").await, LeaseStatus::Over);
    for refused in [store.adopt("l").await.err(), store.release("l").await.err()] {
        assert!(
            matches!(&refused, Some(StoreError::Later { id }) if id == "l"),
            "{refused:?}"
        );
    }
}
