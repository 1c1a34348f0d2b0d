//! The engine over the Daytona backend and the fake service, whose record knows the truth.

mod linked;
mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use tbengine_engine::policy::Verdict;
use tbengine_engine::report::StepResult;
use tbengine_fake_daytona::{
    Fault, FaultPlan, Outage, Rate, Runner, Settings, State as Raw, Throttle, Throttles, permission,
};

use crate::cloud::support::{OneOfEachUnit, World, fast, leaked, outcome, result, source};

#[tokio::test]
async fn every_way_a_sandbox_can_end_is_reported_as_what_it_is() {
    let mut world = World::new(fast()).await;
    world.apply.stuck_after = Duration::from_millis(500);
    world.apply.retry = tbengine_engine::apply::RetrySchedule::Jittered {
        base: Duration::from_millis(5),
        cap: Duration::from_millis(20),
        attempts: 3,
    };
    let fake = &world.fake;
    let running = fake.put(leaked("running").ephemeral());
    let archived = fake.put(leaked("archived").state(Raw::Archived));
    let error = fake.put(leaked("error").state(Raw::Error));
    let wedged = fake.put(leaked("wedged").state(Raw::Stopping).pending(false));
    let away = fake.put(leaked("away").runner(Runner::Away));
    let failing = fake.put(leaked("failing").runner(Runner::Fails("no space left".into())));
    let parent = fake.put(leaked("parent"));
    let child = fake.put(leaked("child").fork_of(&parent));
    let report = world.run().await;
    for id in [&running, &archived, &parent, &child] {
        assert_eq!(result(&report, id), StepResult::Deleted, "{report:?}");
    }
    for id in [&error, &failing] {
        assert_eq!(result(&report, id), StepResult::Surrendered);
        let detail = outcome(&report, id).detail.clone().unwrap();
        assert!(detail.contains("only hides it"), "{detail}");
    }
    assert_eq!(result(&report, &away), StepResult::Stuck);
    let failed = outcome(&report, &wedged);
    assert_eq!((failed.result, failed.attempts), (StepResult::Stuck, 3));
    assert!(failed.hint.as_ref().unwrap().contains("stuck"));
    let destroyed: BTreeSet<String> = world
        .fake
        .record()
        .destroyed_by_callers()
        .into_iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(
        destroyed,
        BTreeSet::from([running, archived, parent, child])
    );
}

#[tokio::test]
async fn what_is_only_hidden_is_no_failure_and_no_candidate_of_the_next_run() {
    let world = World::new(fast()).await;
    let error = world.fake.put(leaked("error").state(Raw::Error));
    let report = world.run().await;
    assert_eq!(result(&report, &error), StepResult::Surrendered);
    assert!(!report.has_failures() && !report.has_deferred());
    let report = world.run().await;
    assert!(report.outcomes.is_empty(), "{report:?}");
    assert_eq!(world.fake.record().count("DELETE", "/sandbox/"), 1);
}

#[tokio::test]
async fn what_may_not_be_deleted_is_stopped_and_denied_and_the_rest_goes_on() {
    let mut world = World::new(fast()).await;
    world.fake.with(|cloud, now| {
        let held = [permission::WRITE_SANDBOXES, permission::DELETE_SNAPSHOTS];
        cloud.accounts.add_key("dtn_narrow", "narrow", 0, &held);
        let state = tbengine_fake_daytona::SnapshotState::Active;
        let long_ago = now.minus(Duration::from_secs(3600));
        cloud.put_snapshot(Some(0), "mine", state, long_ago);
    });
    world.key = "dtn_narrow".into();
    let kept = world.fake.put(leaked("kept"));
    let ephemeral = world.fake.put(leaked("ephemeral").ephemeral());
    let stopped = world.fake.put(leaked("stopped").state(Raw::Stopped));
    let report = world.run().await;
    assert_eq!(result(&report, &ephemeral), StepResult::Deleted);
    for id in [&kept, &stopped] {
        let outcome = outcome(&report, id);
        assert_eq!(outcome.result, StepResult::Denied);
        assert!(outcome.hint.as_ref().unwrap().contains("delete:sandboxes"));
    }
    let snapshots = report
        .outcomes
        .iter()
        .filter(|outcome| outcome.name == "mine" && outcome.result == StepResult::Deleted);
    assert_eq!(snapshots.count(), 1, "{report:?}");
    let state = world
        .fake
        .with(|cloud, _| cloud.truth(&kept).map(|one| one.shown()));
    assert!(
        matches!(state, Some(Raw::Stopped | Raw::Stopping)),
        "{state:?}"
    );
}

