//! Who holds a lease, when it is over, and who may sweep it.

use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::thread;

use tbengine_store::lease::{LeaseError, Standing};

use crate::support::{
    Home, NOW, baseline, container, host, host_of, lease, pass, seconds, standing, timed,
};

#[test]
fn it_is_live_as_long_as_any_process_has_its_lock() {
    let home = Home::new();
    let held = home.store.take(lease("l"), &baseline(&[])).unwrap();
    let mut other = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(held.share().unwrap())
        .spawn()
        .unwrap();
    assert_eq!(standing(&home.store, "l"), Standing::Live);
    drop(held);
    assert_eq!(
        standing(&home.store, "l"),
        Standing::Live,
        "the other has it"
    );
    let adopted = home.store.adopt("l", &host());
    assert!(matches!(adopted, Err(LeaseError::Held { id }) if id == "l"));
    assert!(matches!(
        home.store.release("l"),
        Err(LeaseError::Held { .. })
    ));
    // As suddenly as can be.
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(standing(&home.store, "l"), Standing::Over);
    assert!(home.store.adopt("l", &host()).unwrap().is_some());
}

#[test]
fn a_lock_that_was_handed_over_is_the_lease() {
    let home = Home::new();
    let before = baseline(&[container("a")]);
    let held = home.store.take(lease("l"), &before).unwrap();
    let mut heir = home.store.inherit("l", held.share().unwrap()).unwrap();
    drop(held);
    assert_eq!(standing(&home.store, "l"), Standing::Live);
    assert_eq!(heir.baseline().unwrap(), before);
    heir.end(NOW).unwrap();
    assert_eq!(standing(&home.store, "l"), Standing::Ended);
}

#[test]
fn time_is_counted_by_the_uptime_and_ends_with_the_host() {
    let home = Home::new();
    home.store
        .take(timed("l", seconds(10)), &baseline(&[]))
        .unwrap();
    pass(seconds(10) - std::time::Duration::from_millis(1));
    assert_eq!(standing(&home.store, "l"), Standing::Live);
    assert!(matches!(
        home.store.adopt("l", &host()),
        Err(LeaseError::Held { .. })
    ));
    let lease = home.store.read("l").unwrap();
    let rebooted = host_of("boot-2");
    assert_eq!(home.store.standing(&lease, &rebooted), Standing::Over);
    pass(std::time::Duration::from_millis(1));
    assert_eq!(standing(&home.store, "l"), Standing::Over);
    assert!(home.store.adopt("l", &host()).unwrap().is_some());
}

#[test]
fn renewing_lets_it_hold_for_its_full_time_again() {
    let home = Home::new();
    home.store
        .take(timed("l", seconds(10)), &baseline(&[]))
        .unwrap();
    pass(seconds(9));
    let renewed = home.store.renew("l", &host()).unwrap();
    assert_eq!(home.store.read("l").unwrap(), renewed);
    pass(seconds(9));
    assert_eq!(standing(&home.store, "l"), Standing::Live);
    pass(seconds(1));
    assert!(matches!(home.store.renew("l", &host()), Err(LeaseError::Over { id }) if id == "l"));
    assert_eq!(
        standing(&home.store, "l"),
        Standing::Over,
        "it was too late"
    );
}

#[test]
fn only_a_lease_by_time_can_be_renewed() {
    let home = Home::new();
    let held = home.store.take(lease("l"), &baseline(&[])).unwrap();
    assert!(matches!(
        home.store.renew("l", &host()),
        Err(LeaseError::Held { .. })
    ));
    drop(held);
    assert!(matches!(
        home.store.renew("l", &host()),
        Err(LeaseError::Over { .. })
    ));
    assert!(matches!(
        home.store.renew("none", &host()),
        Err(LeaseError::Unknown { .. })
    ));
}

#[test]
fn releasing_ends_its_time_at_once_and_for_good() {
    let home = Home::new();
    home.store
        .take(timed("l", seconds(10)), &baseline(&[]))
        .unwrap();
    let held = home.store.release("l").unwrap().unwrap();
    assert!(
        matches!(home.store.adopt("l", &host()), Err(LeaseError::Held { .. })),
        "it is swept"
    );
    // Whoever released it dies before it has swept.
    drop(held);
    assert_eq!(standing(&home.store, "l"), Standing::Over);
    assert!(matches!(
        home.store.renew("l", &host()),
        Err(LeaseError::Over { .. })
    ));
    home.store
        .adopt("l", &host())
        .unwrap()
        .unwrap()
        .end(NOW)
        .unwrap();
    assert!(home.store.release("l").unwrap().is_none());
    assert!(home.store.adopt("l", &host()).unwrap().is_none());
    assert!(matches!(
        home.store.renew("l", &host()),
        Err(LeaseError::Over { .. })
    ));
    assert_eq!(home.store.read("l").unwrap().ended, Some(NOW));
}

#[test]
fn of_many_that_want_to_sweep_it_one_may() {
    let home = Home::new();
    drop(home.store.take(lease("l"), &baseline(&[])).unwrap());
    let (start, end) = (Barrier::new(8), Barrier::new(8));
    let adopt = || {
        start.wait();
        let held = home.store.adopt("l", &host());
        end.wait();
        match held {
            Ok(held) => i32::from(held.is_some()),
            Err(LeaseError::Held { .. }) => 0,
            Err(error) => panic!("{error}"),
        }
    };
    let sweepers: i32 = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(adopt)).collect();
        threads.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(sweepers, 1);
}

#[test]
fn looking_at_a_lease_does_not_keep_anyone_from_sweeping_it() {
    let home = Home::new();
    drop(home.store.take(lease("l"), &baseline(&[])).unwrap());
    thread::scope(|scope| {
        let looking = scope.spawn(|| {
            for _ in 0..2000 {
                standing(&home.store, "l");
            }
        });
        while !looking.is_finished() {
            assert!(home.store.adopt("l", &host()).unwrap().is_some());
        }
    });
}

#[test]
fn who_looks_at_a_lease_is_not_taken_for_its_holder() {
    let home = Home::new();
    drop(home.store.take(lease("l"), &baseline(&[])).unwrap());
    let (lease, host) = (home.store.read("l").unwrap(), host());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5000 {
                    assert_eq!(home.store.standing(&lease, &host), Standing::Over);
                }
            });
        }
    });
}
