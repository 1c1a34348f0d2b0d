//! A dockerd in good health, with something for each safeguard.

use std::sync::Arc;

use serde_json::{Value, json};
use tbengine_docker::Docker;
use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::{Backend, OpenRequest};
use tokio::net::UnixListener;
use tokio::task::JoinSet;

use super::excuse::{Excuse, How};
use super::provider::Open;
use super::server::{Server, Style};
use super::session::Session;
use super::trial::{LIVE, NOW, OVER};

/// What must not be in any message: it is in environments, arguments and options.
pub const SECRETS: &[&str] = &["hunter2-canary"];

const SECRET: &str = "hunter2-canary";
const OLD: &str = "2027-01-01T00:00:00.123456789Z";
const OLD_SECONDS: i64 = 1_798_761_600;
const RECENT: &str = "2027-01-15T07:59:50.5Z";
const NEVER: &str = "0001-01-01T00:00:00Z";

/// What a dockerd may leave out.
pub const EXCUSES: &[Excuse] = &[
    Excuse {
        path: "/containers/",
        place: "/HostConfig",
        how: How::Absent,
        reason: "an empty policy of restarts is that of a container that has none, and no second answer has it",
    },
    Excuse {
        path: "/containers/",
        place: "/RestartPolicy/Name",
        how: How::Another,
        reason: "which words mean that it is kept on purpose is a rule of owners, and others may come",
    },
    Excuse {
        path: "/containers/",
        place: "/RestartPolicy",
        how: How::Retyped,
        reason: "a list is read as the fields of an object in their order, and no daemon writes one here",
    },
    Excuse {
        path: "/containers/",
        place: "/State/FinishedAt",
        how: How::Absent,
        reason: "a container that never ran has not ended, and no second answer has it",
    },
    Excuse {
        path: "/volumes",
        place: "/Name",
        how: How::Another,
        reason: "a volume has nothing but its name; one that is not there is found gone when it is read",
    },
    Excuse {
        path: "/networks",
        place: "/Name",
        how: How::Another,
        reason: "the networks of the daemon, and those of what never ran, are known by nothing but their names",
    },
    Excuse {
        path: "/networks",
        place: "/Labels",
        how: How::Absent,
        reason: "Go writes no labels as null, and no second answer has them",
    },
    Excuse {
        path: "/volumes",
        place: "/Labels",
        how: How::Absent,
        reason: "Go writes no labels as null, and no second answer has them",
    },
];

fn id(number: u64) -> String {
    format!("{number:064x}")
}

fn image_id(number: u64) -> String {
    format!("sha256:{}", id(0xaa00 + number))
}

struct Container {
    number: u64,
    name: &'static str,
    state: &'static str,
    created: &'static str,
    finished: &'static str,
    labels: Value,
    /// Name and id; without an id it never ran.
    network: Option<(&'static str, Option<u64>)>,
    volume: Option<String>,
    is_asked_for: bool,
    image: u64,
    restart: &'static str,
}

impl Container {
    fn new(number: u64, name: &'static str) -> Self {
        Self {
            number,
            name,
            state: "exited",
            created: OLD,
            finished: OLD,
            labels: json!({}),
            network: None,
            volume: None,
            is_asked_for: true,
            image: 1,
            restart: "no",
        }
    }

    fn running(self) -> Self {
        Self {
            state: "running",
            finished: NEVER,
            ..self
        }
    }

    fn labelled(self, key: &str, value: &str) -> Self {
        Self {
            labels: json!({ key: value }),
            ..self
        }
    }

    fn networks(&self) -> Value {
        match self.network {
            None => json!({ "bridge": { "NetworkID": id(0xb0), "IPAddress": "172.17.0.2" } }),
            Some((name, Some(number))) => json!({ name: { "NetworkID": id(number) } }),
            Some((name, None)) => json!({ name: { "NetworkID": "" } }),
        }
    }

    fn mounts(&self) -> Value {
        match &self.volume {
            None => json!([]),
            Some(name) => json!([{
                "Type": "volume", "Name": name, "Driver": "local", "RW": true,
                "Source": format!("/var/lib/docker/volumes/{name}/_data"), "Destination": "/data",
            }]),
        }
    }

