//! What Docker and Daytona answer, byte by byte.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use tbengine_daytona::Daytona;
use tbengine_docker::Docker;
use tbengine_sdk::{
    Backend, DeleteOptions, Error, Identity, Kind, ListRequest, OpenRequest, Result as SdkResult,
    StopOptions, Timestamp,
};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Runtime;

use super::Run;
use crate::answers::{Answers, MAX_CALL_TIME};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

/// What a dockerd answers, byte by byte.
pub fn docker() -> Run {
    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("docker.sock");
    let answers = Answers::default();
    let runtime = io_runtime();
    runtime.block_on(async {
        let listener = UnixListener::bind(&path).expect("a socket");
        let healthy = [
            ("/_ping", "OK".to_owned()),
            (
                "/info",
                r#"{"ID":"daemon-1","ServerVersion":"20.10.24"}"#.to_owned(),
            ),
        ];
        answers.serve_unix(listener, healthy.into());
    });
    let host = format!("unix://{}", path.display());
    let backend = Docker::open(request(
        serde_json::json!({ "host": host, "call-timeout": "2s" }),
    ))
    .expect("it opens");
    Box::new(move |input| {
        // The directory lives as long as the target.
        let _socket = &directory;
        answers.set(input);
        runtime.block_on(ask(
            &backend,
            &[Kind::CONTAINER, Kind::NETWORK, Kind::VOLUME, Kind::IMAGE],
            ID,
            |proof| match proof {
                Proof::Gone => says_that_it_is_gone(input, ID),
                Proof::Deleted => has_status(input, 200..300) || says_that_it_is_gone(input, ID),
            },
        ))
    })
}

/// What the Daytona service answers, byte by byte.
pub fn daytona() -> Run {
    const ID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let answers = Answers::default();
    let runtime = io_runtime();
    let port = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        answers.serve_tcp(listener, BTreeMap::new());
        port
    });
    let url = format!("http://127.0.0.1:{port}/api");
    let open = move || {
        Daytona::open(request(
            serde_json::json!({ "api-url": url, "call-timeout": "2s" }),
        ))
        .expect("it opens")
    };
    let mut backend = open();
    Box::new(move |input| {
        answers.set(input);
        let kinds = [Kind::SANDBOX, Kind::SNAPSHOT, Kind::VOLUME];
        let good = runtime.block_on(ask(&backend, &kinds, ID, |_| true));
        // It slows down after what it learned about limits, so then the next input gets a new one.
        let text = String::from_utf8_lossy(input).to_lowercase();
        if ["ratelimit", "retry-after", " 429 "]
            .iter()
            .any(|word| text.contains(word))
        {
            backend = open();
        }
        good
    })
}

fn io_runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// What an answer proves.
#[derive(Clone, Copy)]
enum Proof {
    /// There is no such thing.
    Gone,
    /// It was deleted.
    Deleted,
}

/// Whether an answer is one of the daemon, and has one of these statuses.
fn has_status(input: &[u8], statuses: std::ops::Range<u16>) -> bool {
    let mut headers = String::from_utf8_lossy(&input[..input.len().min(64)]).into_owned();
    headers.truncate(headers.find('\r').unwrap_or(headers.len()));
    let status = headers.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.is_some_and(|status: u16| statuses.contains(&status) || status == 304)
}

/// Whether it is a 404 with a message of the daemon, or shows another thing in place of what was asked for.
fn says_that_it_is_gone(input: &[u8], asked: &str) -> bool {
    let body = input.windows(4).position(|four| four == b"\r\n\r\n");
    let body = &input[body.map_or(0, |at| at + 4)..];
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<serde_json::Value>();
    let Some(Ok(value)) = values.next() else {
        return false;
    };
    let text = |key: &str| value.get(key).and_then(serde_json::Value::as_str);
    if has_status(input, 404..405) {
        return text("message").is_some();
    }
    let shown = text("Id").unwrap_or_default();
    let is_full = shown.len() == 64 && shown.bytes().all(|digit| digit.is_ascii_hexdigit());
    has_status(input, 200..300) && is_full && shown != asked
}

/// What must not be in any message.
const KEY: &str = "dtn_canary0123456789";

fn request(config: serde_json::Value) -> OpenRequest {
    let environment = BTreeMap::from([("DAYTONA_API_KEY".to_owned(), KEY.to_owned())]);
    OpenRequest {
        name: "fuzz".into(),
        config,
        environment: Arc::new(environment),
        now: NOW,
    }
}

/// Calls every method. Whatever comes back, each ends in time, tells no secret, and shows no other
/// resource than the one that was asked for.
///
/// Whatever counts as a proof must be one: `proves` looks at the input.
async fn ask(
    backend: &dyn Backend,
    kinds: &[Kind],
    native: &str,
    proves: impl Fn(Proof) -> bool,
) -> bool {
    let _account = within(backend.check()).await;
    let mut good = false;
    for kind in kinds {
        let page = within(backend.list(ListRequest::first(*kind))).await;
        good |= page.is_ok_and(|page| !page.resources.is_empty());
    }
    let target = Identity {
        backend: "fuzz".into(),
        account: "daemon-1".into(),
        kind: kinds[0],
        native: native.to_owned(),
        created: Some(NOW),
    };
    let read = within(backend.get(&target)).await;
    assert!(
        !matches!(read, Ok(None)) || proves(Proof::Gone),
        "it counts as gone, and no answer said so"
    );
    if let Ok(Some(found)) = read {
        assert_eq!(
            found.identity.native, target.native,
            "another resource was shown"
        );
        assert_eq!(found.identity.kind, target.kind);
        good = true;
    }
    let _stopped = within(backend.stop(&target, StopOptions::FORCE)).await;
    let options = DeleteOptions {
        just_read: true,
        ..DeleteOptions::GENTLE
    };
    let deleted = within(backend.delete(&target, options)).await;
    assert!(
        deleted.is_err() || proves(Proof::Deleted),
        "it counts as deleted, and no answer said so"
    );
    good
}

async fn within<T>(call: impl Future<Output = SdkResult<T>>) -> SdkResult<T> {
    let answer = tokio::time::timeout(MAX_CALL_TIME, call)
        .await
        .expect("a call ends within its own time");
    if let Err(error) = &answer {
        tells_no_secret(error);
    }
    answer
}

fn tells_no_secret(error: &Error) {
    assert!(
        !format!("{error:?}").contains(KEY),
        "the key is in {error:?}"
    );
    assert!(
        error.message.len() < 10_000,
        "a message of {} bytes",
        error.message.len()
    );
}
