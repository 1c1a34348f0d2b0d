//! The cases of the interface itself: opening, requests that make no sense, many calls at once, and calls that
//! are given up.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tbengine_sdk::testkit::{Case, CaseEnd};
use tbengine_sdk::{Error, ErrorKind, Kind, ListRequest, wire};
use tokio::runtime::Runtime;

use super::subject::Subject;
use crate::plugins::Opening;
use crate::remote::Channel;
use crate::stdio::GONE;

/// Longer than an answer that needs no work takes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// The same for a request of 64 MiB, which an unoptimized plugin on a busy machine reads for longer than that.
const LARGE_ANSWER_TIMEOUT: Duration = Duration::from_secs(90);
/// How many calls at once there are in the trial of many.
const PARALLEL_CALLS: usize = 1000;

type Tried = Result<(), String>;

/// These cases. They need nothing of the provider.
pub(super) fn interface(subject: &Subject) -> Vec<Case> {
    let case = |name, test: fn(&Subject) -> Tried| Case {
        name,
        kind: None,
        run: {
            let subject = subject.clone();
            Box::new(move || match test(&subject) {
                Ok(()) => CaseEnd::Held,
                Err(message) => CaseEnd::Failed(message),
            })
        },
    };
    macro_rules! cases {
        ($($test:ident)*) => { vec![$(case(stringify!($test), $test)),*] };
    }
    let mut cases = cases![
        a_backend_opens_and_says_what_it_can_do
        a_configuration_that_is_no_table_is_invalid
        a_kind_that_is_not_there_is_invalid
        an_opening_without_a_document_is_invalid
        an_unknown_method_is_unsupported
        an_empty_request_is_invalid
        a_request_that_is_no_json_is_invalid
        a_request_of_64_mib_is_answered
        a_thousand_calls_at_once_are_answered_once_each
        a_call_that_is_given_up_is_answered_all_the_same
        a_backend_that_is_closed_leaves_others_usable
    ];
    if subject.plugin.refuses_small_host().is_some() {
        cases.push(case(
            "a_host_with_a_smaller_table_is_refused",
            a_host_with_a_smaller_table_is_refused,
        ));
    }
    cases
}

fn runtime() -> Result<Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
}

/// Runs what waits, and lets nothing wait forever.
fn within<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    within_timeout(ANSWER_TIMEOUT, work)
}

fn within_timeout<T>(
    timeout: Duration,
    work: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    let runtime = runtime()?;
    let ended = runtime.block_on(async { tokio::time::timeout(timeout, work).await });
    runtime.shutdown_background();
    ended.unwrap_or_else(|_| Err(format!("no answer within {timeout:?}")))
}

fn open(subject: &Subject) -> Result<Opening, String> {
    subject
        .open(false)
        .map_err(|error| format!("it does not open: {error}"))
}

fn expect_kind<T>(answer: Result<T, Error>, kind: ErrorKind) -> Tried {
    match answer {
        Err(error) if error.kind == kind => Ok(()),
        Err(error) => Err(format!("{} instead of {kind}: {error}", error.kind)),
        Ok(_) => Err(format!("it succeeded instead of {kind}")),
    }
}

fn a_backend_opens_and_says_what_it_can_do(subject: &Subject) -> Tried {
    let opening = open(subject)?;
    if opening.capabilities.kinds.is_empty() {
        return Err("its capabilities have no kind of resource".into());
    }
    if opening.capabilities.concurrency == 0 {
        return Err("its capabilities say 0 requests at once".into());
    }
    Ok(())
}

fn a_configuration_that_is_no_table_is_invalid(subject: &Subject) -> Tried {
    for config in [json!(42), json!("text"), json!([1])] {
        let request = wire::Open {
            config,
            ..subject.plugin.request(&subject.kind, &subject.request)
        };
        expect_kind(subject.plugin.open_channel(&request), ErrorKind::Invalid)?;
    }
    Ok(())
}

fn a_kind_that_is_not_there_is_invalid(subject: &Subject) -> Tried {
    let request = subject.plugin.request("no-such-kind", &subject.request);
    expect_kind(subject.plugin.open_channel(&request), ErrorKind::Invalid)
}

fn an_opening_without_a_document_is_invalid(subject: &Subject) -> Tried {
    for bytes in [&b""[..], b"null", b"{}", b"\xff\xfe{"] {
        expect_kind(
            subject.plugin.open_bytes(bytes.to_vec()),
            ErrorKind::Invalid,
        )?;
    }
    Ok(())
}

fn an_unknown_method_is_unsupported(subject: &Subject) -> Tried {
    let channel = open(subject)?.channel;
    within(async {
        for method in [&b""[..], b"no-such-method", b"LIST", b"list\0", b"\xff"] {
            expect_kind(
                channel.send(method, b"{}".to_vec()).await,
                ErrorKind::Unsupported,
            )?;
        }
        Ok(())
    })
}

