//! The library in Rust through the C interface: all that its author does not have to think about.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tbengine_plugin_host::{Code, Plugin};
use tbengine_plugin_tests::rough::sandbox;
use tbengine_sdk::{Backend, ErrorKind, Kind, ListRequest, StopOptions};

use crate::listening::{listen, logged, was_logged};
use crate::support::{library, load, open, until};

fn plugin() -> Plugin {
    listen();
    load(Code::Library(library()), Duration::from_secs(60)).expect("the library loads")
}

fn rough(config: serde_json::Value) -> Arc<dyn Backend> {
    open(&plugin(), "rough", config).expect("it opens")
}

#[test]
fn it_says_what_it_is() {
    let descriptor = plugin().descriptor;
    assert_eq!(
        (&*descriptor.name, descriptor.protocol),
        ("tbengine-memory", 2)
    );
    let kinds: Vec<_> = descriptor
        .kinds
        .iter()
        .map(|kind| (&*kind.kind, kind.fixture))
        .collect();
    assert_eq!(kinds, [("memory", true), ("rough", false)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_keep_all_that_they_say() {
    let error = rough(json!({}))
        .stop(&sandbox("sb-1"), StopOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::RateLimited);
    assert_eq!(error.message, "slower, please");
    assert_eq!(error.code.as_deref(), Some("rough:429"));
    assert_eq!(error.retry_after, Some(Duration::from_millis(1500)));
    assert_eq!(error.hint.as_deref(), Some("wait"));
}

#[tokio::test(flavor = "multi_thread")]
async fn panics_are_answers_and_are_logged() {
    let error = open(&plugin(), "rough", json!({ "panic-on-open": true }))
        .err()
        .unwrap();
    assert_eq!(error.kind, ErrorKind::Internal);
    assert!(
        error
            .message
            .contains("panicked during open: as it was told"),
        "{error}"
    );
    let backend = rough(json!({ "panic-on-check": true, "panic-on-drop": true }));
    for _ in 0..3 {
        let error = backend.check().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Internal);
        assert!(error.message.contains("as it was told"), "{error}");
    }
    backend
        .list(ListRequest::first(Kind::SANDBOX))
        .await
        .unwrap();
    drop(backend);
    rough(json!({})).check().await.unwrap();
    assert!(was_logged("rough.rs"), "{:?}", logged());
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_tracing_come_out_at_the_host() {
    rough(json!({})).check().await.unwrap();
    assert!(was_logged("INFO message=checking"), "{:?}", logged());
    assert!(was_logged("\\\"answer\\\":42"), "{:?}", logged());
    assert!(was_logged("tbengine_plugin_tests::rough"), "{:?}", logged());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_future_that_is_dropped_ends_the_work_in_the_plugin() {
    let backend = rough(json!({ "takes-ms": 600_000 }));
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let backend = backend.clone();
            tokio::spawn(async move {
                backend
                    .list(ListRequest::first(Kind::SANDBOX))
                    .await
                    .map(drop)
            })
        })
        .collect();
    let under_way = |count: usize| {
        let backend = &backend;
        move || async move {
            backend.check().await.unwrap().description == format!("{count} calls under way")
        }
    };
    until("all calls are under way", under_way(50)).await;
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    until("all calls have ended", under_way(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_ends_the_work_in_the_plugin() {
    let plugin = load(Code::Library(library()), Duration::from_millis(200)).unwrap();
    let backend = open(&plugin, "rough", json!({ "takes-ms": 600_000 })).unwrap();
    let error = backend.get(&sandbox("sb-1")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
    // The short deadline holds for these calls as well, and a busy machine may miss it.
    until("it has ended", || async {
        let account = backend.check().await;
        account.is_ok_and(|account| account.description == "0 calls under way")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_gets_the_variables_that_the_configuration_passes_and_no_others() {
    assert_eq!(rough(json!({})).check().await.unwrap().warnings, ["PASSED"]);
}

#[test]
fn a_key_that_is_not_known_is_named() {
    let error = open(&plugin(), "rough", json!({ "take-ms": 1 }))
        .err()
        .unwrap();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.message.contains("unknown field `take-ms`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_claims_to_belong_to_another_backend_is_refused() {
    let backend = rough(json!({ "pretends": "docker", "resources": 1 }));
    let listed = backend
        .list(ListRequest::first(Kind::SANDBOX))
        .await
        .unwrap_err();
    let read = backend.get(&sandbox("sb-1")).await.unwrap_err();
    for error in [listed, read] {
        assert_eq!(error.kind, ErrorKind::Internal);
        assert!(error.message.contains("`docker`"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_calls_at_once_are_answered_by_one_thread() {
    let backend = rough(json!({ "takes-ms": 20 }));
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..10_000 {
        let backend = backend.clone();
        calls.spawn(async move {
            let read = backend.get(&sandbox(&format!("sb-{number}"))).await;
            read.unwrap().unwrap().name == format!("sandbox {number}")
        });
    }
    while let Some(right) = calls.join_next().await {
        assert!(right.unwrap());
    }
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let of_plugin = threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok())
        .filter(|name| name.trim() == "tbengine-plugin")
        .count();
    assert_eq!(of_plugin, 1);
}
