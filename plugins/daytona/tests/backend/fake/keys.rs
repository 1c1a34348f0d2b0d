//! Keys that may not do everything, or nothing any more.

use tbengine_fake_daytona::{permission, sandbox};
use tbengine_sdk::{Backend, ErrorKind, Kind, ListRequest, StopOptions};

use crate::fake::world::{FORCE, World, fast, open};

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
            .list(ListRequest::first(Kind::VOLUME))
            .await
            .unwrap()
            .resources
            .is_empty()
    );
    narrow
        .stop(&one.identity, StopOptions::FORCE)
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
            .list(ListRequest::first(Kind::SANDBOX))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    }
    assert_eq!(world.fake.record().requests.len(), 1);
    // So a good key from the same address still works.
    world.backend.check().await.unwrap();
}
