//! What gets the label, and what the daemon refuses.

use serde_json::json;
use tbengine_docker::labelling::Created;
use tbengine_dockerd::shared;
use tbengine_sdk::Kind;

use super::{BARE_LABEL, Front, LABEL, exchange, post};
use crate::real::support::{backend, known};

fn label_of(id: &str) -> String {
    shared().inspect(id, LABEL).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_created_belongs_to_the_run_and_keeps_its_own_labels() {
    let front = Front::of(shared(), "run-created").await;
    let image = shared().image();
    let container = front.docker(&["create", "--label", "mine=1", image, "true"]);
    let network = front.docker(&["network", "create", "--label", "mine=1", "labelled-net"]);
    let volume = front.docker(&["volume", "create", "--label", "mine=1", "labelled-vol"]);

    assert_eq!(label_of(&container), "run-created");
    for (id, labels) in [
        (&container, ".Config.Labels"),
        (&network, ".Labels"),
        (&volume, ".Labels"),
    ] {
        let both = format!("{{{{index {labels} \"tbengine.run-id\"}}}} {{{{{labels}.mine}}}}");
        assert_eq!(shared().inspect(id, &both).unwrap(), "run-created 1");
    }
    // A name can come to mean another volume, an id cannot.
    let at = shared().inspect("labelled-vol", "{{.CreatedAt}}").unwrap();
    let created = |kind, native: &str| Created {
        kind,
        native: native.to_owned(),
        created: (kind == Kind::VOLUME).then(|| at.parse().unwrap()),
    };
    assert_eq!(
        front.socket.created(),
        [
            created(Kind::CONTAINER, &container),
            created(Kind::NETWORK, &network),
            created(Kind::VOLUME, "labelled-vol"),
        ]
    );

    // Creating a volume that exists gives the one that is there, regardless of who has it.
    shared().create_volume("labelled-foreign", &[]);
    front.docker(&["volume", "create", "labelled-foreign"]);
    assert_eq!(
        shared().inspect("labelled-foreign", BARE_LABEL).unwrap(),
        ""
    );
    assert_eq!(front.socket.created().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_innermost_of_two_sockets_owns_what_is_created() {
    let outer = Front::of(shared(), "run-outer").await;
    let inner_of = json!({ "host": format!("unix://{}", outer.path().display()) });
    let inner = Front::to(&inner_of, "run-inner").await.unwrap();
    let container = inner.docker(&["create", shared().image(), "true"]);
    assert_eq!(label_of(&container), "run-inner");
    assert_eq!(inner.socket.created().len(), 1);
    assert_eq!(outer.socket.created(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_that_a_container_names_belong_to_the_run_if_it_made_them() {
    let front = Front::of(shared(), "run-volumes").await;
    shared().create_volume("named-before", &["--label", "mine=1"]);
    let container = front.docker(&[
        "run",
        "--detach",
        "--volume=named-bound:/bound",
        "--volume=named-before:/before:ro",
        "--volume=/anonymous",
        "--mount=type=volume,source=named-mounted,target=/mounted,volume-label=mine=1",
        shared().image(),
        "sh",
        "-c",
        "echo kept > /bound/file; sleep 100000",
    ]);
    let labels = |name: &str| shared().inspect(name, "{{json .Labels}}").unwrap();
    assert_eq!(
        labels("named-bound"),
        r#"{"tbengine.run-id":"run-volumes"}"#
    );
    assert_eq!(labels("named-before"), r#"{"mine":"1"}"#);
    assert_eq!(
        labels("named-mounted"),
        r#"{"mine":"1","tbengine.run-id":"run-volumes"}"#
    );
    let natives: Vec<String> = front
        .socket
        .created()
        .into_iter()
        .map(|created| created.native)
        .collect();
    // The anonymous one has no label; it is only reported.
    let mounts = "{{range .Mounts}}{{if eq .Destination \"/anonymous\"}}{{.Name}}{{end}}{{end}}";
    let anonymous = shared().inspect(&container, mounts).unwrap();
    assert_eq!(labels(&anonymous), "null");
    assert_eq!(
        natives,
        ["named-bound", "named-mounted", &container, &anonymous]
    );
    assert_eq!(
        front.docker(&["exec", &container, "cat", "/bound/file"]),
        "kept"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn images_that_are_built_or_committed_belong_to_the_run() {
    let front = Front::of(shared(), "run-images").await;
    let context = tempfile::tempdir().unwrap();
    let dockerfile = format!(
        "FROM {}\nCOPY large /large\nRUN sh -c 'echo built > /built'\nCMD [\"cat\", \"/built\"]\n",
        shared().image()
    );
    std::fs::write(context.path().join("Dockerfile"), dockerfile).unwrap();
    std::fs::write(context.path().join("large"), vec![7; 5 << 20]).unwrap();
    front.docker(&[
        "build",
        "--tag=labelled:built",
        "--label=mine=a b&c",
        context.path().to_str().unwrap(),
    ]);
    let mine = "{{.Config.Labels.mine}}";
    assert_eq!(shared().inspect("labelled:built", mine).unwrap(), "a b&c");
    let container = front.docker(&["create", "labelled:built"]);
    assert_eq!(label_of(&container), "run-images");
    assert_eq!(front.docker(&["start", "--attach", &container]), "built");
    let change = "--change=ENV A=b";
    front.docker(&["commit", change, &container, "labelled:committed"]);
    let env = shared().inspect("labelled:committed", "{{.Config.Env}}");
    assert!(env.unwrap().contains("A=b"));

    let docker = backend();
    for image in ["labelled:built", "labelled:committed"] {
        let id = shared().inspect(image, "{{.Id}}").unwrap();
        let found = known(&docker, Kind::IMAGE, &id).await;
        assert_eq!(found.labels.get("tbengine.run-id"), Some("run-images"));
        // What someone else runs from it is not the run's.
        let other = shared().docker(&["create", image]);
        let other = known(&docker, Kind::CONTAINER, &other).await;
        assert_eq!(other.labels.get("tbengine.run-id").unwrap_or_default(), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_daemon_refuses_is_refused_in_its_own_words() {
    let front = Front::of(shared(), "run-refused").await;
    for (path, body) in [
        ("/v1.41/containers/create", "no json"),
        ("/v1.41/containers/create", "[]"),
        (
            "/v1.41/containers/create",
            r#"{"Image":"busybox","Labels":[]}"#,
        ),
        ("/v1.41/containers/create", r#"{"Image":"missing:1"}"#),
        ("/v1.41/networks/create", "{"),
        (
            "/volumes/create",
            r#"{"Name":"x","DriverOpts":{"bad":"1"}}"#,
        ),
        ("/v9.99/containers/create", "{}"),
        ("/v1.41/nothing/create", "{}"),
    ] {
        let request = post(path, body);
        let direct = exchange(&shared().socket(), &request).await;
        let through = front.exchange(&request).await;
        let untimed = |reply: &str| -> Vec<String> {
            let lines = reply.lines().filter(|line| !line.starts_with("Date:"));
            lines.map(str::to_owned).collect()
        };
        assert!(
            direct.contains("HTTP/1.1 4") || direct.contains("HTTP/1.1 5"),
            "{direct}"
        );
        assert_eq!(untimed(&through), untimed(&direct), "{path} {body}");
    }
    assert_eq!(front.socket.created(), []);

    let large = format!(
        r#"{{"Image":"busybox","Env":["{}"]}}"#,
        "x".repeat(17 << 20)
    );
    let refused = front.exchange(&post("/containers/create", &large)).await;
    let (head, body) = refused.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert!(
        body["message"].as_str().unwrap().contains("16 MiB"),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_follow_each_other_on_one_connection_in_any_framing() {
    let front = Front::of(shared(), "run-framing").await;
    let body = r#"{"Image":"busybox","Cmd":["true"],"HostConfig":{"NanoCpus":500000000,"ShmSize":9007199254740993}}"#;
    let (first, second) = body.split_at(20);
    let chunked = format!(
        "POST /v1.41/containers/create?name=framed HTTP/1.1\r\nhost: docker\r\ncontent-type: application/json\r\n\
         expect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    );
    let mut requests = b"GET /_ping HTTP/1.1\r\nhost: docker\r\n\r\n".to_vec();
    requests.extend_from_slice(chunked.as_bytes());
    requests.extend_from_slice(b"HEAD /_ping HTTP/1.1\r\nhost: docker\r\n\r\n");
    requests.extend_from_slice(b"GET http://docker/v1.41/containers/framed/json HTTP/1.0\r\n\r\n");
    let replies = front.exchange(&requests).await;
    assert_eq!(
        replies.matches("HTTP/1.1 200 OK").count() + replies.matches("HTTP/1.0 200 OK").count(),
        3,
        "{replies}"
    );
    assert_eq!(
        replies.matches("HTTP/1.1 201 Created").count(),
        1,
        "{replies}"
    );
    let inspected = "{{.HostConfig.NanoCpus}} {{.HostConfig.ShmSize}}";
    assert_eq!(label_of("framed"), "run-framing");
    assert_eq!(
        shared().inspect("framed", inspected).unwrap(),
        "500000000 9007199254740993"
    );
}
