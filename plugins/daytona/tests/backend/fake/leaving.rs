//! Sandboxes on their way out: listings that lag behind, and one poller for many.

use std::time::Duration;

use tbengine_fake_daytona::{Listing, Runner, Settings, State as Raw, sandbox};
use tbengine_sdk::{Backend, Identity, Kind, Resource, State};

use crate::fake::world::{FORCE, GENTLE, World, fast};

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
        kind: Kind::SANDBOX,
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
