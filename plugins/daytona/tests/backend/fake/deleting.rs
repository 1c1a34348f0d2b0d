//! Deleting sandboxes, and stopping them: what is asked for, what is accepted, and what is gone.

use std::time::Duration;

use tbengine_fake_daytona::{Desired, Runner, RunnerTimes, Settings, State as Raw, sandbox};
use tbengine_sdk::{Backend, Error, ErrorKind, State, StopOptions, Taken};

use crate::fake::world::{FORCE, GENTLE, World, fast};

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

fn is_surrendered(answer: &Result<Taken, Error>) -> bool {
    matches!(answer, Ok(Taken::Surrendered { message }) if message.contains("only hides it"))
}

#[tokio::test]
async fn what_is_in_error_is_hidden_and_that_is_all() {
    for raw in [Raw::Error, Raw::BuildFailed] {
        let world = World::new(fast()).await;
        let one = world.put(sandbox().state(raw)).await;
        let answer = world.backend.delete(&one.identity, FORCE).await;
        assert!(is_surrendered(&answer), "{answer:?}");
        assert_eq!(world.destroyed(), [""; 0]);
    }
}

#[tokio::test]
async fn each_state_answers_a_deletion_as_it_was_measured() {
    for (raw, pending, want) in [
        (Raw::Started, false, Ok(())),
        (Raw::Stopped, false, Ok(())),
        (Raw::Paused, false, Ok(())),
        (Raw::Archived, false, Ok(())),
        (Raw::PendingBuild, false, Ok(())),
        (Raw::Creating, true, Err(ErrorKind::Transient)),
        (Raw::Starting, true, Err(ErrorKind::Transient)),
        (Raw::Stopping, true, Err(ErrorKind::Transient)),
        (Raw::Resizing, true, Err(ErrorKind::Transient)),
        (Raw::Stopping, false, Err(ErrorKind::Transient)),
    ] {
        let world = World::new(fast()).await;
        let one = world.put(sandbox().state(raw).pending(pending)).await;
        let answer = world.backend.delete(&one.identity, FORCE).await;
        let kind = answer.clone().map(drop).map_err(|error| error.kind);
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
    assert!(is_surrendered(&answer), "{answer:?}");
    assert_eq!(world.fake.record().hidden.len(), 1);
    let read = world.backend.get(&one.identity).await.unwrap().unwrap();
    assert_eq!(read.attrs.get("hidden"), Some("true"));
    assert!(read.surrendered);
    assert_eq!(read.identity, one.identity);
    let listed = world.sandboxes(200).await.unwrap();
    assert_eq!(listed[0].attrs.get("hidden"), Some("true"));
    // A second run deletes nothing and says the same.
    for options in [GENTLE, FORCE] {
        let again = world.backend.delete(&one.identity, options).await;
        assert!(is_surrendered(&again), "{again:?}");
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
    assert!(is_surrendered(&answer), "{answer:?}");
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
        let gently = StopOptions::ASK;
        world.backend.stop(&one.identity, gently).await.unwrap();
        // It is ending already, and that is as good.
        world.backend.stop(&one.identity, gently).await.unwrap();
    }
    world.until(&kept.identity, Some(State::Stopped)).await;
    world.until(&ephemeral.identity, None).await;
    assert_eq!(world.destroyed(), [ephemeral.identity.native]);
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
    let stop = StopOptions::FORCE;
    let stopped = world.backend.stop(&one.identity, stop).await.unwrap_err();
    assert_eq!(stopped.kind, ErrorKind::NotFound);
    assert_eq!(world.state(&decoy.identity).await, Some(State::Running));
}

#[tokio::test]
async fn what_someone_else_deletes_is_in_progress() {
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
