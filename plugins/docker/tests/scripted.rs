//! The backend against a scripted server: the outcomes that a healthy daemon does not show.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tbengine_docker::Docker;
use tbengine_sdk::{
    Backend, DeleteOptions, Error, ErrorKind, Identity, Kind, ListRequest, OpenRequest, State,
    StopOptions, Timestamp,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const GENTLE: DeleteOptions = DeleteOptions { force: false };
const TERM: StopOptions = StopOptions { force: false };

/// What the server does with a request.
enum Answer {
    /// A status, headers beside the usual ones, a body.
    Status(u16, &'static str, String),
    /// These bytes, then the end of the connection.
    Bytes(Vec<u8>),
    /// Silence.
    Nothing,
    /// A body that never ends, as fast as it is read.
    Endless,
    /// One byte of a body at a time.
    Trickle,
}

fn ok(body: Value) -> Answer {
    Answer::Status(200, "", body.to_string())
}

fn refused(status: u16, message: &str) -> Answer {
    Answer::Status(status, "", json!({ "message": message }).to_string())
}

/// A container as an inspection shows it.
fn container(state: Value) -> Value {
    json!({
        "Id": ID, "Created": "2026-01-02T03:04:05.678901234Z", "Name": "/c", "Image": format!("sha256:{ID}"),
        "State": state, "Config": { "Image": "busybox", "Labels": null }, "HostConfig": {}, "Mounts": [],
        "NetworkSettings": { "Networks": {} },
    })
}

/// A daemon that answers as the script says, and otherwise like a healthy one with one container.
struct Server {
    directory: tempfile::TempDir,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(script: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("docker.sock")).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, script) = (requests.clone(), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, seen.clone(), script.clone()));
            }
        });
        Self {
            directory,
            requests,
        }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("docker.sock")
    }

    fn backend(&self) -> Docker {
        open(json!({ "host": format!("unix://{}", self.socket().display()), "call-timeout": "2s" }))
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: UnixStream,
    seen: Arc<Mutex<Vec<String>>>,
    script: Arc<impl Fn(&str) -> Option<Answer> + Send + Sync>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let line = head
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches(" HTTP/1.1")
        .to_owned();
    seen.lock().unwrap().push(line.clone());
    match script(&line).unwrap_or_else(|| healthy(&line)) {
        Answer::Status(status, headers, body) => {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\nApi-Version: 1.41\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body.as_bytes()).await?;
        }
        Answer::Bytes(bytes) => stream.write_all(&bytes).await?,
        Answer::Nothing => std::future::pending().await,
        Answer::Endless => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await?;
            let chunk = [b"10000\r\n".to_vec(), vec![b' '; 1 << 16], b"\r\n".to_vec()].concat();
            loop {
                stream.write_all(&chunk).await?;
            }
        }
        Answer::Trickle => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                .await?;
            loop {
                stream.write_all(b" ").await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    stream.shutdown().await
}

fn healthy(line: &str) -> Answer {
    match line {
        "GET /_ping" => ok(json!("OK")),
        "GET /info" => ok(json!({ "ID": "daemon-1", "ServerVersion": "20.10.24" })),
        "GET /v1.41/containers/json?all=1" => ok(json!([{ "Id": ID }])),
        _ if line == format!("GET /v1.41/containers/{ID}/json") => {
            ok(container(json!({ "Status": "running" })))
        }
        _ if line.starts_with("GET") => refused(404, "page not found"),
        _ => Answer::Status(204, "", String::new()),
    }
}

fn open(config: Value) -> Docker {
    try_open(config).unwrap()
}

fn try_open(config: Value) -> Result<Docker, Error> {
    Docker::open(OpenRequest {
        name: "docker".into(),
        config,
        environment: BTreeMap::new().into(),
        now: Timestamp::from_unix_seconds(1_800_000_000),
    })
}

fn target() -> Identity {
    Identity {
        backend: "docker".into(),
        account: "daemon-1".into(),
        kind: Kind::Container,
        native: ID.into(),
        created: Some("2026-01-02T03:04:05.678Z".parse().unwrap()),
    }
}

fn kind_of<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorKind {
    result.expect_err("an error was expected").kind
}

