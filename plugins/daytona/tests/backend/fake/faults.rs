//! What goes wrong on the way, and what it proves.

use std::collections::BTreeSet;

use tbengine_fake_daytona::{Fault, FaultPlan, Rate, Settings, sandbox};
use tbengine_sdk::{Backend, ErrorKind};

use crate::fake::world::{FORCE, World, fast};

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
