//! How often the service may be called, and what it says about that.

use std::sync::Arc;
use std::time::Duration;

use tbengine_fake_daytona::{RetryAfter, Settings, Throttle, Throttles, sandbox};
use tbengine_sdk::{Backend, ErrorKind};

use crate::fake::world::{FORCE, World, fast, open};

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
