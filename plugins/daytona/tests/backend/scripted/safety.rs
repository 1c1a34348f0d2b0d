//! The credential goes nowhere but to the service.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tbengine_sdk::{Backend, DeleteOptions, Kind, ListRequest, StopOptions};

use crate::scripted::server::{Answer, ID, KEY, Server, ok, open, refused, refused_with, target};

/// Every call of the backend once, and everything that it says about how it ended.
async fn everything_said(server: &Server) -> String {
    let backend = server.backend();
    let target = target(Kind::SANDBOX, ID);
    let mut said = format!("{:?}", backend.check().await);
    for kind in [Kind::SANDBOX, Kind::SNAPSHOT, Kind::VOLUME] {
        said += &format!("{:?}", backend.list(ListRequest::first(kind)).await);
    }
    said += &format!("{:?}", backend.get(&target).await);
    said += &format!("{:?}", backend.stop(&target, StopOptions::default()).await);
    said += &format!("{:?}", backend.delete(&target, DeleteOptions::FORCE).await);
    said
}

#[tokio::test]
async fn the_key_is_in_no_answer_error_or_log() {
    let echo = format!("you sent Bearer {KEY}");
    let answers: Vec<fn(&str) -> Answer> = vec![
        |echo| refused(400, echo),
        |echo| refused(401, echo),
        |echo| refused(403, echo),
        |echo| refused(404, echo),
        |echo| refused(409, echo),
        |echo| refused_with(429, echo, "Retry-After: 1\r\n"),
        |echo| refused(500, echo),
        |echo| refused(503, echo),
        |echo| Answer::Status(502, String::new(), format!("<html>{echo}</html>")),
        |echo| {
            Answer::Status(
                302,
                format!("Location: http://127.0.0.1:1/{echo}\r\n"),
                echo.into(),
            )
        },
        |echo| Answer::Status(200, String::new(), echo.to_owned()),
        |echo| Answer::Status(200, String::new(), format!("{{\"{echo}\":")),
        |echo| ok(json!({ "name": echo, "value": KEY, "permissions": [echo], "items": 7 })),
        |echo| Answer::Bytes(format!("{echo}\r\n\r\n").into_bytes()),
        |_| Answer::Bytes(Vec::new()),
    ];
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    for answer in answers {
        let echo = echo.clone();
        let server = Server::start(move |_| Some(answer(&echo))).await;
        let said = everything_said(&server).await;
        assert!(!said.contains("canary"), "{said}");
    }
    let logged = log.0.lock().unwrap().clone();
    assert!(!logged.contains("canary"), "{logged}");
}

#[tokio::test]
async fn a_healthy_service_does_not_bring_it_out_either() {
    let server = Server::start(|_| None).await;
    let said = everything_said(&server).await;
    assert!(
        said.contains("key `ci`") && !said.contains("canary"),
        "{said}"
    );
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Server::start(|_| None).await;
    let location = format!("Location: {}/api-keys/current\r\n", elsewhere.url());
    let server =
        Server::start(move |_| Some(Answer::Status(307, location.clone(), String::new()))).await;
    assert!(server.backend().check().await.is_err());
    assert_eq!(server.requests().len(), 1);
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn proxies_of_the_environment_are_not_used() {
    let proxy = Server::start(|_| None).await;
    let server = Server::start(|_| None).await;
    let environment = [
        ("DAYTONA_API_KEY", KEY),
        ("HTTP_PROXY", &proxy.url()),
        ("http_proxy", &proxy.url()),
        ("ALL_PROXY", &proxy.url()),
    ];
    server
        .backend_with(json!({}), &environment)
        .check()
        .await
        .unwrap();
    assert_eq!(proxy.requests().len(), 0);
}

#[tokio::test]
async fn nobody_listening_is_an_outage() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let table = json!({ "api-url": format!("http://127.0.0.1:{port}/api") });
    let error = open(table, &[("DAYTONA_API_KEY", KEY)])
        .check()
        .await
        .unwrap_err();
    assert_eq!(error.kind, tbengine_sdk::ErrorKind::Unavailable);
    assert!(error.message.contains("refused the connection"), "{error}");
}

/// Keeps every field of every event and span, of whatever level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        *self.0.lock().unwrap() += &format!("{:?}\n", span.values());
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        *self.0.lock().unwrap() += &format!("{values:?}\n");
    }

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        *self.0.lock().unwrap() += &format!("{event:?}\n");
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}
