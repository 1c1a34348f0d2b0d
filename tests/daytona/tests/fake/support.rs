//! A service whose time the test tells, and a plain HTTP client.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tbengine_fake_daytona::{
    ApiError, By, Change, Cloud, Destruction, FakeDaytona, Make, Sandbox, Settings,
};
use tbengine_sdk::Timestamp;

/// A service without HTTP, and the time.
pub(crate) struct Simulation {
    pub(crate) cloud: Cloud,
    pub(crate) now: Timestamp,
}

impl Simulation {
    pub(crate) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self {
            cloud: Cloud::new(settings),
            now: "2026-11-23T12:00:00Z".parse().unwrap(),
        }
    }

    pub(crate) fn put(&mut self, make: Make) -> String {
        self.cloud.put(make, self.now).to_string()
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
        self.cloud.advance(self.now);
    }

    pub(crate) fn pass_ms(&mut self, ms: u64) {
        self.pass(Duration::from_millis(ms));
    }

    pub(crate) fn change(&mut self, id: &str, change: Change) -> Result<Sandbox, ApiError> {
        let by = By::Key("test".to_owned());
        self.cloud.change(0, id, change, by, self.now)
    }

    pub(crate) fn delete(&mut self, id: &str) -> Result<Sandbox, ApiError> {
        self.change(id, Change::Delete)
    }

    /// The state that a reading by id shows, or the status of the refusal.
    pub(crate) fn state(&self, id: &str) -> Result<&'static str, u16> {
        match self.cloud.get(0, id, self.now) {
            Ok(sandbox) => Ok(sandbox.shown().name()),
            Err(error) => Err(error.status),
        }
    }

    /// The ids and states that the listing shows.
    pub(crate) fn list(&self, query: &str) -> Vec<(String, &'static str)> {
        let (rows, _) = self.cloud.list_page(0, query, self.now).unwrap();
        rows.iter()
            .map(|row| (row.id.to_string(), row.shown().name()))
            .collect()
    }

    pub(crate) fn destroyed(&self) -> &[Destruction] {
        &self.cloud.record.destroyed
    }
}

/// An answer over HTTP.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.to_str().unwrap())
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }
}

/// A caller of a running service.
#[derive(Clone)]
pub(crate) struct Caller {
    client: Client<HttpConnector, Body>,
    url: String,
    key: String,
}

impl Caller {
    pub(crate) fn of(fake: &FakeDaytona) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            url: fake.url(),
            key: fake.key(),
        }
    }

    /// A caller of another address, without a key.
    pub(crate) fn at(url: &str) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            url: url.to_owned(),
            key: String::new(),
        }
    }

    pub(crate) fn key(mut self, key: &str) -> Self {
        self.key = key.to_owned();
        self
    }

    /// Sends a request to a path after `/api`; `None` is a connection that broke.
    pub(crate) async fn try_send(&self, method: &str, path: &str, body: &str) -> Option<Answer> {
        self.send_with(method, path, body, &[]).await
    }

    pub(crate) async fn send_with(
        &self,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Option<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("Authorization", format!("Bearer {}", self.key));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.client.request(request).await.ok()?;
        let (parts, body) = response.into_parts();
        Some(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.collect().await.ok()?.to_bytes(),
        })
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        let answer = self.try_send(method, path, body).await;
        answer.expect("the connection broke")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "").await
    }

    pub(crate) async fn delete(&self, id: &str) -> Answer {
        self.send("DELETE", &format!("/sandbox/{id}"), "").await
    }
}

/// A running service, and a caller with the key that may do everything.
pub(crate) async fn start(settings: Settings) -> (FakeDaytona, Caller) {
    let fake = FakeDaytona::start(settings).await.unwrap();
    let caller = Caller::of(&fake);
    (fake, caller)
}
