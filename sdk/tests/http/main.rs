//! The HTTP client of the sdk against servers that mean it ill.

#![cfg(feature = "http")]

mod server;

use std::time::Duration;

use serde::Deserialize;
use tbengine_sdk::http::{
    Answer as Success, Builder, Call, Client, Endpoint, HeaderName, Method, Provider, Secret,
};
use tbengine_sdk::{Error, ErrorKind, Kind, Result};

use server::{Answer, Server, answer};

/// What must never be seen.
const KEY: &str = "canary-0123456789";
const READ: Call = Call::Read(Some(Kind::SANDBOX));
const DELETE: Call = Call::Delete(Kind::SANDBOX);
const LIMIT: usize = 1 << 20;
/// Long enough for a machine that is busy; where a call is to end by it, the test says so.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A service that locks an address out, if it is `strict`.
#[derive(Debug)]
struct Boxes {
    strict: bool,
}

impl Provider for Boxes {
    fn name(&self) -> &'static str {
        "boxes"
    }

    fn address_hint(&self) -> &'static str {
        "check BOXES_URL"
    }

    fn masked_status(&self, body: &[u8]) -> Option<u16> {
        (body == b"{\"failed\":503}").then_some(503)
    }

    fn stops_when_denied(&self) -> bool {
        self.strict
    }
}

#[derive(Debug, Deserialize)]
struct Sandbox {
    id: String,
    #[expect(dead_code, reason = "only read")]
    memory: Option<u64>,
}

fn builder(url: &str, strict: bool) -> Builder<Boxes> {
    Client::builder(Endpoint::parse(url).unwrap(), Boxes { strict })
        .secret(
            HeaderName::from_static("x-api-key"),
            "",
            &Secret::new(KEY, "KEY").unwrap(),
        )
        .max_answer(LIMIT)
        .call_timeout(TIMEOUT)
}

fn client(url: &str) -> Client<Boxes> {
    builder(url, false).build().unwrap()
}

async fn read(client: &Client<Boxes>) -> Result<Vec<Sandbox>> {
    let found = client.read(READ, &["boxes"], &[]).await;
    if let Err(error) = &found {
        let shown = format!("{error:?} {error}");
        assert!(!shown.contains("canary"), "{shown}");
    }
    found
}

async fn delete(client: &Client<Boxes>) -> Result<Success> {
    client
        .send(DELETE, Method::DELETE, &["boxes", "a"], &[])
        .await
}

/// What reading fails with if this is what is answered.
async fn failure(told: Answer) -> Error {
    let server = Server::start(vec![told]).await;
    read(&client(&server.url())).await.unwrap_err()
}

