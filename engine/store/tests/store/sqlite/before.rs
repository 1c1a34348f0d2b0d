//! A state directory as the first version wrote it: its files stay readable, and can be gone on with.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt};
use std::path::Path;

use tbengine_engine::clock::RunClock;
use tbengine_engine::report::StepResult;
use tbengine_store::{
    Entry, LeaseStatus, Leases as _, Parked as _, RunState, Runs as _, SqliteStore,
};
use tempfile::TempDir;

use crate::support::{NOW, container, host, host_of, seconds};
use crate::world::HOUR;

/// A copy of what was written before, and of nobody else's business.
fn copied() -> (TempDir, SqliteStore) {
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("state");
    copy(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/sqlite/before"),
        &state,
    );
    let store = SqliteStore::open(&state, &host(9)).unwrap().unwrap();
    (home, store)
}

fn copy(from: &Path, to: &Path) {
    fs::DirBuilder::new().mode(0o700).create(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
            fs::set_permissions(&target, PermissionsExt::from_mode(0o600)).unwrap();
        }
    }
}

#[tokio::test]
async fn its_runs_are_read_and_gone_on_with() {
    let (_home, store) = copied();
    let newest = store.newest(usize::MAX).await.unwrap();
    let records: Vec<_> = newest.into_iter().map(Result::unwrap).collect();
    let runs: Vec<&str> = records.iter().map(|record| &*record.run).collect();
    assert_eq!(runs, ["run-2", "run-1"]);
    assert_eq!(records[0].state(NOW, HOUR), RunState::Finished);
    let cut_off = &records[1];
    assert_eq!(cut_off.state(NOW, HOUR), RunState::Crashed);
    let step = |name: &str| {
        let steps = &cut_off.plan.steps;
        let place = steps.iter().position(|step| step.name == name);
        &cut_off.steps[place.unwrap()]
    };
    let result = |name| step(name).outcome.as_ref().map(|outcome| outcome.result);
    assert_eq!(result("good"), Some(StepResult::Deleted));
    assert_eq!(result("bad"), Some(StepResult::Failed));
    assert_eq!(result("hung"), None);
    assert!(step("hung").unknown);

    let claimed = store.reopen("run-1").await.unwrap();
    let left = claimed.record().left();
    assert_eq!(left.steps.len(), 1);
    let clock = RunClock::starting_at(NOW);
    drop(claimed.resume(&left, clock).await.unwrap());
    let rows = store.record("run-1").await.unwrap().rows;
    assert!(
        matches!(rows.last().unwrap().entry, Entry::Began { fence: 3, .. }),
        "{rows:?}"
    );
}

#[tokio::test]
async fn what_failed_in_it_is_parked() {
    let (_home, store) = copied();
    let parked = store.parked(1).await.unwrap();
    let [entry] = &parked.values().collect::<Vec<_>>()[..] else {
        panic!("{parked:?}");
    };
    assert_eq!((entry.runs, &*entry.last_run), (1, "run-2"));
    assert!(entry.reason.contains("cannot be done"));
}

#[tokio::test]
async fn its_leases_are_read_and_swept() {
    let (home, store) = copied();
    let all = store.all().await.unwrap();
    let all: Vec<_> = all.into_iter().map(Result::unwrap).collect();
    let standings: Vec<_> = all.iter().map(|one| (&*one.lease.id, one.status)).collect();
    assert_eq!(
        standings,
        [
            ("ended", LeaseStatus::Ended),
            ("held", LeaseStatus::Over),
            ("timed", LeaseStatus::Live),
        ]
    );
    assert_eq!(all[2].left, Some(seconds(10)));
    let later = SqliteStore::open(&home.path().join("state"), &host_of("boot-2", 1));
    let timed = later.unwrap().unwrap().lease("timed").await.unwrap();
    assert_eq!(timed.status, LeaseStatus::Over, "the host was started anew");

    let mut held = store.adopt("held").await.unwrap().unwrap();
    let terms = &held.lease().terms;
    assert_eq!(terms.program.as_deref(), Some("harbor"));
    assert_eq!(terms.filters.len(), 1);
    let baseline = held.baseline().await.unwrap();
    assert!(baseline.has(&container("a").identity));
    assert!(!baseline.has(&container("b").identity));
    let seen = held.observed().await.unwrap();
    // By kind and name alone nothing is the same any more.
    assert_eq!(seen, HashSet::new());
    held.end(NOW).await.unwrap();
    assert_eq!(
        store.lease("held").await.unwrap().status,
        LeaseStatus::Ended
    );
}

#[tokio::test]
async fn what_is_written_now_has_the_same_form() {
    let (home, store) = copied();
    let path = home.path().join("state/leases/timed.json");
    let before = fs::read_to_string(&path).unwrap();
    let renewed = store.renew("timed").await.unwrap();
    assert_eq!(renewed.left, Some(seconds(10)));
    // No time has passed since, so nothing differs.
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
}
