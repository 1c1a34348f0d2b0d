//! Programs that break the rules. Each is an error of its backend, and never of the host.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tbengine_plugin_host::{Code, Plugin, PluginError};
use tbengine_sdk::{Backend, Error, ErrorKind, Identity, Kind, ListRequest, Page};

use crate::support::{load, open, options, spec, until};

fn rude(arguments: &[&str]) -> Code {
    Code::Program {
        path: concat!(env!("CARGO_MANIFEST_DIR"), "/plugin/rude.py").into(),
        arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
        pins: Default::default(),
    }
}

fn backend(mode: &str, call: Duration) -> Arc<dyn Backend> {
    let plugin = load(rude(&[]), call).expect("it starts");
    open(&plugin, "rude", json!({ "mode": mode })).expect("it opens")
}

async fn list(backend: &Arc<dyn Backend>) -> Result<Page, Error> {
    backend.list(ListRequest::first(Kind::SANDBOX)).await
}

fn target() -> Identity {
    Identity {
        backend: "rude".into(),
        account: "rude".into(),
        kind: Kind::SANDBOX,
        native: "x".into(),
        created: None,
    }
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn what_dies_is_unavailable_with_its_last_words_and_starts_again_a_few_times() {
    let backend = backend("crash", LONG);
    for _ in 0..6 {
        let error = list(&backend).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert!(
            error.message.contains("SIGABRT") && error.message.contains("last words"),
            "{error}"
        );
    }
    let error = list(&backend).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Internal);
    assert!(error.message.contains("is not restarted"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dies_now_and_then_is_started_again_for_ever() {
    let backend = backend("hundred", LONG);
    for death in 0..8 {
        for _ in 0..100 {
            list(&backend).await.unwrap();
        }
        let error = list(&backend).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{death}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_is_noticed_while_something_holds_its_output() {
    let backend = backend("orphan", LONG);
    let begins = Instant::now();
    let error = list(&backend).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert!(error.message.contains("exit status: 5"), "{error}");
    // In a session of its own it outlives the group.
    let error = backend.get(&target()).await.unwrap_err();
    assert!(error.message.contains("exit status: 5"), "{error}");
    assert!(
        begins.elapsed() < Duration::from_secs(20),
        "{:?}",
        begins.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_died_answers_again_once_it_behaves() {
    let backend = backend("crash", LONG);
    let before = backend.check().await.unwrap().description;
    list(&backend).await.unwrap_err();
    let after = backend.check().await.unwrap().description;
    assert_ne!(before, after, "another process");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_is_killed_after_a_few_deadlines() {
    let backend = backend("hang", Duration::from_secs(1));
    let before = backend.check().await.unwrap().description;
    for _ in 0..3 {
        let error = list(&backend).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Transient);
        assert!(error.message.contains("within 1s"), "{error}");
    }
    until("another process answers", || async {
        backend
            .check()
            .await
            .is_ok_and(|account| account.description != before)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_floods_or_talks_nonsense_is_killed() {
    for (mode, says) in [
        ("no-newline", "more than 64 MiB"),
        ("garbage", "`certainly!`; write messages to standard error"),
        ("unquoted", "a line that is not an answer"),
        ("unsolicited", "unsolicited answers"),
    ] {
        let backend = backend(mode, LONG);
        let error = list(&backend).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{mode}: {error}");
        assert!(error.message.contains(says), "{mode}: {error}");
        backend.check().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_talks_on_the_standard_error_is_cut_and_goes_on() {
    list(&backend("talks", LONG)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_answer_is_ignored_and_a_status_that_is_unknown_is_internal() {
    let twice = backend("twice", LONG);
    for _ in 0..3 {
        list(&twice).await.unwrap();
    }
    let error = list(&backend("odd-status", LONG)).await.unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Internal, "odd")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_equal_keys_the_last_counts() {
    let page = list(&backend("doubled", LONG)).await.unwrap();
    assert_eq!(page, Page::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_nested_without_end_cannot_be_read_or_is_skipped() {
    let deep = backend("deep", LONG);
    let page = list(&deep).await.unwrap();
    assert!(page.resources.is_empty(), "{page:?}");
    let message = &page.unreadable[0].message;
    assert!(message.contains("does not fit"), "{message}");
    deep.check().await.unwrap();
    let page = list(&backend("deep-inside", LONG)).await.unwrap();
    assert_eq!(page, Page::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_reads_nothing_holds_nobody_up() {
    let backend = backend("deaf", Duration::from_secs(1));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let backend = backend.clone();
        // Far more than fits into a pipe.
        let request = ListRequest {
            cursor: Some("x".repeat(100_000)),
            ..ListRequest::first(Kind::SANDBOX)
        };
        calls.spawn(async move { backend.list(request).await.unwrap_err().kind });
    }
    while let Some(kind) = calls.join_next().await {
        assert!(matches!(
            kind.unwrap(),
            ErrorKind::Transient | ErrorKind::Unavailable
        ));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_what_the_configuration_passes() {
    let account = backend("", LONG).check().await.unwrap();
    let names: Vec<_> = account
        .warnings
        .iter()
        .filter_map(|variable| variable.split('=').next())
        // Python sets this one itself.
        .filter(|name| *name != "LC_CTYPE")
        .collect();
    assert_eq!(names, ["PASSED", "PATH"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_variables_are_shown_by_their_names() {
    let backend = backend("quotes", LONG);
    let error = list(&backend).await.unwrap_err();
    assert_eq!(error.message, "key <PASSED> was refused");
    let error = backend.get(&target()).await.unwrap_err();
    assert!(error.message.contains("trying <PASSED>"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_said_what_it_is_serves_the_first_backend() {
    let plugin = load(rude(&[]), LONG).expect("it starts");
    let children = || {
        let own = std::fs::read_to_string("/proc/thread-self/children");
        let all = own.unwrap_or_default();
        all.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let greeted = children();
    assert_eq!(greeted.len(), 1, "{greeted:?}");
    let pid = async |backend: Arc<dyn Backend>| backend.check().await.unwrap().description;
    let open = || open(&plugin, "rude", json!({})).expect("it opens");
    let (first, second) = (open(), open());
    assert_eq!(pid(first.clone()).await, greeted[0]);
    assert_ne!(pid(second).await, greeted[0]);
    drop(plugin);
    assert!(is_alive(&greeted[0]), "it ends with its backend");
    // One that no backend was opened in ends with the plugin.
    let idle = load(rude(&[]), LONG).expect("it starts");
    let pid = children().pop().expect("it runs");
    assert!(is_alive(&pid));
    drop(idle);
    until("it is gone", || async { !is_alive(&pid) }).await;
}

fn is_alive(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    !status.is_empty() && !status.contains("State:\tZ")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_it_is_left_when_the_backend_goes() {
    let backend = backend("children", LONG);
    let process = backend.check().await.unwrap().description;
    let child = list(&backend).await.unwrap_err().message;
    assert!(is_alive(&process) && is_alive(&child));
    drop(backend);
    until("both are gone", || async {
        !is_alive(&process) && !is_alive(&child)
    })
    .await;
}

fn fails(code: Code) -> String {
    let mut options = options(LONG);
    options.timeouts.open = Duration::from_secs(2);
    let error = Plugin::load(&spec("rude", code), &options).unwrap_err();
    let hint = match &error {
        PluginError::Start { source, .. } => source.hint.clone().unwrap_or_default(),
        _ => String::new(),
    };
    format!("{error} {hint}")
}

#[test]
fn what_does_not_start_properly_says_why() {
    for (argument, says) in [
        ("dies", "after it wrote: no key in sight"),
        ("quotes", "after it wrote: no use for <PASSED>"),
        ("silent", "did not answer `hello` within 2s"),
        ("chats", "`hello, world`"),
        ("new", "version 7 of the protocol (built with py)"),
    ] {
        let error = fails(rude(&[argument]));
        assert!(error.contains(says), "{argument}: {error}");
    }
    let text = Code::Program {
        path: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")),
        arguments: Vec::new(),
        pins: Default::default(),
    };
    assert!(fails(text).contains("executable"));
    let missing = Code::Program {
        path: Path::new("/no/such/program").into(),
        arguments: Vec::new(),
        pins: Default::default(),
    };
    assert!(fails(missing).contains("/no/such/program"));
}
