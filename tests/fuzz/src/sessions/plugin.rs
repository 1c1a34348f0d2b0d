//! A plugin in good health, by the documents that it answers with, with something for each safeguard.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tbengine_plugin_host::plugins::Opening;
use tbengine_plugin_host::remote::Channel;
use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::wire::{Opened, Request};
use tbengine_sdk::{Error, ErrorKind, Result, async_trait};
use tokio::task::JoinSet;

use super::excuse::{Excuse, How};
use super::provider::Open;
use super::session::{Change, Session};
use super::trial::{LIVE, OVER};

/// Documents of plugins hold no secrets, and what they hold may be shown.
pub const SECRETS: &[&str] = &[];

const OLD: &str = "2027-01-01T00:00:00.123Z";
const RECENT: &str = "2027-01-15T07:59:50.5Z";

/// What the protocol lets a plugin leave out.
pub const EXCUSES: &[Excuse] = &[
    Excuse {
        path: "",
        place: "/labels",
        how: How::Absent,
        reason: "optional by the protocol: what has none leaves them out",
    },
    Excuse {
        path: "",
        place: "/relations",
        how: How::Absent,
        reason: "optional by the protocol: what uses nothing leaves them out",
    },
    Excuse {
        path: "",
        place: "/unit",
        how: How::Absent,
        reason: "optional by the protocol: what is in no unit leaves it out",
    },
    Excuse {
        path: "",
        place: "/finished",
        how: How::Absent,
        reason: "optional by the protocol: most providers know no time of the end",
    },
    Excuse {
        path: "",
        place: "/damaged",
        how: How::Absent,
        reason: "optional by the protocol: what is whole leaves it out",
    },
    Excuse {
        path: "",
        place: "/surrendered",
        how: How::Absent,
        reason: "optional by the protocol: hardly any provider hides what it was to delete",
    },
    Excuse {
        path: "",
        place: "/relations",
        how: How::Another,
        reason: "the id of what is used is any text, and so is the word of its kind; the list may be shorter",
    },
    Excuse {
        path: "",
        place: "/unit",
        how: How::Another,
        reason: "a unit is any text",
    },
    Excuse {
        path: "",
        place: "/identity/native",
        how: How::Another,
        reason: "an id is any text",
    },
    Excuse {
        path: "",
        place: "/identity/account",
        how: How::Another,
        reason: "an account is any text, and what is in another uses nothing here",
    },
    Excuse {
        path: "",
        place: "/identity/backend",
        how: How::Refuses,
        reason: "a plugin that answers with what is another backend's is believed in nothing",
    },
    Excuse {
        path: "",
        place: "/identity/kind",
        how: How::Refuses,
        reason: "a plugin that answers with another kind than was asked for is believed in nothing",
    },
];

fn resource(kind: &str, native: &str, state: &str, more: Value) -> Value {
    let mut resource = json!({
        "identity": {
            "backend": "fuzz", "account": "account-1", "kind": kind, "native": native, "created": OLD,
        },
        "name": native, "state": state,
    });
    if let (Value::Object(resource), Value::Object(more)) = (&mut resource, more) {
        resource.extend(more);
    }
    resource
}

fn containers() -> Vec<Value> {
    let labels = |key: &str, value: &str| json!({ "labels": { key: value } });
    let mut young = resource("container", "young", "exited", json!({ "finished": OLD }));
    young["identity"]["created"] = RECENT.into();
    vec![
        resource("container", "rubbish", "exited", json!({ "finished": OLD })),
        resource(
            "container",
            "over",
            "running",
            labels("tbengine.run-id", OVER),
        ),
        resource(
            "container",
            "database",
            "running",
            json!({ "relations": [
                { "kind": "volume", "native": "data" },
                { "kind": "network", "native": "backend", "bond": "uses" },
            ] }),
        ),
        resource(
            "container",
            "protected",
            "exited",
            labels("tbengine.protect", "true"),
        ),
        resource(
            "container",
            "until",
            "exited",
            labels("tbengine.keep-until", "2030-01-01T00:00:00Z"),
        ),
        young,
        resource(
            "container",
            "just-ended",
            "exited",
            json!({ "finished": RECENT }),
        ),
        resource(
            "container",
            "leased",
            "exited",
            labels("tbengine.run-id", LIVE),
        ),
        resource("container", "odd", "unknown", json!({})),
        resource(
            "container",
            "unit-web",
            "running",
            json!({ "unit": "shop" }),
        ),
        resource(
            "container",
            "unit-job",
            "exited",
            json!({ "unit": "shop", "finished": OLD }),
        ),
        resource(
            "container",
            "in-part",
            "exited",
            json!({ "damaged": { "message": "its layer is gone" } }),
        ),
        resource(
            "container",
            "hidden",
            "exited",
            json!({ "surrendered": true }),
        ),
    ]
}

