//! The records of leases: what is written, and what survives what.

use std::collections::HashSet;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::sync::Barrier;
use std::{fs, thread};

use tbengine_sdk::Kind;
use tbengine_store::journal::JournalError;
use tbengine_store::lease::{Claim, Lease, LeaseError, Standing, Store};

use crate::support::{
    Home, NOW, baseline, container, host, lease, seconds, standing, standings, timed,
};

#[test]
fn what_was_taken_is_found_as_it_was_written() {
    let home = Home::new();
    let before = baseline(&[container("a"), container("b")]);
    let held = home.store.take(timed("l", seconds(10)), &before).unwrap();
    let found = Store::open(&home.state);
    assert_eq!(found.read("l").unwrap(), *held.lease());
    assert_eq!(found.ids().unwrap(), ["l"]);
    assert_eq!((held.baseline().unwrap(), before.len()), (before, 2));
}

#[test]
fn nobody_else_can_look_into_it() {
    let home = Home::new();
    let held = home.store.take(lease("l"), &baseline(&[])).unwrap();
    held.log().unwrap();
    held.observations().unwrap();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.state.path().join("leases")), 0o700);
    for part in ["l.json", "l.baseline", "l.lock", "l.log", "l.observed"] {
        assert_eq!(mode(home.file(part)), 0o600, "{part}");
    }
}

#[test]
fn where_nothing_was_ever_taken_there_are_no_leases() {
    let home = Home::new();
    fs::remove_dir(home.state.path().join("leases")).unwrap();
    let store = Store::open(&home.state);
    assert_eq!(store.ids().unwrap(), Vec::<String>::new());
    assert!(matches!(store.read("l"), Err(LeaseError::Unknown { id }) if id == "l"));
}

#[test]
fn an_id_is_taken_once() {
    let home = Home::new();
    let first = home.store.take(lease("l"), &baseline(&[])).unwrap();
    let again = || home.store.take(lease("l"), &baseline(&[]));
    assert!(matches!(again(), Err(LeaseError::Exists { id }) if id == "l"));
    drop(first);
    // It is over, and still to be swept.
    assert!(matches!(again(), Err(LeaseError::Exists { .. })));
    home.store
        .adopt("l", &host())
        .unwrap()
        .unwrap()
        .end(NOW)
        .unwrap();
    assert!(matches!(again(), Err(LeaseError::Exists { .. })));
    home.store.take(lease("l2"), &baseline(&[])).unwrap();
}

#[test]
fn of_many_that_take_an_id_at_once_one_gets_it() {
    let home = Home::new();
    for round in 0..20 {
        let id = format!("l{round}");
        let (start, end) = (Barrier::new(8), Barrier::new(8));
        let taken = || {
            start.wait();
            let held = home.store.take(lease(&id), &baseline(&[]));
            // The others have tried before the winner lets go.
            end.wait();
            match held {
                Ok(_) => 1,
                Err(LeaseError::Exists { .. }) => 0,
                Err(error) => panic!("{error}"),
            }
        };
        let winners: i32 = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(taken)).collect();
            threads.into_iter().map(|one| one.join().unwrap()).sum()
        });
        assert_eq!(winners, 1);
        assert_eq!(standing(&home.store, &id), Standing::Over);
    }
}

#[test]
fn an_id_that_leads_elsewhere_is_none() {
    let home = Home::new();
    let long = "a".repeat(65);
    for id in ["", ".", "../l", "a/b", "a b", "l.json", "a=b", "é", &long] {
        let taken = home.store.take(lease(id), &baseline(&[]));
        assert!(matches!(taken, Err(LeaseError::Id { .. })), "{id:?}");
        assert!(
            matches!(home.store.read(id), Err(LeaseError::Id { .. })),
            "{id:?}"
        );
        assert!(
            matches!(home.store.release(id), Err(LeaseError::Id { .. })),
            "{id:?}"
        );
    }
    home.store.take(lease(&long[1..]), &baseline(&[])).unwrap();
}

#[test]
fn a_damaged_record_hides_no_other() {
    let home = Home::new();
    for id in ["a", "b", "c", "d"] {
        drop(home.store.take(lease(id), &baseline(&[])).unwrap());
    }
    let text = fs::read_to_string(home.file("a.json")).unwrap();
    fs::write(home.file("a.json"), &text[..text.len() / 2]).unwrap();
    let newer = text.replace("tbengine-lease/1", "tbengine-lease/2");
    fs::write(home.file("b.json"), newer).unwrap();
    fs::write(home.file("c.json"), text.replace("\"claim\"", "\"clam\"")).unwrap();
    assert!(matches!(home.store.read("a"), Err(LeaseError::Io { .. })));
    let format = home.store.read("b");
    assert!(
        matches!(&format, Err(LeaseError::Directory(JournalError::Format { found, .. })) if found == "tbengine-lease/2"),
        "{format:?}"
    );
    assert_eq!(standings(&home.store), [("d".to_owned(), Standing::Over)]);
    // Unknown means keep: what cannot be read is not swept.
    assert!(matches!(
        home.store.adopt("a", &host()),
        Err(LeaseError::Io { .. })
    ));
    fs::write(home.file("d.baseline"), "{").unwrap();
    let held = home.store.adopt("d", &host()).unwrap().unwrap();
    assert!(matches!(held.baseline(), Err(LeaseError::Io { .. })));
}

