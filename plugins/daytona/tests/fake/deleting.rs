//! The backend on the fake service, whose record knows what really happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tbengine_daytona::Daytona;
use tbengine_fake_daytona::{
    Desired, FakeDaytona, Fault, FaultPlan, Fields, Listing, Make, Rate, RetryAfter, Runner,
    RunnerTimes, Scripted, Settings, SnapshotState, State as Raw, Throttle, Throttles, VolumeState,
    permission, sandbox,
};
use tbengine_sdk::{
    Backend, DeleteOptions, ErrorKind, Identity, Kind, ListRequest, OpenRequest, Owner, Resource,
    Result, State, StopOptions, Timestamp,
};

const FORCE: DeleteOptions = DeleteOptions::FORCE;
const GENTLE: DeleteOptions = DeleteOptions::GENTLE;

struct World {
    fake: FakeDaytona,
    backend: Daytona,
}

fn fast() -> Settings {
    Settings {
        runner: RunnerTimes {
            pick_up: Duration::from_millis(5),
            stop: Duration::from_millis(20),
            destroy: Duration::from_millis(30),
            ..RunnerTimes::default()
        },
        ..Settings::default()
    }
}

fn open(fake: &FakeDaytona, key: &str) -> Daytona {
    Daytona::open(OpenRequest {
        name: "cloud".into(),
        config: json!({ "api-url": fake.url(), "call-timeout": "5s" }),
        environment: Arc::new(BTreeMap::from([(
            "DAYTONA_API_KEY".to_owned(),
            key.to_owned(),
        )])),
        now: Timestamp::from_unix_seconds(1_800_000_000),
    })
    .unwrap()
}

impl World {
    async fn new(settings: Settings) -> Self {
        let fake = FakeDaytona::start(settings).await.unwrap();
        let backend = open(&fake, &fake.key());
        Self { fake, backend }
    }

    /// Puts a sandbox there, and answers how it is listed.
    async fn put(&self, make: Make) -> Resource {
        let id = self.fake.put(make);
        let all = self.sandboxes(200).await.unwrap();
        all.into_iter()
            .find(|found| found.identity.native == id)
            .unwrap()
    }

    async fn sandboxes(&self, page_size: usize) -> Result<Vec<Resource>> {
        let mut request = ListRequest {
            page_size,
            ..ListRequest::first(Kind::Sandbox)
        };
        let mut all = Vec::new();
        loop {
            let page = self.backend.list(request.clone()).await?;
            all.extend(page.resources);
            match page.next {
                Some(next) => request.cursor = Some(next),
                None => return Ok(all),
            }
        }
    }

    async fn state(&self, target: &Identity) -> Option<State> {
        let found = self.backend.get(target).await.unwrap();
        found.map(|found| found.state)
    }