fn good() -> Answer {
    answer("200 OK", "", r#"[{"id":"a"}]"#)
}

#[tokio::test]
async fn a_body_that_does_not_end_is_left_at_the_limit() {
    let begin = b"HTTP/1.1 200 OK\r\n\r\n[".to_vec();
    let error = failure(Answer::Endless(begin)).await;
    assert_eq!(error.kind, ErrorKind::Internal);
    assert!(
        error.message.ends_with("answered with more than 1 MiB"),
        "{error}"
    );
    // A length that is promised is not believed either.
    let begin = b"HTTP/1.1 200 OK\r\ncontent-length: 9223372036854775807\r\n\r\n[".to_vec();
    assert_eq!(
        failure(Answer::Endless(begin)).await.kind,
        ErrorKind::Internal
    );
    // Nor is a refusal read to its end.
    let begin = b"HTTP/1.1 409 Conflict\r\n\r\n[".to_vec();
    assert_eq!(
        failure(Answer::Endless(begin)).await.kind,
        ErrorKind::Conflict
    );
}

#[tokio::test]
async fn an_answer_that_trickles_or_never_comes_ends_with_the_call() {
    let trickle = b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n[{\"id\":\"a\"}]".to_vec();
    for told in [Answer::Trickle(trickle), Answer::Nothing] {
        let server = Server::start(vec![told]).await;
        let client = builder(&server.url(), false).call_timeout(Duration::from_millis(400));
        let client = client.build().unwrap();
        let error = read(&client).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Transient);
        assert_eq!(error.message, "no answer within 400ms");
        let error = delete(&client).await.unwrap_err();
        assert_eq!(error.message, "no answer within 400ms; outcome unknown");
    }
}

#[tokio::test]
async fn an_answer_whose_length_is_wrong_is_no_answer() {
    let long = b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n[{\"id\":\"a\"}]".to_vec();
    let error = failure(Answer::Bytes(long)).await;
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(
        error.message.ends_with("before the answer was complete"),
        "{error}"
    );
    let short = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n[{\"id\":\"a\"}]".to_vec();
    let error = failure(Answer::Bytes(short)).await;
    assert_eq!(error.kind, ErrorKind::Transient);
    assert!(
        error.message.ends_with("sent an incomplete answer"),
        "{error}"
    );
    let garbage = failure(Answer::Bytes(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec())).await;
    assert_eq!(garbage.kind, ErrorKind::Unavailable);
}

#[tokio::test]
async fn pages_of_gateways_prove_nothing_and_are_not_repeated() {
    let page = "<html><script>canary</script></html>";
    for (status, kind) in [
        ("200 OK", ErrorKind::Invalid),
        ("403 Forbidden", ErrorKind::Denied),
        ("404 Not Found", ErrorKind::Invalid),
        ("410 Gone", ErrorKind::Invalid),
        ("502 Bad Gateway", ErrorKind::Unavailable),
    ] {
        let first = failure(answer(status, "", page)).await;
        assert_eq!(first.kind, kind, "{status}");
        assert!(!first.message.contains('<'), "{first}");
        if kind == ErrorKind::Invalid {
            assert_eq!(first.hint.as_deref(), Some("check BOXES_URL"), "{status}");
        }
        // Once the service was there, the page is a passing fault.
        let server = Server::start(vec![good(), answer(status, "", page)]).await;
        let client = client(&server.url());
        assert_eq!(read(&client).await.unwrap()[0].id, "a");
        let later = read(&client).await.unwrap_err();
        let passing = kind.is_critical().then_some(ErrorKind::Transient);
        assert_eq!(later.kind, passing.unwrap_or(kind), "{status}");
    }
    let own = failure(answer("404 Not Found", "", r#"{"message":"no such box"}"#)).await;
    assert_eq!(own.kind, ErrorKind::NotFound);
    assert_eq!(own.message, "boxes answered 404: no such box");
}

#[tokio::test]
async fn a_redirect_does_not_take_the_key_along() {
    let elsewhere = Server::start(vec![good()]).await;
    for status in [
        "301 Moved",
        "302 Found",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let location = format!("location: {}/boxes\r\n", elsewhere.url());
        let server = Server::start(vec![answer(status, &location, "")]).await;
        let error = read(&client(&server.url())).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{status}");
        assert!(server.requests()[0].contains(KEY));
    }
    assert!(
        elsewhere.requests().is_empty(),
        "{:?}",
        elsewhere.requests()
    );
}

#[tokio::test]
async fn a_refusal_says_how_long_to_wait() {
    let date = "date: Fri, 06 Nov 2026 08:49:37 GMT\r\n";
    for (headers, want) in [
        (String::new(), None),
        ("retry-after: 7\r\n".to_owned(), Some(7)),
        (
            format!("{date}retry-after: Fri, 06 Nov 2026 08:49:44 GMT\r\n"),
            Some(7),
        ),
        (
            format!("{date}retry-after: Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
            Some(0),
        ),
        (
            format!("{date}retry-after: Fri, 31 Dec 2100 23:59:59 GMT\r\n"),
            Some(3600),
        ),
        ("retry-after: 1000000000000000000000\r\n".to_owned(), None),
        ("retry-after: 99999999\r\n".to_owned(), Some(3600)),
        (
            "retry-after: Fri, 06 Nov 2026 08:49:44 GMT\r\n".to_owned(),
            None,
        ),
        ("retry-after: soon\r\n".to_owned(), None),
        ("retry-after-ms: 7000\r\n".to_owned(), Some(7)),
        ("ratelimit-reset: 7\r\n".to_owned(), Some(7)),
    ] {
        let body = r#"{"message":"slow down"}"#;
        for (status, kind) in [
            ("429 Too Many Requests", ErrorKind::RateLimited),
            ("503 Service Unavailable", ErrorKind::Unavailable),
        ] {
            let error = failure(answer(status, &headers, body)).await;
            assert_eq!(error.kind, kind);
            assert_eq!(
                error.retry_after,
                want.map(Duration::from_secs),
                "{headers}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_used_up_is_not_asked_for() {
    let headers = "x-ratelimit-limit: 10\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 60\r\n";
    let server = Server::start(vec![answer("200 OK", headers, "[]")]).await;
    let client = client(&server.url());
    read(&client).await.unwrap();
    let error = read(&client).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::RateLimited);
    assert!(error.retry_after.unwrap() > Duration::from_secs(50));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_packed_answer_is_not_asked_for_and_not_unpacked() {
    // The beginning of a gigabyte of zeros.
    let mut packed =
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 8\r\n\r\n".to_vec();
    packed.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    let server = Server::start(vec![Answer::Bytes(packed)]).await;
    let error = read(&client(&server.url())).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(!server.requests()[0].contains("accept-encoding"));
}

#[tokio::test]
async fn a_key_that_is_repeated_is_hidden() {
    let body = format!(r#"{{"message":"no such key: {KEY}"}}"#);
    let id = format!("x-request-id: {KEY}\r\n");
    for status in ["401 Unauthorized", "500 Internal Server Error"] {
        let error = failure(answer(status, &id, &body)).await;
        assert!(error.message.contains("no such key: <hidden>"), "{error}");
    }
    let client = client("http://127.0.0.1:1");
    assert_eq!(format!("{client:?}"), "Client(boxes at http://127.0.0.1:1)");
    let builder = builder("http://127.0.0.1:1", false);
    assert!(!format!("{builder:?}").contains("canary"));
}

#[tokio::test]
async fn a_service_that_locks_out_is_not_asked_again_with_a_key_that_it_refused() {
    let refusal = || answer("401 Unauthorized", "", r#"{"message":"no"}"#);
    for (strict, requests) in [(true, 1), (false, 2)] {
        let server = Server::start(vec![refusal()]).await;
        let client = builder(&server.url(), strict).build().unwrap();
        for _ in 0..2 {
            assert_eq!(read(&client).await.unwrap_err().kind, ErrorKind::Denied);
        }
        assert_eq!(server.requests().len(), requests);
    }
}

#[tokio::test]
async fn what_support_asks_for_is_in_the_message_of_a_fault_of_the_service() {
    let body = r#"{"message":"no"}"#;
    for (status, id, want) in [
        (
            "500 Oops",
            "req-1",
            "boxes answered 500: no (request req-1)",
        ),
        ("409 Conflict", "req-1", "boxes answered 409: no"),
        ("500 Oops", "two words", "boxes answered 500: no"),
        ("500 Oops", &"x".repeat(65), "boxes answered 500: no"),
    ] {
        let id = format!("x-request-id: {id}\r\n");
        let error = failure(answer(status, &id, body)).await;
        assert_eq!(error.message, want);
    }
}

#[tokio::test]
async fn json_of_another_form_is_named_by_its_place() {
    let body = r#"[{"id":"a"},{"id":"b","memory":"canary"}]"#;
    let error = failure(answer("200 OK", "", body)).await;
    assert_eq!(error.kind, ErrorKind::Internal);
    let place = ": `[1].memory`: expected u64 at line 1 column 39";
    assert!(error.message.ends_with(place), "{error}");
    let masked = failure(answer("200 OK", "", r#"{"failed":503}"#)).await;
    assert_eq!(masked.kind, ErrorKind::Transient);
    assert!(masked.message.contains("503"), "{masked}");
}

#[tokio::test]
async fn nobody_at_the_address_is_an_outage_and_no_such_host_is_said() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let error = read(&client(&url)).await.unwrap_err();
    assert!(
        error.kind == ErrorKind::Unavailable && error.nobody_listens(),
        "{error:?}"
    );
    let error = read(&client("https://nowhere.invalid")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("cannot be looked up"), "{error}");
}

#[tokio::test]
async fn a_part_of_a_path_cannot_leave_its_place() {
    let server = Server::start(vec![answer("204 No Content", "", "")]).await;
    let path = ["boxes", "../../admin?all=1#"];
    let sent = client(&server.url())
        .send(DELETE, Method::DELETE, &path, &[("q", "a&b")])
        .await;
    sent.unwrap();
    let line = server.requests()[0].lines().next().unwrap().to_owned();
    assert_eq!(
        line,
        "delete /v1/boxes/..%2f..%2fadmin%3fall=1%23?q=a%26b http/1.1"
    );
}