fn refuses_request(subject: &Subject, request: &[u8]) -> Tried {
    let channel = open(subject)?.channel;
    within(async {
        for method in [&b"list"[..], b"get", b"stop", b"delete"] {
            expect_kind(
                channel.send(method, request.to_vec()).await,
                ErrorKind::Invalid,
            )
            .map_err(|error| format!("{}: {error}", String::from_utf8_lossy(method)))?;
        }
        Ok(())
    })
}

fn an_empty_request_is_invalid(subject: &Subject) -> Tried {
    refuses_request(subject, b"")
}

fn a_request_that_is_no_json_is_invalid(subject: &Subject) -> Tried {
    let deep = [b'['; 100_000];
    for request in [&b"{"[..], b"\xff\xfe\x00", b"nonsense", b"[]", &deep] {
        refuses_request(subject, request)?;
    }
    Ok(())
}

fn a_request_of_64_mib_is_answered(subject: &Subject) -> Tried {
    let channel = open(subject)?.channel;
    let request = json!({ "kind": "sandbox", "page-size": 1, "cursor": "x".repeat(64 << 20) });
    within_timeout(LARGE_ANSWER_TIMEOUT, async {
        // A cursor that was never given is an error of some kind; what counts is that it is an answer.
        match channel.send(b"list", wire::encode(&request)).await {
            Err(error) if error.code.as_deref() == Some(GONE) => Err(error.to_string()),
            _ => check(&*channel).await,
        }
    })
}

async fn check(channel: &dyn Channel) -> Tried {
    // Whether the provider is there is no matter of the interface.
    match channel.send(b"check", b"{}".to_vec()).await {
        Err(error) if error.kind == ErrorKind::Internal => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// A method that every plugin answers without its provider.
const HARMLESS: &[u8] = b"no-such-method";

async fn many(channel: &Arc<dyn Channel>) -> Tried {
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..PARALLEL_CALLS {
        let channel = channel.clone();
        calls.spawn(async move { channel.send(HARMLESS, b"{}".to_vec()).await });
    }
    while let Some(answer) = calls.join_next().await {
        let answer = answer.map_err(|error| error.to_string())?;
        expect_kind(answer, ErrorKind::Unsupported)?;
    }
    Ok(())
}

async fn settled(channel: &dyn Channel) -> Tried {
    let deadline = tokio::time::Instant::now() + ANSWER_TIMEOUT / 2;
    while channel.pending() > 0 {
        if tokio::time::Instant::now() > deadline {
            return Err(format!("{} answers are missing", channel.pending()));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

fn a_thousand_calls_at_once_are_answered_once_each(subject: &Subject) -> Tried {
    let channel = open(subject)?.channel;
    let before = channel.unsolicited();
    within(async {
        many(&channel).await?;
        settled(&*channel).await?;
        // A second answer would come right behind the first.
        tokio::time::sleep(Duration::from_millis(100)).await;
        match channel.unsolicited() - before {
            0 => Ok(()),
            unsolicited => Err(format!("{unsolicited} unsolicited answers")),
        }
    })
}

fn a_call_that_is_given_up_is_answered_all_the_same(subject: &Subject) -> Tried {
    let opening = open(subject)?;
    let channel = opening.channel;
    let kind = opening.capabilities.words().next();
    let list = wire::encode(&ListRequest::first(kind.unwrap_or(Kind::SANDBOX)));
    within(async {
        for micros in [0, 10, 100, 1000, 10_000] {
            for _ in 0..20 {
                let call = channel.send(b"list", list.clone());
                // Whether it answered in time is not of interest.
                drop(tokio::time::timeout(Duration::from_micros(micros), call).await);
            }
        }
        settled(&*channel).await?;
        many(&channel).await
    })
}

fn a_backend_that_is_closed_leaves_others_usable(subject: &Subject) -> Tried {
    let (first, second) = (open(subject)?.channel, open(subject)?.channel);
    within(async {
        many(&first).await?;
        let under_way = first.clone();
        let calls: Vec<_> = (0..100)
            .map(|_| {
                let channel = under_way.clone();
                tokio::spawn(async move { channel.send(b"check", b"{}".to_vec()).await.map(drop) })
            })
            .collect();
        tokio::task::yield_now().await;
        for call in &calls {
            call.abort();
        }
        drop((first, under_way, calls));
        many(&second).await
    })?;
    within(async { many(&open(subject)?.channel).await })
}

fn a_host_with_a_smaller_table_is_refused(subject: &Subject) -> Tried {
    match subject.plugin.refuses_small_host() {
        Some(false) => Err("it accepted a table without the functions that it needs".into()),
        _ => Ok(()),
    }
}
