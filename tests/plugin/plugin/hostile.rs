//! Libraries in C that break the rules. The host goes on, and says what was wrong.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tbengine_plugin_host::{Code, Plugin};
use tbengine_sdk::{Backend, ErrorKind, Kind, ListRequest};

use crate::support::{Built, hostile, load, open, until};

/// A hostile plugin with a short patience. Each test has a file of its own, and so a library of its own.
fn plugin(call: Duration) -> (Built, Plugin) {
    let built = hostile(&[]);
    let plugin = load(Code::Library(built.path.clone()), call).expect("it loads");
    (built, plugin)
}

/// Keeps a backend open until the process ends, where a checker for leaks finds it.
fn keep_open(backend: Arc<dyn Backend>) {
    static OPEN: Mutex<Vec<Arc<dyn Backend>>> = Mutex::new(Vec::new());
    OPEN.lock().unwrap().push(backend);
}

fn mode(mode: &str) -> serde_json::Value {
    json!({ "mode": mode })
}

const LIST: fn() -> ListRequest = || ListRequest::first(Kind::SANDBOX);

#[tokio::test(flavor = "multi_thread")]
async fn of_two_answers_the_first_counts_and_invented_ones_are_counted() {
    let (_built, plugin) = plugin(Duration::from_secs(60));
    for word in ["double", "invented"] {
        let opening = plugin
            .open_channel(&plugin.request("hostile", &crate::support::request(mode(word))))
            .unwrap();
        let channel = opening.channel.clone();
        let before = channel.unsolicited();
        let backend = opening.into_backend("here".into());
        assert_eq!(backend.check().await.unwrap().description, "0 closed");
        until("the stray is counted", || async {
            channel.unsolicited() == before + 1
        })
        .await;
        assert_eq!(channel.pending(), 0);
        backend.check().await.unwrap();
        // So that the count above stays.
        keep_open(backend);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_never_answered_ends_at_the_deadline_and_keeps_the_instance() {
    let (_built, plugin) = plugin(Duration::from_millis(200));
    let backend = open(&plugin, "hostile", mode("never")).unwrap();
    let error = backend.list(LIST()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
    assert!(error.message.contains("within 200ms"), "{error}");
    drop(backend);
    // An answer is owed, so it must not be closed, however long that takes.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let other = open(&plugin, "hostile", mode("none")).unwrap();
    assert_eq!(other.check().await.unwrap().description, "0 closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_after_the_call_was_given_up_closes_the_instance() {
    let (_built, plugin) = plugin(Duration::from_secs(60));
    let backend = open(&plugin, "hostile", mode("late")).unwrap();
    let call = backend.list(LIST());
    assert!(
        tokio::time::timeout(Duration::from_millis(50), call)
            .await
            .is_err()
    );
    drop(backend);
    let other = open(&plugin, "hostile", mode("none")).unwrap();
    assert_eq!(other.check().await.unwrap().description, "0 closed");
    until("the late answer closes it", || async {
        other.check().await.unwrap().description == "1 closed"
    })
    .await;
}

#[test]
fn calls_that_do_not_return_hold_up_their_backend_only() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(stuck_calls());
    // The threads sleep on in the plugin, and nobody waits for them.
    runtime.shutdown_background();
}

async fn stuck_calls() {
    let (_built, plugin) = plugin(Duration::from_millis(300));
    let stuck = open(&plugin, "hostile", mode("hang")).unwrap();
    let mut calls = tokio::task::JoinSet::new();
    // More than the threads that one backend may hold up.
    for _ in 0..100 {
        let stuck = stuck.clone();
        calls.spawn(async move { stuck.list(LIST()).await.unwrap_err().kind });
    }
    let fine = open(&plugin, "hostile", mode("none")).unwrap();
    fine.list(LIST()).await.unwrap();
    while let Some(kind) = calls.join_next().await {
        assert_eq!(kind.unwrap(), ErrorKind::Transient);
    }
    fine.list(LIST()).await.unwrap();
    keep_open(stuck);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_do_not_fit_are_internal_errors() {
    let (_built, plugin) = plugin(Duration::from_secs(60));
    for (word, says) in [
        ("huge", "the maximum is 64 MiB"),
        ("null", "does not fit"),
        ("garbage", "does not fit"),
        ("odd-status", "odd"),
    ] {
        let backend = open(&plugin, "hostile", mode(word)).unwrap();
        let error = backend.list(LIST()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Internal, "{word}: {error}");
        assert!(error.message.contains(says), "{word}: {error}");
        backend.check().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_plain_text_is_its_message() {
    let (_built, plugin) = plugin(Duration::from_secs(60));
    let backend = open(&plugin, "hostile", mode("plain-text")).unwrap();
    let error = backend.list(LIST()).await.unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Transient, "busy just now")
    );
}

#[test]
fn opening_is_said_exactly_once_and_in_time() {
    let built = hostile(&[]);
    let mut options = crate::support::options(Duration::from_secs(60));
    options.timeouts.open = Duration::from_millis(300);
    let spec = crate::support::spec("test", Code::Library(built.path.clone()));
    let plugin = Plugin::load(&spec, &options).unwrap();
    for (word, kind, says) in [
        ("open-hang", ErrorKind::Unavailable, "within 300ms"),
        ("open-silent", ErrorKind::Internal, "exactly once"),
        ("open-twice", ErrorKind::Internal, "exactly once"),
        ("open-nothing", ErrorKind::Internal, "opened nothing"),
        ("open-failed-with-instance", ErrorKind::Denied, "no key"),
    ] {
        let error = open(&plugin, "hostile", mode(word)).err().expect(word);
        assert_eq!(error.kind, kind, "{word}: {error}");
        assert!(error.message.contains(says), "{word}: {error}");
    }
}
