//! Both sides as they are: the engine's of the host, the sdk's of the plugin.

use std::time::Duration;

use serde_json::json;
use tbengine_plugin_tests::rough::sandbox;
use tbengine_sdk::{ErrorKind, Kind, ListRequest, StopOptions};

use crate::listening::was_logged;
use crate::support::{both, open_honest, until};

/// Fewer under Miri, which is some hundred times slower.
const CALLS: usize = if cfg!(miri) { 10 } else { 2000 };

#[tokio::test(flavor = "multi_thread")]
async fn every_method_arrives_and_errors_keep_what_they_say() {
    let config = json!({ "resources": 3, "farewell": "after every method" });
    let (channel, backend) = both(open_honest(config).unwrap());
    assert_eq!(&*backend.check().await.unwrap().id, "rough");
    let page = backend.list(ListRequest::first(Kind::SANDBOX)).await;
    assert_eq!(page.unwrap().resources.len(), 3);
    let target = sandbox("sb-7");
    let read = backend.get(&target).await.unwrap().unwrap();
    assert_eq!(read.name, "sandbox 7");
    let error = backend.stop(&target, StopOptions::default()).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind, ErrorKind::RateLimited);
    assert_eq!(error.retry_after, Some(Duration::from_millis(1500)));
    for (method, request, kind) in [
        (&b""[..], &b""[..], ErrorKind::Unsupported),
        (b"no-such-method", b"{}", ErrorKind::Unsupported),
        (b"list", b"", ErrorKind::Invalid),
    ] {
        let error = channel.send(method, request.to_vec()).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
    }
    assert_eq!((channel.pending(), channel.unsolicited()), (0, 0));
    drop((channel, backend));
    until("it is closed", || was_logged("after every method"));
}

#[tokio::test(flavor = "multi_thread")]
async fn panics_are_answers_and_are_logged() {
    let error = open_honest(json!({ "panic-on-open": true })).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Internal);
    let config = json!({
        "panic-on-check": true, "panic-on-drop": true, "farewell": "after panics",
    });
    let (_, backend) = both(open_honest(config).unwrap());
    for _ in 0..2 {
        let error = backend.check().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Internal);
        assert!(error.message.contains("as it was told"), "{error}");
    }
    backend
        .delete(&sandbox("sb-1"), tbengine_sdk::DeleteOptions::GENTLE)
        .await
        .unwrap();
    drop(backend);
    until("it is closed", || was_logged("after panics"));
    assert!(was_logged("rough.rs"));
}

#[tokio::test(flavor = "multi_thread")]
async fn futures_that_are_dropped_at_any_time_end_the_work_and_leave_nothing_owed() {
    let config = json!({ "takes-ms": 3_600_000, "farewell": "after dropping" });
    let (channel, backend) = both(open_honest(config).unwrap());
    let calls: Vec<_> = (0..CALLS.min(200))
        .map(|turn| {
            let backend = backend.clone();
            tokio::spawn(async move {
                let call = backend.list(ListRequest::first(Kind::SANDBOX));
                let patience = Duration::from_millis(turn as u64 % 5);
                tokio::time::timeout(patience, call).await.is_err()
            })
        })
        .collect();
    for call in calls {
        assert!(call.await.unwrap());
    }
    until("nothing is owed", || channel.pending() == 0);
    assert_eq!(channel.unsolicited(), 0);
    assert_eq!(
        backend.check().await.unwrap().description,
        "0 calls under way"
    );
    drop((channel, backend));
    until("it is closed", || was_logged("after dropping"));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_at_once_are_answered_once_each_and_another_backend_closes_meanwhile() {
    let config = json!({ "takes-ms": 1, "farewell": "after many" });
    let (channel, backend) = both(open_honest(config).unwrap());
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..CALLS {
        let backend = backend.clone();
        calls.spawn(async move {
            let read = backend.get(&sandbox(&format!("sb-{number}"))).await;
            read.unwrap().unwrap().name == format!("sandbox {number}")
        });
        if number % 10 == 0 {
            drop(open_honest(json!({})).unwrap());
        }
    }
    while let Some(right) = calls.join_next().await {
        assert!(right.unwrap());
    }
    assert_eq!((channel.pending(), channel.unsolicited()), (0, 0));
    drop((channel, backend));
    until("it is closed", || was_logged("after many"));
}