#[tokio::test]
async fn archiving_ends_what_runs_first_and_leaves_ephemeral_ones_alone() {
    let mut world = World::new(fast()).await;
    world.verdict = Verdict::Archive {
        reason: "idle".into(),
        grace: Some(Duration::from_secs(5)),
    };
    let fake = &world.fake;
    let running = fake.put(leaked("running"));
    let stopped = fake.put(leaked("stopped").state(Raw::Stopped));
    let archived = fake.put(leaked("archived").state(Raw::Archived));
    let ephemeral = fake.put(leaked("ephemeral").ephemeral());
    let error = fake.put(leaked("error").state(Raw::Error));
    let report = world.run().await;
    for id in [&running, &stopped, &archived] {
        assert_eq!(result(&report, id), StepResult::Archived, "{report:?}");
        let state = fake.with(|cloud, _| cloud.truth(id).map(|one| one.shown()));
        assert_eq!(state, Some(Raw::Archived));
    }
    for (id, why) in [
        (&ephemeral, "stopping deletes them"),
        (&error, "it is error"),
    ] {
        let outcome = outcome(&report, id);
        assert_eq!(outcome.result, StepResult::Failed);
        assert!(
            outcome.detail.as_ref().unwrap().contains(why),
            "{outcome:?}"
        );
    }
    let state = fake.with(|cloud, _| cloud.truth(&ephemeral).map(|one| one.shown()));
    assert_eq!(state, Some(Raw::Started));
    let record = fake.record();
    let posts = |what: &str| {
        let paths = record.requests.iter().map(|request| &request.path);
        paths.filter(|path| path.ends_with(what)).count()
    };
    assert_eq!((posts("/stop"), posts("/archive")), (1, 2));
    assert!(record.destroyed_by_callers().is_empty());
}

#[tokio::test]
async fn stopping_an_ephemeral_one_is_reported_as_the_deletion_that_it_is() {
    let mut world = World::new(fast()).await;
    world.verdict = Verdict::Stop {
        reason: "idle".into(),
        grace: Some(Duration::from_secs(5)),
    };
    let kept = world.fake.put(leaked("kept"));
    let ephemeral = world.fake.put(leaked("ephemeral").ephemeral());
    let report = world.run().await;
    assert_eq!(result(&report, &kept), StepResult::Stopped);
    let outcome = outcome(&report, &ephemeral);
    assert_eq!(outcome.result, StepResult::Deleted);
    assert!(
        outcome
            .detail
            .as_ref()
            .unwrap()
            .contains("removed itself after being stopped")
    );
    assert_eq!(world.fake.live(), [kept]);
}

#[tokio::test]
async fn one_backend_that_refuses_us_does_not_stop_another() {
    let world = World::new(fast()).await;
    let id = world.fake.put(leaked("one"));
    let refused = World::new(fast()).await;
    refused.fake.put(leaked("two"));
    let broken = World::backend("broken", &refused.fake.url(), "dtn_unknown");
    let report = world.run_on(vec![broken, world.cloud()]).await;
    assert_eq!(result(&report, &id), StepResult::Deleted);
    assert_eq!(report.outcomes.len(), 1);
    // Check and three listings, and one refusal all the same.
    assert_eq!(refused.fake.record().requests.len(), 1);
}

#[tokio::test]
async fn a_policy_sees_that_one_session_has_more_than_one_live_sandbox() {
    let world = World::new(fast()).await;
    let aged = |minutes: u64, task: &str| leaked(task).age(Duration::from_secs(60 * minutes));
    // A lost reply to a create, tried again: three live ones, and one that was stopped.
    let oldest = world.fake.put(aged(9, "tried"));
    let older = world.fake.put(aged(8, "tried"));
    let newest = world.fake.put(aged(7, "tried"));
    let stopped = world.fake.put(aged(6, "tried").state(Raw::Stopped));
    let single = world.fake.put(aged(9, "single"));
    let policy = OneOfEachUnit(source("one-of-each-unit"));
    let report = world
        .run_policy(vec![world.cloud()], std::sync::Arc::new(policy))
        .await;
    assert_eq!(report.outcomes.len(), 2);
    for id in [&oldest, &older] {
        assert_eq!(result(&report, id), StepResult::Deleted);
    }
    let live: BTreeSet<String> = world.fake.live().into_iter().collect();
    assert_eq!(live, BTreeSet::from([newest, stopped, single]));
}

