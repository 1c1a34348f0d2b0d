//! A team of E2B in good health, with something for each safeguard.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tbengine_e2b::E2b;
use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::{Backend, OpenRequest};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::excuse::{Excuse, How};
use super::provider::Open;
use super::server::{Server, Style};
use super::session::Session;
use super::trial::{LIVE, NOW, OVER};

/// The key, and what sandboxes have in their answers.
pub const SECRETS: &[&str] = &[KEY, SECRET];

const KEY: &str = "e2b_canary0123456789";
const SECRET: &str = "hunter2-canary";
const OLD: &str = "2027-01-01T00:00:00.123Z";
const RECENT: &str = "2027-01-15T07:59:50.5Z";

/// What the service may leave out.
pub const EXCUSES: &[Excuse] = &[
    Excuse {
        path: "/",
        place: "/sandboxID",
        how: How::Another,
        reason: "ids have no form that is written down anywhere, and what is not there answers 404",
    },
    Excuse {
        path: "/",
        place: "/metadata",
        how: How::Absent,
        reason: "a sandbox without metadata is shown without them, and nothing else has them",
    },
];

fn sandbox(number: u64, state: &str, started: &str, metadata: Value) -> Value {
    json!({
        "sandboxID": format!("i{number:019}"), "templateID": "base", "alias": "", "clientID": "c1",
        "startedAt": started, "endAt": "2027-01-16T00:00:00Z", "cpuCount": 2, "memoryMB": 512,
        "diskSizeMB": 1024, "state": state, "metadata": metadata, "envdAccessToken": SECRET,
    })
}

/// The session.
pub fn healthy() -> Session {
    let mut session = Session::new();
    let over = json!({ "tbengine.run-id": OVER });
    let all = vec![
        sandbox(1, "paused", OLD, over.clone()),
        sandbox(2, "running", OLD, over.clone()),
        sandbox(3, "running", OLD, json!({})),
        sandbox(4, "paused", OLD, json!({ "tbengine.protect": "true" })),
        sandbox(5, "paused", RECENT, over),
        sandbox(6, "paused", OLD, json!({ "tbengine.run-id": LIVE })),
        sandbox(
            7,
            "paused",
            OLD,
            json!({ "tbengine.run-id": "20270114T000000-else" }),
        ),
    ];
    for one in &all {
        let native = one["sandboxID"].as_str().expect("an id").to_owned();
        session.show(
            format!("/sandboxes/{native}"),
            "sandbox",
            &native,
            one.clone(),
        );
    }
    session.list(
        "/v2/sandboxes",
        "sandbox",
        "sandboxID",
        "",
        Value::Array(all),
    );
    session
}

/// Opens a backend over a session.
///
/// # Panics
/// If there is no port.
pub fn open(session: Session, tasks: &mut JoinSet<()>) -> Open {
    let server = Server::new(session, Style::E2b);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    listener.set_nonblocking(true).expect("a socket");
    server.serve_tcp(TcpListener::from_std(listener).expect("a socket"), tasks);
    let request = OpenRequest {
        name: "fuzz".into(),
        config: json!({ "api-url": format!("http://127.0.0.1:{port}") }),
        environment: Arc::new(BTreeMap::from([("E2B_API_KEY".to_owned(), KEY.to_owned())])),
        now: NOW,
    };
    let backend: Arc<dyn Backend> = Arc::new(E2b::open(request).expect("it opens"));
    Open {
        backend: Some(OpenBackend::new("fuzz", "e2b", backend)),
        changes: Box::new(move || server.changes()),
        keep: Box::new(()),
    }
}
