//! The files of leases: what is written, and what survives what.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use tbengine_store::{LeaseStatus, NewLease, Store, StoreError, facts};

use crate::support::{
    Home, NOW, baseline, container, ids, lease, seconds, seen, standings, status, timed,
};

#[tokio::test]
async fn nobody_else_can_look_into_it() {
    let home = Home::new();
    let store: &dyn Store = &home.store;
    let held = store.take(lease("l"), &baseline(&[])).await.unwrap();
    held.scratch().log().unwrap();
    held.observations().unwrap();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.path("leases")), 0o700);
    for part in ["l.json", "l.baseline", "l.lock", "l.log", "l.observed"] {
        assert_eq!(mode(home.file(part)), 0o600, "{part}");
    }
}

#[tokio::test]
async fn where_nothing_was_ever_taken_there_are_no_leases() {
    let home = Home::new();
    let store: &dyn Store = &home.store;
    assert!(!home.path("leases").exists());
    assert_eq!(ids(store).await, Vec::<String>::new());
    assert!(matches!(store.lease("l").await, Err(StoreError::NoLease { id }) if id == "l"));
}

#[tokio::test]
async fn a_record_of_another_lease_and_a_book_that_cannot_be_read_are_unreadable() {
    let home = Home::new();
    let store: &dyn Store = &home.store;
    let held = store.take(lease("a"), &baseline(&[])).await.unwrap();
    drop(store.take(lease("b"), &baseline(&[])).await.unwrap());
    // It would protect what carries the id of the first one twice, and of the second one nothing.
    fs::copy(home.file("a.json"), home.file("b.json")).unwrap();
    // Which images the holder relies on is not known.
    fs::create_dir(home.file("a.observed")).unwrap();
    let all = store.all().await.unwrap();
    let unreadable = all.iter().filter_map(|one| one.as_ref().err());
    let unreadable: Vec<&str> = unreadable.map(|one| one.id.as_str()).collect();
    assert_eq!(unreadable, ["a", "b"]);
    assert_eq!(facts(all).unreadable.len(), 2);
    drop(held);
}

#[tokio::test]
async fn a_damaged_record_hides_no_other() {
    let home = Home::new();
    let store: &dyn Store = &home.store;
    for id in ["a", "b", "c", "d"] {
        drop(store.take(lease(id), &baseline(&[])).await.unwrap());
    }
    let text = fs::read_to_string(home.file("a.json")).unwrap();
    fs::write(home.file("a.json"), &text[..text.len() / 2]).unwrap();
    let newer = text.replace("tbengine-lease/1", "tbengine-lease/2");
    fs::write(home.file("b.json"), newer).unwrap();
    fs::write(home.file("c.json"), text.replace("\"claim\"", "\"clam\"")).unwrap();
    assert!(matches!(
        store.lease("a").await,
        Err(StoreError::LeaseIo { .. })
    ));
    let format = store.lease("b").await;
    assert!(
        matches!(&format, Err(StoreError::Format { found, .. }) if found == "tbengine-lease/2"),
        "{format:?}"
    );
    assert_eq!(
        standings(store).await,
        [("d".to_owned(), LeaseStatus::Over)]
    );
    // The others are named, and refuse every plan.
    let known = facts(store.all().await.unwrap());
    assert_eq!(known.unreadable.len(), 3, "{known:?}");
    for (id, why) in ["a", "b", "c"].iter().zip(&known.unreadable) {
        assert!(
            why.starts_with(&format!("lease {id} cannot be read: ")),
            "{why}"
        );
    }
    // Unknown means keep: what cannot be read is not swept.
    assert!(matches!(
        store.adopt("a").await,
        Err(StoreError::LeaseIo { .. })
    ));
    fs::write(home.file("d.baseline"), "{").unwrap();
    let held = store.adopt("d").await.unwrap().unwrap();
    assert!(matches!(
        held.baseline().await,
        Err(StoreError::LeaseIo { .. })
    ));
}

#[tokio::test]
async fn a_crash_while_it_is_taken_leaves_no_lease_and_its_id_free() {
    let home = Home::new();
    let store: &dyn Store = &home.store;
    fs::create_dir(home.path("leases")).unwrap();
    // Longer than what takes its place.
    let half = "{".repeat(10_000);
    for files in [
        &["l.lock"][..],
        &["l.lock", "l.baseline.new"],
        &["l.lock", "l.baseline", "l.json.new"],
    ] {
        for file in files {
            fs::write(home.file(file), &half).unwrap();
        }
        assert_eq!(ids(store).await, Vec::<String>::new());
        assert!(matches!(
            store.adopt("l").await,
            Err(StoreError::NoLease { .. })
        ));
        let before = baseline(&[container("a")]);
        let mut held = store.take(lease("l"), &before).await.unwrap();
        assert_eq!(status(store, "l").await, LeaseStatus::Live);
        assert_eq!(held.baseline().await.unwrap(), before);
        held.end(NOW).await.unwrap();
        for part in ["json", "baseline", "lock"] {
            fs::remove_file(home.file(&format!("l.{part}"))).unwrap();
        }
    }
}