/// The error of a deletion whose DELETE is answered like this.
async fn deletion(answer: impl Fn() -> Answer + Send + Sync + 'static) -> Error {
    let server = Server::start(move |line| line.starts_with("DELETE").then(&answer)).await;
    server
        .backend()
        .delete(&target(), GENTLE)
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_healthy_deletion_reads_first_and_deletes_once_without_force() {
    let server = Server::start(|_| None).await;
    server.backend().delete(&target(), GENTLE).await.unwrap();
    let requests = server.requests();
    let delete: Vec<&String> = requests
        .iter()
        .filter(|line| line.starts_with("DELETE"))
        .collect();
    assert_eq!(
        delete,
        [&format!(
            "DELETE /v1.41/containers/{ID}?v=true&force=false&link=false"
        )]
    );
    assert_eq!(
        requests[requests.len() - 2],
        format!("GET /v1.41/containers/{ID}/json")
    );
}

#[tokio::test]
async fn a_first_listing_takes_few_requests() {
    let server =
        Server::start(|line| (line == "GET /v1.41/containers/json?all=1").then(|| ok(json!([]))))
            .await;
    let docker = server.backend();
    docker.check().await.unwrap();
    docker
        .list(ListRequest::first(Kind::Container))
        .await
        .unwrap();
    assert_eq!(
        server.requests(),
        ["GET /info", "GET /v1.41/containers/json?all=1"]
    );
}

#[tokio::test]
async fn statuses_of_a_failing_daemon_are_sorted_by_what_to_do() {
    use ErrorKind::{Denied, InProgress, Transient, Unavailable, Unsupported};
    for (status, message, want) in [
        (
            500,
            "could not kill container: tried to kill container, but did not receive an exit event",
            Transient,
        ),
        (
            500,
            "driver \"overlay2\" failed to remove root filesystem: device or resource busy",
            Transient,
        ),
        (
            500,
            "could not kill container: permission denied",
            Unsupported,
        ),
        (
            409,
            "removal of container 0123 is already in progress",
            InProgress,
        ),
        (403, "authorization denied by plugin casbin: no", Denied),
        (503, "the daemon is starting", Unavailable),
    ] {
        let error = deletion(move || refused(status, message)).await;
        assert_eq!(error.kind, want, "{error:?}");
        assert_eq!(
            error.code.as_deref(),
            Some(format!("docker:{status}").as_str())
        );
        assert!(error.message.contains(message), "{error:?}");
    }
}

#[tokio::test]
async fn rate_limits_carry_the_time_to_wait() {
    for (headers, want) in [
        ("Retry-After: 7\r\n", Some(7)),
        (
            "Date: Fri, 06 Nov 2026 08:00:00 GMT\r\nRetry-After: Fri, 06 Nov 2026 08:00:30 GMT\r\n",
            Some(30),
        ),
        ("", None),
    ] {
        let error =
            deletion(move || Answer::Status(429, headers, r#"{"message":"slow down"}"#.into()))
                .await;
        assert_eq!(error.kind, ErrorKind::RateLimited);
        assert_eq!(error.retry_after, want.map(Duration::from_secs));
    }
}

#[tokio::test]
async fn pages_of_a_proxy_are_told_from_the_daemons_words() {
    let page = |status| {
        Answer::Status(
            status,
            "Content-Type: text/html\r\n",
            "<html><b>Nope</b></html>".into(),
        )
    };
    for (status, want) in [
        (502, ErrorKind::Unavailable),
        (403, ErrorKind::Denied),
        (404, ErrorKind::Invalid),
    ] {
        let error = deletion(move || page(status)).await;
        assert_eq!(error.kind, want);
        assert!(!error.message.contains('<'), "{error:?}");
    }
    // A proxy's 404 must not pass for the proof that something is gone.
    let server = Server::start(move |line| line.contains(ID).then(|| page(404))).await;
    assert_eq!(
        kind_of(server.backend().get(&target()).await),
        ErrorKind::Invalid
    );
    assert_eq!(
        kind_of(server.backend().stop(&target(), TERM).await),
        ErrorKind::Invalid
    );
}

#[tokio::test]
async fn a_connection_that_breaks_is_unavailable() {
    for bytes in [
        "",
        "HTTP/1.1 20",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"Id\":",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"Id\"",
    ] {
        // A deletion is accepted once the head of the reply says so.
        if !bytes.contains("200 OK") {
            assert_eq!(
                deletion(move || Answer::Bytes(bytes.into())).await.kind,
                ErrorKind::Unavailable,
                "{bytes:?}"
            );
        }
        let server =
            Server::start(move |line| line.contains(ID).then(|| Answer::Bytes(bytes.into()))).await;
        assert_eq!(
            kind_of(server.backend().get(&target()).await),
            ErrorKind::Unavailable,
            "{bytes:?}"
        );
    }
}

#[tokio::test]
async fn a_truncated_or_wrong_body_never_counts_as_gone() {
    for (body, want) in [
        (r#"{"Id":"0123"#, ErrorKind::Transient),
        ("", ErrorKind::Transient),
        ("<html>", ErrorKind::Invalid),
        ("[]", ErrorKind::Internal),
        ("{}", ErrorKind::Internal),
        (r#"{"Id":7}"#, ErrorKind::Internal),
    ] {
        let server = Server::start(move |line| {
            line.contains(ID)
                .then(|| Answer::Status(200, "", body.into()))
        })
        .await;
        assert_eq!(
            kind_of(server.backend().get(&target()).await),
            want,
            "{body}"
        );
        assert_eq!(
            kind_of(
                server
                    .backend()
                    .list(ListRequest::first(Kind::Container))
                    .await
            ),
            want,
            "{body}"
        );
    }
}

#[tokio::test]
async fn unknown_states_are_unknown_and_one_of_them_spoils_no_listing() {
    for (state, want) in [
        (json!({ "Status": "frobnicated" }), State::Unknown),
        (json!({ "Status": "" }), State::Unknown),
        (json!({ "Status": null }), State::Unknown),
        (json!(null), State::Unknown),
        (json!({ "Status": "dead", "ExitCode": 137 }), State::Dead),
        (json!({ "Status": "removing" }), State::Removing),
        (json!({ "Status": "stopping" }), State::Running),
    ] {
        let inspected = container(state.clone());
        let path = format!("GET /v1.41/containers/{ID}/json");
        let server = Server::start(move |line| (line == path).then(|| ok(inspected.clone()))).await;
        let page = server
            .backend()
            .list(ListRequest::first(Kind::Container))
            .await
            .unwrap();
        assert_eq!(page.resources[0].state, want, "{state}");
    }
}

#[tokio::test]
async fn absent_null_and_zero_fields_are_no_facts() {
    let inspected = json!({
        "Id": ID, "Created": "0001-01-01T00:00:00Z",
        "State": { "Status": "exited", "ExitCode": null, "StartedAt": "0001-01-01T00:00:00Z", "FinishedAt": "nonsense" },
        "Config": null, "HostConfig": { "Binds": null, "RestartPolicy": { "Name": "" } },
        "NetworkSettings": { "Networks": null },
    });
    let path = format!("GET /v1.41/containers/{ID}/json");
    let server = Server::start(move |line| (line == path).then(|| ok(inspected.clone()))).await;
    let found = server.backend().get(&target()).await.unwrap().unwrap();
    assert_eq!(
        (
            found.identity.created,
            found.started,
            found.finished,
            found.exit_code
        ),
        (None, None, None, None)
    );
    assert!(found.labels.is_empty() && found.attrs.is_empty() && found.uses.is_empty());

    let server =
        Server::start(|line| line.starts_with("GET /v1.41").then(|| ok(json!(null)))).await;
    let docker = server.backend();
    for kind in [Kind::Container, Kind::Network, Kind::Image] {
        assert!(
            docker
                .list(ListRequest::first(kind))
                .await
                .unwrap()
                .resources
                .is_empty()
        );
    }
}

#[tokio::test]
async fn another_resource_under_the_id_is_never_touched() {
    // Someone's container is named like the target's id.
    let mut decoy = container(json!({ "Status": "running" }));
    decoy["Id"] = json!("f".repeat(64));
    let path = format!("GET /v1.41/containers/{ID}/json");
    let server = Server::start(move |line| (line == path).then(|| ok(decoy.clone()))).await;
    let docker = server.backend();
    assert_eq!(docker.get(&target()).await.unwrap(), None);
    assert_eq!(
        kind_of(
            docker
                .delete(&target(), DeleteOptions { force: true })
                .await
        ),
        ErrorKind::NotFound
    );
    assert_eq!(
        kind_of(docker.stop(&target(), TERM).await),
        ErrorKind::NotFound
    );

    let younger = Identity {
        created: Some(Timestamp::from_unix_seconds(1)),
        ..target()
    };
    let healthy = Server::start(|_| None).await;
    assert_eq!(
        kind_of(healthy.backend().delete(&younger, GENTLE).await),
        ErrorKind::Conflict
    );
    for server in [server, healthy] {
        assert!(
            server.requests().iter().all(|line| line.starts_with("GET")),
            "{:?}",
            server.requests()
        );
    }
}

#[tokio::test]
async fn a_signal_that_comes_too_late_is_a_success() {
    let ended = Arc::new(Mutex::new(false));
    let path = format!("GET /v1.41/containers/{ID}/json");
    let server = Server::start(move |line| {
        let mut ended = ended.lock().unwrap();
        if line.starts_with("POST") {
            *ended = true;
            return Some(refused(
                409,
                "Cannot kill container: it went away in other words",
            ));
        }
        (*ended && line == path).then(|| ok(container(json!({ "Status": "exited" }))))
    })
    .await;
    server.backend().stop(&target(), TERM).await.unwrap();

    let server =
        Server::start(|line| line.starts_with("POST").then(|| refused(409, "not now"))).await;
    assert_eq!(
        kind_of(server.backend().stop(&target(), TERM).await),
        ErrorKind::Conflict
    );
    let server = Server::start(|line| {
        line.starts_with("POST")
            .then(|| refused(404, "No such container"))
    })
    .await;
    assert_eq!(
        kind_of(server.backend().stop(&target(), TERM).await),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn the_api_version_is_negotiated_or_refused() {
    let speaking = |version: &'static str| {
        Server::start(move |line| {
            let answer = match line {
                "GET /_ping" | "GET /info" => r#"{"ID":"daemon-1","ServerVersion":"9"}"#,
                _ => "[]",
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\nApi-Version: {version}\r\nContent-Length: {}\r\n\r\n",
                answer.len()
            );
            Some(Answer::Bytes(format!("{head}{answer}").into_bytes()))
        })
    };
    for (daemon, spoken) in [("1.41", "1.41"), ("1.44", "1.44"), ("1.99", "1.47")] {
        let server = speaking(daemon).await;
        let docker = server.backend();
        docker
            .list(ListRequest::first(Kind::Container))
            .await
            .unwrap();
        assert!(
            server
                .requests()
                .contains(&format!("GET /v{spoken}/containers/json?all=1")),
            "{:?}",
            server.requests()
        );
        assert!(
            docker
                .check()
                .await
                .unwrap()
                .description
                .contains(&format!("(API {daemon})"))
        );
    }
    let old = speaking("1.40").await;
    for result in [
        old.backend().check().await.map(drop),
        old.backend()
            .list(ListRequest::first(Kind::Image))
            .await
            .map(drop),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(
            error.message.contains("1.40") && error.message.contains("1.41"),
            "{error:?}"
        );
    }
    // A proxy that drops the header does not hide the version.
    let server = Server::start(|line| {
        let body = match line {
            "GET /version" => r#"{"ApiVersion":"1.43"}"#,
            "GET /info" => r#"{"ID":"daemon-1"}"#,
            _ => "[]",
        };
        Some(Answer::Bytes(
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes(),
        ))
    })
    .await;
    assert!(
        server
            .backend()
            .list(ListRequest::first(Kind::Container))
            .await
            .is_ok()
    );
    assert!(
        server
            .requests()
            .contains(&"GET /v1.43/containers/json?all=1".to_owned()),
        "{:?}",
        server.requests()
    );

    let message = "client version 1.46 is too new. Maximum supported API version is 1.41";
    let server =
        Server::start(move |line| line.contains("/v1.46/").then(|| refused(400, message))).await;
    let pinned = open(
        json!({ "host": format!("unix://{}", server.socket().display()), "api-version": "1.46" }),
    );
    assert_eq!(
        kind_of(pinned.list(ListRequest::first(Kind::Container)).await),
        ErrorKind::Invalid
    );
    let pinned = open(json!({ "host": "unix:///nowhere", "api-version": "1.30" }));
    assert_eq!(kind_of(pinned.check().await), ErrorKind::Invalid);
}

#[tokio::test]
async fn what_is_no_daemon_is_told_so() {
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>";
    let garbage = "SSH-2.0-OpenSSH_9.6\r\n";
    for (bytes, says) in [(page, "Docker API"), (garbage, "HTTP")] {
        let server = Server::start(move |_| Some(Answer::Bytes(bytes.into()))).await;
        for result in [
            server.backend().check().await.map(drop),
            server
                .backend()
                .list(ListRequest::first(Kind::Container))
                .await
                .map(drop),
        ] {
            let error = result.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Invalid, "{error:?}");
            assert!(
                error.message.contains(says) && error.hint.is_some(),
                "{error:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_endless_body_is_refused_while_it_arrives() {
    let server = Server::start(|line| line.contains(ID).then_some(Answer::Endless)).await;
    let docker = open(
        json!({ "host": format!("unix://{}", server.socket().display()), "call-timeout": "60s" }),
    );
    let error = docker.get(&target()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Internal);
    assert!(error.message.contains("64 MB"), "{error:?}");
}

#[tokio::test]
async fn silence_and_a_trickle_end_with_the_calls_own_limit() {
    for answer in [|| Answer::Nothing, || Answer::Trickle] {
        let server =
            Server::start(move |line| line.contains(&format!("{ID}/json")).then(answer)).await;
        let error = server.backend().get(&target()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Transient, "{error:?}");
        assert!(error.message.contains("no answer within 2s"), "{error:?}");
    }
    let error = deletion(|| Answer::Nothing).await;
    assert_eq!(error.kind, ErrorKind::Transient);
    assert!(error.message.contains("outcome is unknown"), "{error:?}");
}

#[tokio::test]
async fn podman_answers_a_new_id_each_time_and_keeps_its_account() {
    let count = Arc::new(Mutex::new(0));
    let server = Server::start(move |line| {
        let mut count = count.lock().unwrap();
        *count += 1;
        let info = json!({ "ID": format!("made-up-{count}"), "Name": "box", "DockerRootDir": "/r", "ServerVersion": "4.9.3" });
        (line == "GET /info").then(|| Answer::Status(200, "Libpod-Api-Version: 4.9.3\r\n", info.to_string()))
    })
    .await;
    let docker = server.backend();
    let account = docker.check().await.unwrap();
    assert_eq!(account, docker.check().await.unwrap());
    assert!(
        account.description.starts_with("Podman 4.9.3 "),
        "{}",
        account.description
    );
    assert_eq!(server.backend().check().await.unwrap().id, account.id);
}

#[tokio::test]
async fn another_daemon_at_the_same_address_is_noticed() {
    let count = Arc::new(Mutex::new(0));
    let server = Server::start(move |line| {
        let mut count = count.lock().unwrap();
        *count += 1;
        (line == "GET /info").then(|| ok(json!({ "ID": format!("daemon-{count}") })))
    })
    .await;
    let docker = server.backend();
    docker.check().await.unwrap();
    assert_eq!(kind_of(docker.check().await), ErrorKind::Invalid);
}

#[tokio::test]
async fn a_missing_socket_and_a_socket_nobody_serves_have_hints() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("docker.sock");
    let docker = open(json!({ "host": format!("unix://{}", path.display()) }));
    let missing = docker.check().await.unwrap_err();
    assert_eq!(missing.kind, ErrorKind::Unavailable);
    assert!(missing.message.contains("does not exist") && missing.hint.is_some());
    drop(UnixListener::bind(&path).unwrap());
    let dead = docker.check().await.unwrap_err();
    assert_eq!(dead.kind, ErrorKind::Unavailable);
    assert!(dead.message.contains("refuses") && dead.hint.is_some());
}

#[tokio::test]
async fn tls_to_a_server_without_it_and_the_reverse_are_configuration_errors() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // Both a plain HTTP server and dockerd with TLS say this in the clear.
            drop(stream.read(&mut [0; 1024]).await);
            let body = "Client sent an HTTP request to an HTTPS server.\n";
            let head = format!(
                "HTTP/1.0 400 Bad Request\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            drop(stream.write_all(format!("{head}{body}").as_bytes()).await);
        }
    });
    for scheme in ["https", "tcp"] {
        let error = open(json!({ "host": format!("{scheme}://localhost:{port}") }))
            .check()
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{error:?}");
        assert!(error.hint.unwrap().to_lowercase().contains("tls"));
    }
    let error = open(json!({ "host": "tcp://no-such-host.invalid:1", "allow-plaintext": true }))
        .check()
        .await
        .unwrap_err();
    assert!(
        matches!(error.kind, ErrorKind::Invalid | ErrorKind::Unavailable),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_when_opened() {
    for config in [
        json!({ "hots": 1 }),
        json!({ "host": "unix:///a", "context": "b" }),
        json!({ "call-timeout": "x" }),
    ] {
        assert_eq!(
            try_open(config).err().map(|error| error.kind),
            Some(ErrorKind::Invalid)
        );
    }
    let registered = tbengine_sdk::Registration::all();
    assert!(
        registered
            .iter()
            .any(|registration| registration.kind == "docker")
    );
}
