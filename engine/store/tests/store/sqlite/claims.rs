//! Who holds a lease by the kernel's lock, and how its time is counted.

use std::process::{Command, Stdio};
use std::time::Duration;

use tbengine_store::{LeaseStatus, Store, StoreError};

use crate::support::{Home, baseline, host_of, lease, pass, seconds, status, timed};

#[tokio::test]
async fn it_is_live_as_long_as_any_process_has_its_lock() {
    let home = Home::new();
    let store: &dyn Store = &home.store;
    let held = store.take(lease("l"), &baseline(&[])).await.unwrap();
    let mut other = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(held.share().unwrap().into_stdio())
        .spawn()
        .unwrap();
    assert_eq!(status(store, "l").await, LeaseStatus::Live);
    drop(held);
    assert_eq!(
        status(store, "l").await,
        LeaseStatus::Live,
        "the other has it"
    );
    let adopted = store.adopt("l").await;
    assert!(matches!(adopted, Err(StoreError::Held { id }) if id == "l"));
    assert!(matches!(
        store.release("l").await,
        Err(StoreError::Held { .. })
    ));
    // As suddenly as can be.
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(status(store, "l").await, LeaseStatus::Over);
    assert!(store.adopt("l").await.unwrap().is_some());
}

#[tokio::test]
async fn time_is_counted_by_the_uptime_and_ends_with_the_host() {
    let home = Home::new();
    let store: &dyn Store = &home.store;
    store
        .take(timed("l", seconds(10)), &baseline(&[]))
        .await
        .unwrap();
    pass(seconds(10) - Duration::from_millis(1));
    assert_eq!(status(store, "l").await, LeaseStatus::Live);
    assert!(matches!(
        store.adopt("l").await,
        Err(StoreError::Held { .. })
    ));
    let rebooted = home.store_of(&host_of("boot-2", 1));
    assert_eq!(status(&rebooted, "l").await, LeaseStatus::Over);
    pass(Duration::from_millis(1));
    assert_eq!(status(store, "l").await, LeaseStatus::Over);
    assert!(store.adopt("l").await.unwrap().is_some());
}