#[test]
fn a_crash_while_it_is_taken_leaves_no_lease_and_its_id_free() {
    let home = Home::new();
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
        assert_eq!(home.store.ids().unwrap(), Vec::<String>::new());
        assert!(matches!(
            home.store.adopt("l", &host()),
            Err(LeaseError::Unknown { .. })
        ));
        let before = baseline(&[container("a")]);
        let mut held = home.store.take(lease("l"), &before).unwrap();
        assert_eq!(standing(&home.store, "l"), Standing::Live);
        assert_eq!(held.baseline().unwrap(), before);
        held.end(NOW).unwrap();
        for part in ["json", "baseline", "lock"] {
            fs::remove_file(home.file(&format!("l.{part}"))).unwrap();
        }
    }
}

#[test]
fn a_crash_while_it_is_written_anew_leaves_what_was_there() {
    let home = Home::new();
    drop(
        home.store
            .take(timed("l", seconds(10)), &baseline(&[]))
            .unwrap(),
    );
    fs::write(home.file("l.json.new"), "{".repeat(10_000)).unwrap();
    assert_eq!(standings(&home.store), [("l".to_owned(), Standing::Live)]);
    home.store.renew("l", &host()).unwrap();
    assert!(!home.file("l.json.new").exists());
    assert_eq!(standings(&home.store), [("l".to_owned(), Standing::Live)]);
}

#[test]
fn what_the_holder_saw_being_created_outlives_it() {
    let home = Home::new();
    let held = home.store.take(lease("l"), &baseline(&[])).unwrap();
    assert_eq!(held.observed().unwrap(), HashSet::new());
    let book = held.observations().unwrap();
    book.note(Kind::Volume, "a\nb").unwrap();
    book.note(Kind::Volume, "c").unwrap();
    drop((book, held));
    // A crash cut the last line short, in the middle of a letter.
    let path = home.file("l.observed");
    let mut text = fs::read(&path).unwrap();
    text.extend(b"[\"volume\",\"\xc3");
    fs::write(&path, text).unwrap();
    let held = home.store.adopt("l", &host()).unwrap().unwrap();
    let volume = |name: &str| (Kind::Volume, name.to_owned());
    assert_eq!(
        held.observed().unwrap(),
        [volume("a\nb"), volume("c")].into()
    );
}

#[test]
fn the_socket_of_a_lease_goes_with_it() {
    let home = Home::new();
    let mut held = home.store.take(lease("l"), &baseline(&[])).unwrap();
    let _listening = UnixListener::bind(held.socket()).unwrap();
    held.end(NOW).unwrap();
    assert!(!held.socket().exists());
}

#[test]
fn links_are_not_followed() {
    let home = Home::new();
    let target = home.state.path().join("target");
    fs::write(&target, "mine").unwrap();
    symlink(&target, home.file("l.lock")).unwrap();
    assert!(home.store.take(lease("l"), &baseline(&[])).is_err());
    symlink(&target, home.file("m.baseline.new")).unwrap();
    assert!(home.store.take(lease("m"), &baseline(&[])).is_err());
    assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
}

#[test]
fn what_ended_a_week_ago_is_forgotten_with_the_next_lease() {
    const DAY: u64 = 24 * 3600;
    let home = Home::new();
    let end = |id: &str, days: u64| {
        let mut held = home.store.take(lease(id), &baseline(&[])).unwrap();
        held.log().unwrap();
        held.observations().unwrap();
        held.end(NOW.minus(seconds(days * DAY))).unwrap();
    };
    drop(home.store.take(lease("over"), &baseline(&[])).unwrap());
    end("recent", 6);
    end("old", 8);
    // What was taken long ago and never swept is not forgotten.
    let ancient = Lease {
        since: NOW.minus(seconds(30 * DAY)),
        claim: Claim::Lock,
        ..lease("ancient")
    };
    drop(home.store.take(ancient, &baseline(&[])).unwrap());
    assert!(
        home.file("old.json").exists(),
        "nothing was taken since, by its clock"
    );
    drop(home.store.take(lease("next"), &baseline(&[])).unwrap());
    assert_eq!(
        home.store.ids().unwrap(),
        ["ancient", "next", "over", "recent"]
    );
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
