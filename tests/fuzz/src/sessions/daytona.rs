//! An organization of Daytona in good health, with something for each safeguard.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tbengine_daytona::Daytona;
use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::{Backend, OpenRequest};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::excuse::{Excuse, How};
use super::provider::Open;
use super::server::{Server, Style};
use super::session::Session;
use super::trial::{LIVE, NOW, OVER};

/// The key, and what sandboxes have in their environment.
pub const SECRETS: &[&str] = &[KEY, SECRET];

const KEY: &str = "dtn_canary0123456789";
const SECRET: &str = "hunter2-canary";
const ORGANIZATION: &str = "0f0f0f0f-0000-4000-8000-00000000c0de";
const OLD: &str = "2027-01-01T00:00:00.123Z";
const RECENT: &str = "2027-01-15T07:59:50.5Z";

/// What the service may leave out.
pub const EXCUSES: &[Excuse] = &[
    Excuse {
        path: "/api/",
        place: "/organizationId",
        how: How::Refuses,
        reason: "where something of another organization is shown nothing is believed",
    },
    Excuse {
        path: "/api/sandbox",
        place: "/labels",
        how: How::Absent,
        reason: "a sandbox without labels is shown without them by some versions, and nothing else has them",
    },
    Excuse {
        path: "/api/sandbox",
        place: "/desiredState",
        how: How::Absent,
        reason: "most sandboxes have none, and then the state alone counts",
    },
];

fn id(number: u64) -> String {
    format!("0f8fad5b-d9cb-469f-a165-{number:012x}")
}

fn sandbox(number: u64, name: &str, state: &str, created: &str, labels: Value) -> Value {
    json!({
        "id": id(number), "organizationId": ORGANIZATION, "name": name, "target": "eu", "state": state,
        "desiredState": state, "snapshot": "harbor__0123456789ab__snapshot", "labels": labels, "cpu": 1, "gpu": 0,
        "memory": 1, "disk": 3, "env": { "TOKEN": SECRET }, "backupState": "None", "autoStopInterval": 15,
        "autoArchiveInterval": 10080, "autoDeleteInterval": -1, "createdAt": created,
        "updatedAt": OLD, "lastActivityAt": OLD, "authToken": SECRET,
    })
}

/// The session.
pub fn healthy() -> Session {
    let mut session = Session::new();
    session.answer(
        "/api/api-keys/current",
        json!({
            "name": "nightly", "value": "dtn_********************", "organizationId": ORGANIZATION,
            "permissions": [
                "write:sandboxes", "delete:sandboxes", "write:snapshots", "delete:snapshots", "read:volumes",
                "write:volumes", "delete:volumes",
            ],
            "expiresAt": null,
        }),
    );
    let over = json!({ "tbengine.run-id": OVER });
    let mut just_ended = sandbox(8, "just-ended", "stopped", OLD, over.clone());
    just_ended["lastActivityAt"] = RECENT.into();
    just_ended["updatedAt"] = RECENT.into();
    let mut starting = sandbox(11, "wakes-up", "stopped", OLD, over.clone());
    starting["desiredState"] = "started".into();
    let all = vec![
        // Nothing protects these.
        sandbox(1, "rubbish", "stopped", OLD, over.clone()),
        sandbox(2, "over", "started", OLD, over.clone()),
        sandbox(3, "failed", "error", OLD, over.clone()),
        // Each of these is kept by one safeguard.
        sandbox(4, "stranger", "started", OLD, json!({})),
        sandbox(
            5,
            "protected",
            "stopped",
            OLD,
            json!({ "tbengine.protect": "true" }),
        ),
        sandbox(
            6,
            "until",
            "stopped",
            OLD,
            json!({ "tbengine.keep-until": "2030-01-01T00:00:00Z" }),
        ),
        sandbox(7, "young", "stopped", RECENT, over.clone()),
        just_ended,
        sandbox(
            9,
            "leased",
            "stopped",
            OLD,
            json!({ "tbengine.run-id": LIVE }),
        ),
        sandbox(
            10,
            "elsewhere",
            "stopped",
            OLD,
            json!({ "tbengine.run-id": "20270114T000000-else" }),
        ),
        starting,
        sandbox(12, "leaving", "destroying", OLD, over),
        sandbox(13, "at-rest", "stopped", OLD, json!({})),
    ];
    for one in &all {
        let native = one["id"].as_str().expect("an id").to_owned();
        session.show(
            format!("/api/sandbox/{native}"),
            "sandbox",
            &native,
            one.clone(),
        );
    }
    let body = json!({ "items": all, "nextCursor": null, "total": all.len() });
    session.list("/api/sandbox", "sandbox", "id", "/items", body);
    snapshots(&mut session);
    volumes(&mut session);
    session
}

fn snapshots(session: &mut Session) {
    let snapshot = |number: u64, name: &str, general: bool, created: &str| {
        json!({
            "id": id(number), "organizationId": ORGANIZATION, "general": general, "name": name,
            "imageName": "ubuntu:24.04", "state": "active", "size": 1.5, "createdAt": created,
            "lastUsedAt": OLD, "regionIds": ["eu"],
        })
    };
    let all = vec![
        snapshot(0x21, "unused", false, OLD),
        snapshot(0x22, "daytona-small", true, OLD),
        snapshot(0x23, "fresh", false, RECENT),
    ];
    for one in &all {
        let native = one["id"].as_str().expect("an id").to_owned();
        session.show(
            format!("/api/snapshots/{native}"),
            "snapshot",
            &native,
            one.clone(),
        );
    }
    let body = json!({ "items": all, "total": 3, "page": 1, "totalPages": 1 });
    session.list("/api/snapshots", "snapshot", "id", "/items", body);
}

fn volumes(session: &mut Session) {
    let volume = |number: u64, name: &str, created: &str| {
        json!({
            "id": id(number), "organizationId": ORGANIZATION, "name": name, "state": "ready",
            "createdAt": created, "lastUsedAt": OLD,
        })
    };
    let all = vec![volume(0x31, "unused", OLD), volume(0x32, "fresh", RECENT)];
    for one in &all {
        let native = one["id"].as_str().expect("an id").to_owned();
        session.show(
            format!("/api/volumes/{native}"),
            "volume",
            &native,
            one.clone(),
        );
    }
    session.list("/api/volumes", "volume", "id", "", Value::Array(all));
}

/// Opens a backend over a session.
///
/// # Panics
/// If there is no port.
pub fn open(session: Session, tasks: &mut JoinSet<()>) -> Open {
    let server = Server::new(session, Style::Daytona);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    listener.set_nonblocking(true).expect("a socket");
    server.serve_tcp(TcpListener::from_std(listener).expect("a socket"), tasks);
    let request = OpenRequest {
        name: "fuzz".into(),
        config: json!({ "api-url": format!("http://127.0.0.1:{port}/api"), "call-timeout": "1m" }),
        environment: Arc::new(BTreeMap::from([(
            "DAYTONA_API_KEY".to_owned(),
            KEY.to_owned(),
        )])),
        now: NOW,
    };
    let backend: Arc<dyn Backend> = Arc::new(Daytona::open(request).expect("it opens"));
    Open {
        backend: Some(OpenBackend::new("fuzz", "daytona", backend)),
        changes: Box::new(move || server.changes()),
        keep: Box::new(()),
    }
}
