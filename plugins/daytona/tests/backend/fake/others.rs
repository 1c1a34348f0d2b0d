//! Snapshots and volumes.

use tbengine_fake_daytona::{SnapshotState, VolumeState, sandbox};
use tbengine_sdk::{Backend, ErrorKind, Kind, ListRequest, State};

use crate::fake::world::{FORCE, GENTLE, World, fast};

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
    for (kind, count) in [(Kind::SNAPSHOT, 450), (Kind::VOLUME, 1)] {
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
        .list(ListRequest::first(Kind::VOLUME))
        .await
        .unwrap();
    let volume = &listed.resources[0].identity;
    let error = world.backend.delete(volume, GENTLE).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Dependency);
    world.backend.delete(&user.identity, FORCE).await.unwrap();
    world.until(&user.identity, None).await;
    world.backend.delete(volume, GENTLE).await.unwrap();
}