/// The session.
pub fn healthy() -> Session {
    let mut session = Session::new();
    let kind = |word: &str, class: &str, used_by: &[&str]| {
        json!({
            "kind": word, "class": class, "about": "", "runs": class == "compute",
            "used-by": used_by, "deletes-at-once": true,
        })
    };
    session.answer(
        "open",
        json!({ "capabilities": {
            "kinds": [
                kind("container", "compute", &[]),
                kind("network", "network", &["container"]),
                kind("volume", "storage", &["container"]),
            ],
            "methods": [], "concurrency": 4,
        } }),
    );
    session.answer(
        "check",
        json!({ "id": "account-1", "description": "An account" }),
    );
    let all = [
        ("container", containers()),
        (
            "network",
            vec![
                resource("network", "unused", "present", json!({})),
                resource("network", "backend", "present", json!({})),
            ],
        ),
        (
            "volume",
            vec![
                resource("volume", "unused", "present", json!({})),
                resource("volume", "data", "present", json!({})),
                resource(
                    "volume",
                    "mine",
                    "present",
                    json!({ "labels": { "tbengine.protect": "true" } }),
                ),
            ],
        ),
    ];
    for (kind, resources) in all {
        for one in &resources {
            let native = one["identity"]["native"].as_str().expect("an id");
            let answer = json!({ "resource": one });
            session.show(format!("get {kind} {native}"), kind, native, answer);
        }
        let body = json!({ "resources": resources, "next": null });
        session.list(&format!("list {kind}"), kind, "name", "/resources", body);
    }
    session
}

/// A plugin that answers as a session says.
struct Scripted {
    session: Session,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    changes: Vec<Change>,
    gone: BTreeSet<(String, String)>,
}

impl Scripted {
    fn body(&self, path: &str) -> Result<Vec<u8>> {
        let gone = self
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .gone
            .clone();
        match self.session.without(path, &gone) {
            Some(answer) => Ok(answer.body.to_string().into_bytes()),
            None => Ok(json!({ "resource": null }).to_string().into_bytes()),
        }
    }

    fn change(&self, method: &str, target: &tbengine_sdk::Identity) -> Vec<u8> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (kind, native) = (target.kind.to_string(), target.native.clone());
        state.changes.push(Change {
            method: method.to_owned(),
            kind: kind.clone(),
            native: native.clone(),
        });
        if method == "delete" {
            state.gone.insert((kind, native));
        }
        b"{}".to_vec()
    }
}

#[async_trait]
impl Channel for Scripted {
    async fn send(&self, method: &[u8], request: Vec<u8>) -> Result<Vec<u8>> {
        match Request::read(method, &request)? {
            Request::Check => self.body("check"),
            Request::List(request) => self.body(&format!("list {}", request.kind)),
            Request::Get(aim) => {
                self.body(&format!("get {} {}", aim.target.kind, aim.target.native))
            }
            Request::Stop(aim) => Ok(self.change("stop", &aim.target)),
            Request::Delete(aim) => Ok(self.change("delete", &aim.target)),
            Request::Archive(aim) => Ok(self.change("archive", &aim.target)),
            _ => Err(Error::new(ErrorKind::Unsupported, "not in this session")),
        }
    }

    fn unsolicited(&self) -> u64 {
        0
    }

    fn pending(&self) -> usize {
        0
    }
}

/// Opens a backend over a session.
pub fn open(session: Session, _: &mut JoinSet<()>) -> Open {
    let opened = session
        .answers
        .get("open")
        .map(|answer| answer.body.clone());
    let opened = opened.and_then(|body| serde_json::from_value::<Opened>(body).ok());
    let state = Arc::new(Mutex::new(State::default()));
    let channel = Arc::new(Scripted {
        session,
        state: state.clone(),
    });
    let backend = opened.map(|opened| {
        let opening = Opening {
            channel,
            capabilities: opened.capabilities,
        };
        OpenBackend::new("fuzz", "plugin", opening.into_backend("fuzz".into()))
    });
    Open {
        backend,
        changes: Box::new(move || {
            let state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.changes.clone()
        }),
        keep: Box::new(()),
    }
}