#[tokio::test]
async fn a_crash_while_it_is_written_anew_leaves_what_was_there() {
    let home = Home::new();
    let store: &dyn Store = &home.store;
    drop(
        store
            .take(timed("l", seconds(10)), &baseline(&[]))
            .await
            .unwrap(),
    );
    fs::write(home.file("l.json.new"), "{".repeat(10_000)).unwrap();
    assert_eq!(
        standings(store).await,
        [("l".to_owned(), LeaseStatus::Live)]
    );
    store.renew("l").await.unwrap();
    assert!(!home.file("l.json.new").exists());
    assert_eq!(
        standings(store).await,
        [("l".to_owned(), LeaseStatus::Live)]
    );
}

#[tokio::test]
async fn what_the_holder_saw_being_created_outlives_it() {
    let home = Home::new();
    let store: &dyn Store = &home.store;
    let held = store.take(lease("l"), &baseline(&[])).await.unwrap();
    assert_eq!(held.observed().await.unwrap(), HashSet::new());
    let book = held.observations().unwrap();
    book.note(&seen("a\nb", None)).unwrap();
    book.note(&seen("c", Some(NOW))).unwrap();
    drop((book, held));
    // A crash cut the last line short, in the middle of a letter.
    let path = home.file("l.observed");
    let mut text = fs::read(&path).unwrap();
    text.extend(b"[\"volume\",\"\xc3");
    fs::write(&path, text).unwrap();
    let held = store.adopt("l").await.unwrap().unwrap();
    assert_eq!(
        held.observed().await.unwrap(),
        [seen("a\nb", None), seen("c", Some(NOW))].into()
    );
}

#[tokio::test]
async fn the_socket_of_a_lease_goes_with_it() {
    let home = Home::new();
    let store: &dyn Store = &home.store;
    let mut held = store.take(lease("l"), &baseline(&[])).await.unwrap();
    let _listening = UnixListener::bind(held.scratch().socket()).unwrap();
    held.end(NOW).await.unwrap();
    assert!(!held.scratch().socket().exists());
}

#[tokio::test]
async fn a_lease_whose_lock_is_missing_cannot_be_read_until_it_is_set_aside() {
    let home = Home::new();
    let store: &dyn Store = &home.store;
    let held = store.take(lease("l"), &baseline(&[])).await.unwrap();
    fs::remove_file(home.file("l.lock")).unwrap();
    // Its holder lives, and nobody can see that: it is not taken for one that has expired.
    let all = store.all().await.unwrap();
    assert!(matches!(&all[..], [Err(unreadable)] if unreadable.id == "l"));
    let read = store.lease("l").await;
    assert!(matches!(read, Err(StoreError::LeaseIo { .. })), "{read:?}");
    drop(held);
    store.set_aside("l").await.unwrap();
    assert_eq!(ids(store).await, Vec::<String>::new());
}

#[tokio::test]
async fn links_are_not_followed() {
    let home = Home::new();
    let store: &dyn Store = &home.store;
    fs::create_dir(home.path("leases")).unwrap();
    let target = home.path("target");
    fs::write(&target, "mine").unwrap();
    symlink(&target, home.file("l.lock")).unwrap();
    assert!(store.take(lease("l"), &baseline(&[])).await.is_err());
    symlink(&target, home.file("m.baseline.new")).unwrap();
    assert!(store.take(lease("m"), &baseline(&[])).await.is_err());
    assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
}

#[tokio::test]
async fn what_ended_a_week_ago_is_forgotten_with_the_next_lease() {
    const DAY: u64 = 24 * 3600;
    let home = Home::new();
    let store: &dyn Store = &home.store;
    let end = async |id: &'static str, days: u64| {
        let mut held = store.take(lease(id), &baseline(&[])).await.unwrap();
        held.scratch().log().unwrap();
        held.observations().unwrap();
        held.end(NOW.minus(seconds(days * DAY))).await.unwrap();
    };
    drop(store.take(lease("over"), &baseline(&[])).await.unwrap());
    end("recent", 6).await;
    end("old", 8).await;
    // What was taken long ago and never swept is not forgotten.
    let ancient = NewLease {
        since: NOW.minus(seconds(30 * DAY)),
        ..lease("ancient")
    };
    drop(store.take(ancient, &baseline(&[])).await.unwrap());
    assert!(
        home.file("old.json").exists(),
        "nothing was taken since, by its clock"
    );
    drop(store.take(lease("next"), &baseline(&[])).await.unwrap());
    assert_eq!(ids(store).await, ["ancient", "next", "over", "recent"]);
    for part in [
        "old.json",
        "old.baseline",
        "old.lock",
        "old.log",
        "old.observed",
    ] {
        assert!(!home.file(part).exists(), "{part}");
    }
}