    fn add_to(&self, session: &mut Session, listed: &mut Vec<Value>) {
        let native = id(self.number);
        let created: tbengine_sdk::Timestamp = self.created.parse().expect("a time");
        listed.push(json!({
            "Id": native, "Names": [format!("/{}", self.name)], "Image": "app:1",
            "ImageID": image_id(self.image), "Created": created.as_unix_ms() / 1000,
            "Command": format!("serve --password {SECRET}"), "State": self.state, "Status": "Up",
            "Labels": self.labels, "Mounts": self.mounts(),
            "NetworkSettings": { "Networks": self.networks() },
        }));
        let binds = match &self.volume {
            Some(name) if self.is_asked_for => json!([format!("{name}:/data")]),
            _ => Value::Null,
        };
        let body = json!({
            "Id": native, "Created": self.created, "Name": format!("/{}", self.name),
            "Path": "serve", "Args": ["--password", SECRET], "Image": image_id(self.image),
            "State": {
                "Status": self.state, "ExitCode": 0, "StartedAt": OLD, "FinishedAt": self.finished,
                "Running": self.state == "running",
            },
            "Config": {
                "Image": "app:1", "Env": [format!("TOKEN={SECRET}")], "Labels": self.labels,
                "StopSignal": "SIGTERM", "WorkingDir": "/app",
            },
            "HostConfig": {
                "AutoRemove": false, "RestartPolicy": { "Name": self.restart, "MaximumRetryCount": 0 },
                "Binds": binds, "Mounts": null,
            },
            "Mounts": self.mounts(),
            "NetworkSettings": { "Networks": self.networks() },
        });
        session.show(
            format!("/containers/{native}/json"),
            "container",
            &native,
            body,
        );
    }
}

fn containers() -> Vec<Container> {
    let project = |name: &str| {
        json!({
            "com.docker.compose.project": "shop", "com.docker.compose.service": name,
            "com.docker.compose.container-number": "1",
        })
    };
    let anonymous = id(0xf0);
    vec![
        // Nothing protects these two.
        Container::new(1, "rubbish"),
        Container {
            volume: Some(anonymous),
            is_asked_for: false,
            ..Container::new(2, "with-anonymous-volume").labelled("tbengine.run-id", OVER)
        },
        Container::new(3, "over")
            .running()
            .labelled("tbengine.run-id", OVER),
        // Each of these is kept by one safeguard, and holds what it uses.
        Container {
            network: Some(("backend", Some(0xb2))),
            volume: Some("data".into()),
            image: 2,
            ..Container::new(4, "database").running()
        },
        Container {
            network: Some(("waiting", None)),
            ..Container::new(5, "protected").labelled("tbengine.protect", "true")
        },
        Container::new(6, "until").labelled("tbengine.keep-until", "2030-01-01T00:00:00Z"),
        Container {
            created: RECENT,
            ..Container::new(7, "young")
        },
        Container {
            finished: RECENT,
            ..Container::new(8, "just-ended")
        },
        Container::new(9, "leased").labelled("tbengine.run-id", LIVE),
        Container::new(10, "elsewhere").labelled("tbengine.run-id", "20270114T000000-else"),
        Container::new(11, "kind-control-plane").labelled("io.x-k8s.kind.cluster", "kind"),
        Container {
            labels: project("web"),
            network: Some(("shop_default", Some(0xb3))),
            volume: Some("shop_data".into()),
            ..Container::new(12, "shop-web-1").running()
        },
        Container {
            labels: project("job"),
            network: Some(("shop_default", Some(0xb3))),
            ..Container::new(13, "shop-job-1")
        },
        Container {
            restart: "always",
            ..Container::new(14, "comes-back")
        },
        Container {
            state: "paused",
            ..Container::new(15, "frozen")
        },
    ]
}

/// The session.
pub fn healthy() -> Session {
    let mut session = Session::new();
    session.answer("/_ping", json!("OK"));
    session.answer(
        "/version",
        json!({ "ApiVersion": "1.44", "Version": "25.0.3" }),
    );
    session.answer(
        "/info",
        json!({
            "ID": "daemon-1", "Name": "host", "ServerVersion": "25.0.3", "DockerRootDir": "/var/lib/docker",
            "KernelVersion": "6.1.0", "DriverStatus": [["Backing Filesystem", "extfs"]],
            "SystemTime": NOW.to_string(), "HttpProxy": format!("http://user:{SECRET}@proxy:3128"),
        }),
    );
    let mut listed = Vec::new();
    for container in containers() {
        container.add_to(&mut session, &mut listed);
    }
    session.list(
        "/containers/json",
        "container",
        "Id",
        "",
        Value::Array(listed),
    );
    networks(&mut session);
    volumes(&mut session);
    images(&mut session);
    session
}

fn networks(session: &mut Session) {
    let network = |number: u64, name: &str, created: &str, labels: Value| {
        json!({
            "Id": id(number), "Name": name, "Created": created, "Driver": "bridge", "Scope": "local",
            "Internal": false, "Ingress": false, "Labels": labels, "Containers": {},
            "Options": { "com.docker.network.driver.secret": SECRET },
        })
    };
    let project = json!({ "com.docker.compose.project": "shop" });
    let all = vec![
        network(0xb0, "bridge", OLD, json!({})),
        network(0xb1, "unused", OLD, json!({})),
        network(0xb2, "backend", OLD, json!({})),
        network(0xb3, "shop_default", OLD, project),
        network(0xb4, "waiting", OLD, json!({})),
        network(0xb5, "fresh", RECENT, json!({})),
        network(0xb6, "mine", OLD, json!({ "tbengine.protect": "true" })),
    ];
    for one in &all {
        let native = one["Id"].as_str().expect("an id").to_owned();
        session.show(
            format!("/networks/{native}"),
            "network",
            &native,
            one.clone(),
        );
    }
    session.answer("/networks/bridge", all[0].clone());
    session.list("/networks", "network", "Id", "", Value::Array(all));
}

fn volumes(session: &mut Session) {
    let volume = |name: &str, created: &str, labels: Value| {
        json!({
            "Name": name, "Driver": "local", "CreatedAt": created, "Labels": labels, "Scope": "local",
            "Mountpoint": format!("/var/lib/docker/volumes/{name}/_data"),
            "Options": { "o": format!("password={SECRET}") },
        })
    };
    let project = json!({ "com.docker.compose.project": "shop" });
    let all = vec![
        volume("unused", OLD, json!({})),
        volume("data", OLD, json!({})),
        volume("shop_data", OLD, project),
        volume("fresh", RECENT, json!({})),
        volume("mine", OLD, json!({ "tbengine.protect": "true" })),
        volume(&id(0xf0), OLD, json!({})),
        volume(&id(0xf1), OLD, json!({})),
    ];
    for one in &all {
        let native = one["Name"].as_str().expect("a name").to_owned();
        session.show(format!("/volumes/{native}"), "volume", &native, one.clone());
    }
    let body = json!({ "Volumes": all, "Warnings": null });
    session.list("/volumes", "volume", "Name", "/Volumes", body);
}

fn images(session: &mut Session) {
    let mut all = Vec::new();
    let mut image = |number: u64, parent: &str, tags: Value, labels: Value, tagged: &str| {
        let native = image_id(number);
        all.push(json!({
            "Id": native, "ParentId": parent, "RepoTags": tags, "RepoDigests": [],
            "Created": OLD_SECONDS, "Size": 1000, "SharedSize": -1, "Labels": labels, "Containers": -1,
        }));
        let body = json!({
            "Id": native, "Parent": parent, "RepoTags": tags, "RepoDigests": [],
            "Created": "2027-01-01T00:00:00.5Z",
            "Config": { "Labels": labels, "Env": [format!("TOKEN={SECRET}")] },
            "Metadata": { "LastTagTime": tagged },
        });
        session.show(format!("/images/{native}/json"), "image", &native, body);
    };
    let none = json!({});
    image(1, "", json!(["app:1"]), none.clone(), OLD);
    image(2, "", json!(["db:1"]), none.clone(), OLD);
    image(3, "", json!([]), none.clone(), OLD);
    // A step of a build under an image with a tag.
    image(4, "", json!([]), none.clone(), NEVER);
    image(5, &image_id(4), json!(["built:1"]), none.clone(), OLD);
    image(6, "", json!(["pulled:1"]), none, RECENT);
    image(
        7,
        "",
        json!(["mine:1"]),
        json!({ "tbengine.protect": "true" }),
        OLD,
    );
    session.list("/images/json", "image", "Id", "", Value::Array(all));
}

/// Opens a backend over a session.
///
/// # Panics
/// If there can be no socket.
pub fn open(session: Session, tasks: &mut JoinSet<()>) -> Open {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("docker.sock");
    let server = Server::new(session, Style::Docker);
    server.serve_unix(UnixListener::bind(&path).expect("a socket"), tasks);
    let request = OpenRequest {
        name: "fuzz".into(),
        config: json!({ "host": format!("unix://{}", path.display()), "call-timeout": "1m" }),
        environment: Arc::default(),
        now: NOW,
    };
    let backend: Arc<dyn Backend> = Arc::new(Docker::open(request).expect("it opens"));
    Open {
        backend: Some(OpenBackend::new("fuzz", "docker", backend)),
        changes: Box::new(move || server.changes()),
        keep: Box::new(directory),
    }
}