/// The rates of the benchmark, at a small part of its size.
#[tokio::test]
async fn a_third_of_all_requests_failing_loses_nothing() {
    for (seed, probability) in [(7, 0.1), (8, 0.3)] {
        let mut settings = fast();
        settings.runner.destroy = Duration::from_millis(10);
        let mut world = World::new(settings).await;
        world.apply.retry = tbengine_engine::apply::RetrySchedule::Jittered {
            base: Duration::from_millis(2),
            cap: Duration::from_millis(100),
            attempts: 8,
        };
        let count = 300;
        for number in 0..count {
            world.fake.put(leaked(&format!("t{number}")));
        }
        let kinds = [
            Fault::Status(500),
            Fault::Status(504),
            Fault::Truncated,
            Fault::ErrorWithSuccess,
        ];
        let rate = |fault| Rate {
            fault,
            probability: probability / kinds.len() as f64,
        };
        world.faults = Some(FaultPlan {
            seed,
            rates: kinds.map(rate).to_vec(),
            ..FaultPlan::default()
        });
        let report = world.run().await;
        assert_eq!(report.outcomes.len(), count, "{probability}");
        let failed = report.outcomes.iter().find(|outcome| {
            !matches!(
                outcome.result,
                StepResult::Deleted | StepResult::AlreadyGone
            )
        });
        assert!(failed.is_none(), "{probability}: {failed:?}");
        assert!(world.fake.live().is_empty());
    }
}

#[tokio::test]
async fn random_faults_and_an_outage_lose_nothing() {
    let mut world = World::new(Settings {
        list_lag: Duration::from_millis(300),
        ..fast()
    })
    .await;
    world.apply.retry = tbengine_engine::apply::RetrySchedule::Jittered {
        base: Duration::from_millis(5),
        cap: Duration::from_millis(50),
        attempts: 8,
    };
    let ids: BTreeSet<String> = (0..300)
        .map(|number| world.fake.put(leaked(&format!("t{number}"))))
        .collect();
    let bystander = world
        .fake
        .put(tbengine_fake_daytona::sandbox().age(Duration::from_secs(3600)));
    tokio::time::sleep(Duration::from_millis(400)).await;
    let rate = |fault| Rate {
        fault,
        probability: 0.02,
    };
    let faults = [
        Fault::LostRequest,
        Fault::LostReply,
        Fault::Status(500),
        Fault::Truncated,
        Fault::ErrorWithSuccess,
    ];
    world.fake.set_faults(FaultPlan {
        seed: 11,
        rates: faults.map(rate).to_vec(),
        outages: vec![Outage {
            from_ms: 300,
            to_ms: 1500,
        }],
        ..FaultPlan::default()
    });
    let report = world.run().await;
    let lost = report.outcomes.iter().find(|outcome| {
        !matches!(
            outcome.result,
            StepResult::Deleted | StepResult::AlreadyGone
        )
    });
    assert!(lost.is_none(), "{:?}: {lost:?}", report.counts());
    assert_eq!(report.outcomes.len(), ids.len());
    // It runs, owner unknown.
    assert_eq!(world.fake.live(), [bystander]);
}

#[tokio::test]
async fn a_limit_of_deletions_costs_no_attempt() {
    let world = World::new(Settings {
        throttles: Throttles {
            sandbox_lifecycle: Some(Throttle {
                limit: 50,
                window: Duration::from_secs(1),
            }),
            ..Throttles::default()
        },
        ..fast()
    })
    .await;
    for number in 0..150 {
        world.fake.put(leaked(&format!("t{number}")));
    }
    let report = world.run().await;
    assert!(
        report
            .outcomes
            .iter()
            .all(|outcome| { outcome.result == StepResult::Deleted && outcome.attempts == 1 }),
        "{report:?}"
    );
    let record = world.fake.record();
    assert_eq!(record.count("DELETE", "/sandbox/"), 150);
    let refused: u64 = record.throttlers.values().map(|one| one.refused).sum();
    assert_eq!(refused, 0);
}