    /// Reads until the answer is as expected.
    async fn until(&self, target: &Identity, expected: Option<State>) {
        for _ in 0..1000 {
            if self.state(target).await == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{} is {:?}", target.id(), self.state(target).await);
    }

    fn next(&self, method: &str, path: &str, fault: Fault) {
        self.fake.set_faults(FaultPlan {
            script: vec![Scripted::next(method, path, fault)],
            ..FaultPlan::default()
        });
    }

    fn destroyed(&self) -> Vec<String> {
        let record = self.fake.record();
        record
            .destroyed_by_callers()
            .into_iter()
            .map(str::to_owned)
            .collect()
    }
}

#[tokio::test]
async fn every_page_size_shows_every_sandbox_once() {
    let world = World::new(Settings {
        sandboxes: 450,
        ..fast()
    })
    .await;
    let live: BTreeSet<String> = world.fake.live().into_iter().collect();
    for page_size in [1000, 200, 7] {
        let listed = world.sandboxes(page_size).await.unwrap();
        assert_eq!(listed.len(), 450);
        let ids: BTreeSet<String> = listed.into_iter().map(|one| one.identity.native).collect();
        assert_eq!(ids, live);
    }
    let listed = world.sandboxes(200).await.unwrap();
    let of_harbor = listed
        .iter()
        .filter(|one| one.owner == Owner::Benchmark("harbor".into()));
    assert!(of_harbor.count() > 400);
    // A create that was repeated: several live sandboxes of one unit.
    let mut units: BTreeMap<&str, usize> = BTreeMap::new();
    for unit in listed.iter().filter_map(|one| one.unit.as_ref()) {
        *units.entry(&unit.0).or_default() += 1;
    }
    assert!(units.values().any(|count| *count == 3));
}

#[tokio::test]
async fn odd_fields_and_old_servers_are_survived() {
    for listing in [Listing::Cursor, Listing::BareArray] {
        let world = World::new(Settings {
            sandboxes: 300,
            odd_fields: 0.5,
            listing,
            ..fast()
        })
        .await;
        let listed = world.sandboxes(200).await.unwrap();
        assert_eq!(listed.len(), 300);
        for one in listed
            .iter()
            .filter(|one| one.state == State::Unknown)
            .take(3)
        {
            let read = world.backend.get(&one.identity).await.unwrap().unwrap();
            assert_eq!(read.identity, one.identity);
        }
    }
    let world = World::new(fast()).await;
    let frozen = world
        .put(sandbox().fields(Fields::State("frozen".into())))
        .await;
    assert_eq!(frozen.state, State::Unknown);
    let bare = world.put(sandbox().fields(Fields::Missing)).await;
    assert_eq!((bare.state, bare.identity.created), (State::Unknown, None));
}

#[tokio::test]
async fn deleting_while_paging_misses_nothing() {
    let world = World::new(Settings {
        sandboxes: 500,
        ..fast()
    })
    .await;
    let mut request = ListRequest {
        page_size: 100,
        ..ListRequest::first(Kind::Sandbox)
    };
    let mut seen = 0;
    loop {
        let page = world.backend.list(request.clone()).await.unwrap();
        seen += page.resources.len();
        for one in &page.resources {
            // What cannot be deleted just now is not what this test is about.
            let _answer = world.backend.delete(&one.identity, FORCE).await;
        }
        match page.next {
            Some(next) => request.cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, 500);
}

#[tokio::test]
async fn a_deletion_is_accepted_then_seen_then_done() {
    let world = World::new(fast()).await;
    let one = world.put(sandbox().state(Raw::Stopped)).await;
    world.backend.delete(&one.identity, GENTLE).await.unwrap();
    assert_eq!(world.state(&one.identity).await, Some(State::Removing));
    let again = world
        .backend
        .delete(&one.identity, FORCE)
        .await
        .unwrap_err();
    assert_eq!(again.kind, ErrorKind::InProgress);
    world.until(&one.identity, None).await;
    assert_eq!(
        world.destroyed(),
        std::slice::from_ref(&one.identity.native)
    );
    let late = world
        .backend
        .delete(&one.identity, FORCE)
        .await
        .unwrap_err();
    assert_eq!(late.kind, ErrorKind::NotFound);
    // One DELETE only: the others were settled by a read.
    assert_eq!(world.fake.record().count("DELETE", "/sandbox/"), 1);
}

#[tokio::test]
async fn each_state_answers_a_deletion_as_it_was_measured() {
    for (raw, pending, want) in [
        (Raw::Started, false, Ok(())),
        (Raw::Stopped, false, Ok(())),
        (Raw::Paused, false, Ok(())),
        (Raw::Archived, false, Ok(())),
        (Raw::PendingBuild, false, Ok(())),
        (Raw::Error, false, Err(ErrorKind::Stuck)),
        (Raw::BuildFailed, false, Err(ErrorKind::Stuck)),
        (Raw::Creating, true, Err(ErrorKind::Transient)),
        (Raw::Starting, true, Err(ErrorKind::Transient)),
        (Raw::Stopping, true, Err(ErrorKind::Transient)),
        (Raw::Resizing, true, Err(ErrorKind::Transient)),
        (Raw::Stopping, false, Err(ErrorKind::Transient)),
    ] {
        let world = World::new(fast()).await;
        let one = world.put(sandbox().state(raw).pending(pending)).await;
        let answer = world.backend.delete(&one.identity, FORCE).await;
        let kind = answer.clone().map_err(|error| error.kind);
        assert_eq!(kind, want, "{raw:?} {pending} {answer:?}");
        match want {
            Ok(()) => {
                world.until(&one.identity, None).await;
                assert_eq!(world.destroyed().len(), 1, "{raw:?}");
            }
            Err(_) => assert_eq!(world.destroyed(), [""; 0], "{raw:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_only_hidden_is_never_called_gone() {
    let world = World::new(fast()).await;
    let one = world.put(sandbox().state(Raw::Error)).await;
    let answer = world.backend.delete(&one.identity, GENTLE).await;
    assert_eq!(answer.unwrap_err().kind, ErrorKind::Stuck);
    assert_eq!(world.fake.record().hidden.len(), 1);
    let read = world.backend.get(&one.identity).await.unwrap().unwrap();
    assert_eq!(read.attrs.get("hidden"), Some("true"));
    assert_eq!(read.identity, one.identity);
    let listed = world.sandboxes(200).await.unwrap();
    assert_eq!(listed[0].attrs.get("hidden"), Some("true"));
    // A second run deletes nothing and says the same.
    for options in [GENTLE, FORCE] {
        let again = world.backend.delete(&one.identity, options).await;
        assert_eq!(again.unwrap_err().kind, ErrorKind::Stuck);
    }
    assert_eq!(world.fake.record().count("DELETE", "/sandbox/"), 1);
}

#[tokio::test]
async fn a_destroy_that_fails_later_is_not_taken_for_one_that_worked() {
    let world = World::new(fast()).await;
    let runner = Runner::Fails("no space left on device".into());
    let one = world.put(sandbox().runner(runner)).await;
    world.backend.delete(&one.identity, FORCE).await.unwrap();
    world.until(&one.identity, Some(State::Failed)).await;
    let answer = world.backend.delete(&one.identity, FORCE).await;
    assert_eq!(answer.unwrap_err().kind, ErrorKind::Stuck);
    assert_eq!(world.destroyed(), [""; 0]);
}

#[tokio::test]
async fn forks_are_deleted_before_what_they_were_forked_from() {
    let world = World::new(fast()).await;
    let parent = world.put(sandbox()).await;
    let child = world.put(sandbox().fork_of(&parent.identity.native)).await;
    let error = world
        .backend
        .delete(&parent.identity, FORCE)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Dependency);
    world.backend.delete(&child.identity, FORCE).await.unwrap();
    world.backend.delete(&parent.identity, FORCE).await.unwrap();
    world.until(&parent.identity, None).await;
    world.until(&child.identity, None).await;
}

#[tokio::test]
async fn a_stop_stops_and_deletes_what_is_ephemeral() {
    let world = World::new(fast()).await;
    let kept = world.put(sandbox()).await;
    let ephemeral = world.put(sandbox().ephemeral()).await;
    assert_eq!(ephemeral.attrs.get("ephemeral"), Some("true"));
    for one in [&kept, &ephemeral] {
        let gently = StopOptions { force: false };
        world.backend.stop(&one.identity, gently).await.unwrap();
        // It is ending already, and that is as good.
        world.backend.stop(&one.identity, gently).await.unwrap();
    }
    world.until(&kept.identity, Some(State::Stopped)).await;
    world.until(&ephemeral.identity, None).await;
    assert_eq!(world.destroyed(), [ephemeral.identity.native]);
}

#[tokio::test]
async fn a_key_that_may_not_delete_is_known_before_and_may_still_stop() {
    let world = World::new(fast()).await;
    world.fake.with(|cloud, _| {
        let held = [permission::WRITE_SANDBOXES];
        cloud.accounts.add_key("dtn_narrow", "narrow", 0, &held);
    });
    let one = world.put(sandbox().ephemeral()).await;
    let narrow = open(&world.fake, "dtn_narrow");
    let account = narrow.check().await.unwrap();
    assert!(
        account
            .warnings
            .iter()
            .any(|warning| warning.contains("delete:sandboxes")),
        "{account:?}"
    );
    let error = narrow.delete(&one.identity, FORCE).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Forbidden);
    assert!(
        narrow
            .list(ListRequest::first(Kind::Volume))
            .await
            .unwrap()
            .resources
            .is_empty()
    );
    narrow
        .stop(&one.identity, StopOptions { force: true })
        .await
        .unwrap();
    world.until(&one.identity, None).await;
}

#[tokio::test]
async fn a_refused_key_is_sent_once() {
    let world = World::new(fast()).await;
    let refused = open(&world.fake, "dtn_revoked");
    for _ in 0..20 {
        let error = refused
            .list(ListRequest::first(Kind::Sandbox))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    }
    assert_eq!(world.fake.record().requests.len(), 1);
    // So a good key from the same address still works.
    world.backend.check().await.unwrap();
}

#[tokio::test]
async fn a_name_that_is_free_again_may_mean_another_sandbox() {
    let world = World::new(fast()).await;
    let one = world.put(sandbox()).await;
    world.backend.delete(&one.identity, FORCE).await.unwrap();
    world.until(&one.identity, None).await;
    let decoy = world.put(sandbox().name(&one.identity.native)).await;
    assert_eq!(world.state(&one.identity).await, None);
    let deleted = world
        .backend
        .delete(&one.identity, FORCE)
        .await
        .unwrap_err();
    assert_eq!(deleted.kind, ErrorKind::NotFound);
    let stop = StopOptions { force: true };
    let stopped = world.backend.stop(&one.identity, stop).await.unwrap_err();
    assert_eq!(stopped.kind, ErrorKind::NotFound);
    assert_eq!(world.state(&decoy.identity).await, Some(State::Running));
}

#[tokio::test]
async fn a_listing_that_lags_behind_does_not_bring_back_what_is_gone() {
    let world = World::new(Settings {
        list_lag: Duration::from_secs(3),
        ..fast()
    })
    .await;
    // Created long ago, as far as the listing knows.
    let id = world.fake.put(sandbox().state(Raw::Stopped));
    let account = world.backend.check().await.unwrap().id;
    let target = Identity {
        backend: "cloud".into(),
        account,
        kind: Kind::Sandbox,
        native: id,
        created: None,
    };
    world.backend.delete(&target, GENTLE).await.unwrap();
    let mut was_gone = false;
    for _ in 0..200 {
        let is_there = world.backend.get(&target).await.unwrap().is_some();
        assert!(!(was_gone && is_there), "it came back");
        was_gone |= !is_there;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(was_gone);
}

#[tokio::test]
async fn a_lost_reply_to_a_deletion_leaves_a_deletion() {
    let world = World::new(fast()).await;
    let one = world.put(sandbox()).await;
    for (fault, kind) in [
        (Fault::LostRequest, ErrorKind::Unavailable),
        (Fault::Gateway, ErrorKind::Unavailable),
        (Fault::Maintenance, ErrorKind::Unavailable),
        (Fault::Status(500), ErrorKind::Transient),
        (Fault::Status(504), ErrorKind::Transient),
        (Fault::TooManyRequests, ErrorKind::RateLimited),
        (Fault::ErrorWithSuccess, ErrorKind::Transient),
        (Fault::Redirect, ErrorKind::Invalid),
        (Fault::LostReply, ErrorKind::Unavailable),
    ] {
        world.next("DELETE", "/sandbox/", fault);
        let error = world
            .backend
            .delete(&one.identity, FORCE)
            .await
            .unwrap_err();
        assert_eq!(error.kind, kind, "{fault:?}: {error}");
        if fault == Fault::TooManyRequests {
            // What a gateway asks for holds for every request.
            tokio::time::sleep(error.retry_after.unwrap()).await;
        }
    }
    world.until(&one.identity, None).await;
    assert_eq!(world.destroyed(), [one.identity.native]);
}

#[tokio::test]
async fn broken_answers_to_a_read_prove_nothing() {
    let world = World::new(fast()).await;
    let one = world.put(sandbox()).await;
    for (fault, kind) in [
        (Fault::Truncated, ErrorKind::Transient),
        (Fault::CutOff, ErrorKind::Unavailable),
        (Fault::Endless, ErrorKind::Internal),
        (Fault::Hang(100), ErrorKind::Unavailable),
        (Fault::ErrorWithSuccess, ErrorKind::Transient),
        (Fault::Status(404), ErrorKind::Invalid),
        (Fault::Redirect, ErrorKind::Invalid),
    ] {
        world.next("GET", "/sandbox/", fault);
        match world.backend.get(&one.identity).await {
            Err(error) => assert_eq!(error.kind, kind, "{fault:?}: {error}"),
            // The service itself cannot say 404 of what is there, and then nothing can be known.
            Ok(found) => assert_eq!((fault, found), (Fault::Status(404), None)),
        }
    }
}

#[tokio::test]
async fn the_limits_are_kept_without_being_refused() {
    let limit = Throttle {
        limit: 50,
        window: Duration::from_secs(1),
    };
    let world = World::new(Settings {
        sandboxes: 0,
        throttles: Throttles {
            sandbox_lifecycle: Some(limit),
            ..Throttles::default()
        },
        ..fast()
    })
    .await;
    let mut targets = Vec::new();
    for _ in 0..150 {
        world.fake.put(sandbox());
    }
    targets.extend(world.sandboxes(200).await.unwrap());
    let world = Arc::new(world);
    let mut calls = tokio::task::JoinSet::new();
    let places = Arc::new(tokio::sync::Semaphore::new(16));
    for target in targets {
        let (world, places) = (world.clone(), places.clone());
        calls.spawn(async move {
            let _place = places.acquire().await.unwrap();
            world.backend.delete(&target.identity, FORCE).await
        });
    }
    while let Some(answer) = calls.join_next().await {
        answer.unwrap().unwrap();
    }
    let throttled: Vec<_> = world.fake.record().throttlers.into_iter().collect();
    let (refused, passed) = throttled
        .iter()
        .filter(|(name, _)| name.contains("lifecycle"))
        .fold((0, 0), |sum, (_, one)| {
            (sum.0 + one.refused, sum.1 + one.passed)
        });
    assert_eq!((refused, passed), (0, 150), "{throttled:?}");
}

#[tokio::test]
async fn every_form_of_a_refusal_says_how_long_to_wait() {
    for form in [
        RetryAfter::Suffixed,
        RetryAfter::Plain,
        RetryAfter::Milliseconds,
        RetryAfter::Date,
        RetryAfter::Nothing,
    ] {
        let world = World::new(Settings {
            retry_after: form,
            throttles: Throttles {
                sandbox_lifecycle: Some(Throttle {
                    limit: 1,
                    window: Duration::from_secs(20),
                }),
                ..Throttles::default()
            },
            ..fast()
        })
        .await;
        let (one, two) = (world.put(sandbox()).await, world.put(sandbox()).await);
        world.backend.delete(&one.identity, FORCE).await.unwrap();
        // Another process of the same organization: it knows nothing of the first one's request.
        let other = open(&world.fake, &world.fake.key());
        let error = other.delete(&two.identity, FORCE).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::RateLimited, "{form:?}");
        let wait = error.retry_after.map(|wait| wait.as_secs());
        match form {
            RetryAfter::Nothing => assert_eq!(wait, None),
            _ => assert!(
                wait.is_some_and(|wait| (18..=21).contains(&wait)),
                "{form:?} {wait:?}"
            ),
        }
        // The first one saw that nothing was left, and asks for nothing.
        let error = world
            .backend
            .delete(&two.identity, FORCE)
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::RateLimited, "{form:?}");
        assert_eq!(world.fake.record().count("DELETE", "/sandbox/"), 2);
    }
}

#[tokio::test]
async fn snapshots_and_volumes_come_and_go() {
    let world = World::new(fast()).await;
    world.fake.with(|cloud, now| {
        cloud.put_snapshot(None, "daytonaio/sandbox:0.5.0", SnapshotState::Active, now);
        for number in 0..450 {
            let name = format!("snapshot-{number}");
            cloud.put_snapshot(Some(0), name, SnapshotState::Active, now);
        }
        cloud.put_volume(0, "data", VolumeState::Ready, now);
    });
    for (kind, count) in [(Kind::Snapshot, 450), (Kind::Volume, 1)] {
        let listed = world.backend.list(ListRequest::first(kind)).await.unwrap();
        assert_eq!((listed.resources.len(), listed.next), (count, None));
        let one = &listed.resources[0];
        assert_eq!(one.state, State::Present);
        world.backend.delete(&one.identity, GENTLE).await.unwrap();
        world.until(&one.identity, None).await;
        let gone = world
            .backend
            .delete(&one.identity, GENTLE)
            .await
            .unwrap_err();
        assert_eq!(gone.kind, ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn a_volume_in_use_waits_for_its_user() {
    let world = World::new(fast()).await;
    let volume = world.fake.with(|cloud, now| {
        cloud
            .put_volume(0, "data", VolumeState::Ready, now)
            .to_string()
    });
    let user = world.put(sandbox().volume(&volume)).await;
    let listed = world
        .backend
        .list(ListRequest::first(Kind::Volume))
        .await
        .unwrap();
    let volume = &listed.resources[0].identity;
    let error = world.backend.delete(volume, GENTLE).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Dependency);
    world.backend.delete(&user.identity, FORCE).await.unwrap();
    world.until(&user.identity, None).await;
    world.backend.delete(volume, GENTLE).await.unwrap();
}

#[tokio::test]
async fn random_faults_lie_about_nothing() {
    let world = World::new(Settings {
        sandboxes: 40,
        ..fast()
    })
    .await;
    let listed = world.sandboxes(200).await.unwrap();
    let faults = [
        Fault::LostRequest,
        Fault::LostReply,
        Fault::Status(500),
        Fault::Gateway,
        Fault::Truncated,
        Fault::CutOff,
        Fault::ErrorWithSuccess,
    ];
    let rate = |fault| Rate {
        fault,
        probability: 0.05,
    };
    world.fake.set_faults(FaultPlan {
        seed: 7,
        rates: faults.map(rate).to_vec(),
        ..FaultPlan::default()
    });
    for one in &listed {
        for _ in 0..20 {
            let _answer = world.backend.delete(&one.identity, FORCE).await;
            let read = world.backend.get(&one.identity).await;
            let truth = world
                .fake
                .with(|cloud, _| cloud.truth(&one.identity.native).is_some());
            if let Ok(None) = read {
                assert!(!truth, "{} was called gone", one.identity.id());
            }
        }
    }
    let destroyed: BTreeSet<String> = world.destroyed().into_iter().collect();
    let named: BTreeSet<String> = listed.into_iter().map(|one| one.identity.native).collect();
    assert!(destroyed.is_subset(&named));
}

#[tokio::test]
async fn what_somebody_else_deletes_is_in_progress() {
    let world = World::new(Settings {
        runner: RunnerTimes {
            destroy: Duration::from_secs(60),
            ..fast().runner
        },
        ..fast()
    })
    .await;
    let one = world
        .put(
            sandbox()
                .state(Raw::Destroying)
                .desired(Desired::Destroyed)
                .pending(true),
        )
        .await;
    assert_eq!(one.state, State::Removing);
    let error = world
        .backend
        .delete(&one.identity, FORCE)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::InProgress);
}

/// Deletes a hundred sandboxes of which one cannot be destroyed and one stays on its way, and looks at
/// all of them until the rest is gone, as the engine does.
async fn delete_a_hundred(settings: Settings) -> (World, Vec<Resource>) {
    let world = World::new(settings).await;
    for number in 0..100 {
        world.fake.put(match number {
            7 => sandbox().runner(Runner::Fails("no space left".into())),
            8 => sandbox().runner(Runner::Away),
            _ => sandbox(),
        });
    }
    // The listing has to show them all first.
    tokio::time::sleep(Duration::from_millis(600)).await;
    let mut pending = world.sandboxes(200).await.unwrap();
    assert_eq!(pending.len(), 100);
    for resource in &pending {
        world
            .backend
            .delete(&resource.identity, FORCE)
            .await
            .unwrap();
    }
    let mut left = Vec::new();
    for _ in 0..100 {
        let mut still = Vec::new();
        left.clear();
        for resource in pending {
            let native = resource.identity.native.clone();
            match world.backend.get(&resource.identity).await.unwrap() {
                None => assert!(world.destroyed().contains(&native), "{native} is not gone"),
                Some(found) => {
                    left.push(found);
                    still.push(resource);
                }
            }
        }
        pending = still;
        if pending.len() <= 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // What has just been seen to leave may not have been looked for among the hidden ones.
    tokio::time::sleep(Duration::from_millis(600)).await;
    let mut left = Vec::new();
    for resource in &pending {
        left.extend(world.backend.get(&resource.identity).await.unwrap());
    }
    (world, left)
}

#[tokio::test]
async fn many_on_their_way_out_share_one_poller() {
    for listing in [Listing::Cursor, Listing::BareArray] {
        let mut settings = fast();
        settings.runner.destroy = Duration::from_millis(700);
        settings.listing = listing;
        let (world, left) = delete_a_hundred(settings).await;
        let states: Vec<(State, Option<&str>)> = left
            .iter()
            .map(|found| (found.state, found.attrs.get("hidden")))
            .collect();
        assert!(
            states.contains(&(State::Failed, Some("true"))),
            "{states:?}"
        );
        assert!(states.contains(&(State::Removing, None)), "{states:?}");
        assert_eq!(states.len(), 2);
        let record = world.fake.record();
        let reads = record.count("GET", "/sandbox/");
        // One before the deletion and one that proves it, and a few for the two that stay.
        assert!((200..240).contains(&reads), "{reads} reads");
        let listings = record.count("GET", "/sandbox?");
        // Without it there would be one for each of them.
        assert!(listings < 80, "{listings} listings");
    }
}

#[tokio::test]
async fn a_shared_listing_that_lags_behind_takes_nothing_for_gone() {
    let mut settings = fast();
    settings.list_lag = Duration::from_millis(400);
    // Its failure comes when the listing has just caught up with its deletion, and lags behind again.
    settings.runner.destroy = Duration::from_millis(900);
    let (world, left) = delete_a_hundred(settings).await;
    let states: Vec<State> = left.iter().map(|found| found.state).collect();
    assert!(states.contains(&State::Failed), "{states:?}");
    assert!(states.contains(&State::Removing), "{states:?}");
    // All of them were destroyed, but the one that failed and the one whose runner is away.
    assert_eq!(world.destroyed().len(), 98);
}
