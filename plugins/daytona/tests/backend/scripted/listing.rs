//! Listings: pages, old servers, odd items, hidden ones.

use serde_json::{Value, json};
use tbengine_sdk::{
    Backend, ErrorKind, Kind, ListRequest, Owner, Page, Resource, Result, State, Unit,
};

use crate::scripted::server::{
    Answer, ID, KEY, ORGANIZATION, OTHER, Server, ok, page, refused, sandbox,
};

async fn list(server: &Server, kind: Kind) -> Result<Page> {
    server.backend().list(ListRequest::first(kind)).await
}

async fn sandboxes(items: Vec<Value>) -> Vec<Resource> {
    let server = Server::start(move |line| {
        line.contains("sort=createdAt")
            .then(|| page(items.clone(), None))
    })
    .await;
    list(&server, Kind::SANDBOX).await.unwrap().resources
}

#[tokio::test]
async fn a_sandbox_with_all_its_facts() {
    let mut item = sandbox("stopped", "stopped");
    item["labels"] = json!({
        "harbor.managed": "true", "harbor.session_id": "hello__DqmfGz2__env", "odd": 7,
    });
    item["autoDeleteInterval"] = json!(0);
    item["snapshot"] = json!("daytonaio/sandbox:latest");
    let found = sandboxes(vec![item]).await.remove(0);
    assert_eq!(found.identity.native, ID);
    assert_eq!(&*found.identity.account, ORGANIZATION);
    assert_eq!(&*found.identity.backend, "cloud");
    assert_eq!(
        found.identity.created.unwrap().to_string(),
        "2026-01-02T03:04:05.678Z"
    );
    assert_eq!(found.name, "box");
    assert_eq!(found.state, State::Stopped);
    assert_eq!(found.finished.unwrap().to_string(), "2026-01-02T04:00:00Z");
    assert_eq!(found.last_activity, found.finished);
    // Whose it is, the host finds out.
    assert_eq!(found.owner, Owner::Unknown);
    assert_eq!(found.labels.get("harbor.managed"), Some("true"));
    assert_eq!(found.unit, Some(Unit("hello__DqmfGz2__env".into())));
    assert_eq!(found.labels.get("odd"), Some("7"));
    assert_eq!(found.usage.cpu_millis, Some(2000));
    assert_eq!(found.usage.memory_bytes, Some(4 << 30));
    assert_eq!(found.usage.disk_bytes, Some(10 << 30));
    let facts: Vec<(&str, &str)> = found.attrs.iter().collect();
    assert_eq!(
        facts,
        [
            ("auto-archive-minutes", "10080"),
            ("auto-delete-minutes", "0"),
            ("auto-stop-minutes", "15"),
            ("desired-state", "stopped"),
            ("ephemeral", "true"),
            ("region", "us"),
            ("snapshot", "daytonaio/sandbox:latest"),
            ("state", "stopped"),
            ("target", "us"),
        ]
    );
}

#[tokio::test]
async fn unknown_states_null_times_and_missing_fields_are_kept_as_unknown() {
    let mut odd = sandbox("hibernating", "");
    odd["createdAt"] = Value::Null;
    odd["lastActivityAt"] = json!("soon");
    odd["memory"] = json!(null);
    odd["newField"] = json!({ "deep": [1] });
    let bare = json!({ "id": OTHER });
    let found = sandboxes(vec![odd, bare]).await;
    assert_eq!(found.len(), 2);
    for each in &found {
        assert_eq!(each.state, State::Unknown);
        assert_eq!(each.identity.created, None);
        assert_eq!(each.last_activity, None);
        assert_eq!(each.usage.memory_bytes, None);
    }
    assert_eq!(found[1].name, OTHER);
}

#[tokio::test]
async fn what_is_gone_or_waits_in_a_pool_or_has_no_id_is_not_listed() {
    let mut pooled = sandbox("started", "started");
    pooled["warmPoolId"] = json!("pool");
    let mut nameless = sandbox("stopped", "stopped");
    nameless["id"] = json!("my-sandbox");
    let destroyed = sandbox("destroyed", "destroyed");
    assert_eq!(sandboxes(vec![pooled, nameless, destroyed]).await, []);
}

#[tokio::test]
async fn hidden_ones_are_listed_as_what_they_are() {
    let found = sandboxes(vec![sandbox("error", "destroyed")])
        .await
        .remove(0);
    assert_eq!(found.state, State::Failed);
    assert_eq!(found.attrs.get("hidden"), Some("true"));
    let failed = sandboxes(vec![sandbox("error", "started")]).await.remove(0);
    assert_eq!(failed.state, State::Failed);
    assert_eq!(failed.attrs.get("hidden"), None);
}

#[tokio::test]
async fn pages_follow_the_cursor_in_an_order_that_loses_nothing() {
    let server = Server::start(|line| match line {
        line if line.contains("cursor=a%2Bb%3D") => Some(page(vec![sandbox("started", "")], None)),
        line if line.contains("sort=createdAt") => Some(page(vec![], Some("a+b="))),
        _ => None,
    })
    .await;
    let backend = server.backend();
    let mut request = ListRequest::first(Kind::SANDBOX);
    let first = backend.list(request.clone()).await.unwrap();
    assert_eq!(first.next.as_deref(), Some("a+b="));
    request.cursor = first.next;
    request.page_size = 7;
    let last = backend.list(request).await.unwrap();
    assert_eq!((last.resources.len(), last.next), (1, None));
    assert_eq!(
        server.lines(),
        [
            "GET /api/sandbox?limit=200&sort=createdAt&order=asc&includeErroredDeleted=true",
            "GET /api/sandbox?limit=7&sort=createdAt&order=asc&includeErroredDeleted=true&cursor=a%2Bb%3D",
        ]
    );
}

#[tokio::test]
async fn a_cursor_that_comes_again_ends_the_listing_as_failed() {
    let server = Server::start(|line| {
        line.contains("sort=createdAt")
            .then(|| page(vec![], Some("again")))
    })
    .await;
    let request = ListRequest {
        cursor: Some("again".into()),
        ..ListRequest::first(Kind::SANDBOX)
    };
    let error = server.backend().list(request).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Internal);
}

#[tokio::test]
async fn a_cursor_that_was_never_given_is_invalid() {
    let server = Server::start(|line| {
        line.contains("cursor=")
            .then(|| refused(400, "Invalid cursor provided: x"))
    })
    .await;
    for kind in [Kind::SANDBOX, Kind::SNAPSHOT, Kind::VOLUME] {
        let request = ListRequest {
            cursor: Some("x".into()),
            ..ListRequest::first(kind)
        };
        let error = server.backend().list(request).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{kind}");
    }
}

#[tokio::test]
async fn older_servers_answer_everything_at_once() {
    let server = Server::start(|line| {
        line.starts_with("GET /api/sandbox?")
            .then(|| ok(json!([sandbox("started", "started")])))
    })
    .await;
    let page = list(&server, Kind::SANDBOX).await.unwrap();
    assert_eq!((page.resources.len(), page.next), (1, None));
}

#[tokio::test]
async fn a_region_narrows_the_listing_on_our_side() {
    let server = Server::start(|line| {
        let mut elsewhere = sandbox("started", "started");
        elsewhere["id"] = json!(OTHER);
        elsewhere["target"] = json!("eu");
        line.contains("sort=createdAt")
            .then(|| page(vec![elsewhere, sandbox("started", "started")], None))
    })
    .await;
    let environment = [("DAYTONA_API_KEY", KEY), ("DAYTONA_TARGET", "us")];
    let backend = server.backend_with(json!({}), &environment);
    let found = backend
        .list(ListRequest::first(Kind::SANDBOX))
        .await
        .unwrap();
    assert_eq!(found.resources.len(), 1);
    assert_eq!(found.resources[0].identity.native, ID);
    let description = backend.check().await.unwrap().description;
    assert!(description.ends_with("only region us"), "{description}");
}

fn snapshot(id: &str, general: bool, state: &str) -> Value {
    json!({
        "id": id, "organizationId": ORGANIZATION, "general": general,
        "name": "harbor__0123456789ab__us__snapshot", "state": state, "size": 0.5,
        "errorReason": null, "createdAt": "2026-01-02T03:04:05.678Z",
        "lastUsedAt": "2026-01-03T00:00:00.000Z", "regionIds": ["us"], "sourceSandboxId": null,
    })
}

#[tokio::test]
async fn snapshots_are_collected_from_all_pages_and_daytonas_own_left_out() {
    let server = Server::start(|line| {
        let items = match line {
            line if line.contains("page=1&limit=200") => {
                vec![
                    snapshot(ID, false, "active"),
                    snapshot(OTHER, true, "active"),
                ]
            }
            // The first one again, as offset pages repeat while others create.
            line if line.contains("page=2&") => vec![snapshot(ID, false, "active")],
            _ => return None,
        };
        Some(ok(
            json!({ "items": items, "total": 3, "page": 1, "totalPages": 2 }),
        ))
    })
    .await;
    let page = list(&server, Kind::SNAPSHOT).await.unwrap();
    assert_eq!((page.resources.len(), page.next), (1, None));
    let found = &page.resources[0];
    assert_eq!(found.state, State::Present);
    assert_eq!(found.owner, Owner::Unknown);
    assert_eq!(found.usage.disk_bytes, Some(1 << 29));
    assert_eq!(
        found.last_activity.unwrap().to_string(),
        "2026-01-03T00:00:00Z"
    );
    assert_eq!(found.attrs.get("targets"), Some("us"));
}

#[tokio::test]
async fn volumes_come_in_one_piece() {
    let server = Server::start(|line| {
        let volume = |id: &str, state: &str| {
            json!({
                "id": id, "organizationId": ORGANIZATION, "name": "data", "state": state,
                "createdAt": "2026-01-02T03:04:05.678Z", "errorReason": null, "lastUsedAt": null,
            })
        };
        (line == "GET /api/volumes")
            .then(|| ok(json!([volume(ID, "ready"), volume(OTHER, "deleted")])))
    })
    .await;
    let page = list(&server, Kind::VOLUME).await.unwrap();
    assert_eq!(page.resources.len(), 1);
    assert_eq!(page.resources[0].state, State::Present);
    assert_eq!(page.resources[0].attrs.get("state"), Some("ready"));
}

#[tokio::test]
async fn a_key_for_sandboxes_alone_is_no_failure() {
    let script = |permissions: Value| {
        move |line: &str| match line {
            "GET /api/volumes" => Some(refused(403, "Access denied")),
            "GET /api/api-keys/current" => {
                Some(ok(json!({ "name": "ci", "permissions": permissions })))
            }
            _ => None,
        }
    };
    let server = Server::start(script(json!(["delete:sandboxes"]))).await;
    assert_eq!(list(&server, Kind::VOLUME).await.unwrap().resources, []);
    // What nobody was warned of is a failure.
    let server = Server::start(script(json!(null))).await;
    let error = list(&server, Kind::VOLUME).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Forbidden);
}

#[tokio::test]
async fn kinds_that_daytona_does_not_have_are_unsupported() {
    let server = Server::start(|_| None).await;
    let error = list(&server, Kind::NETWORK).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
}

#[tokio::test]
async fn listings_that_are_none_fail_in_the_right_way() {
    let cut = || {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"items\":[";
        Answer::Bytes(head.to_vec())
    };
    let body = |text: &str| Answer::Status(200, String::new(), text.to_owned());
    for (name, answer, kind) in [
        ("cut", cut as fn() -> Answer, ErrorKind::Unavailable),
        ("silence", || Answer::Nothing, ErrorKind::Transient),
        ("trickle", || Answer::Trickle, ErrorKind::Transient),
        ("endless", || Answer::Endless, ErrorKind::Internal),
        ("nothing", || Answer::Bytes(vec![]), ErrorKind::Unavailable),
        ("error", || refused(500, "x"), ErrorKind::Transient),
        ("denied", || refused(403, "x"), ErrorKind::Denied),
        (
            "redirect",
            || {
                Answer::Status(
                    302,
                    "Location: http://127.0.0.1:1/x\r\n".into(),
                    String::new(),
                )
            },
            ErrorKind::Invalid,
        ),
        (
            "gateway",
            || Answer::Status(502, String::new(), "<html>bad gateway</html>".into()),
            ErrorKind::Unavailable,
        ),
    ] {
        let server = Server::start(move |line| line.contains("sort=createdAt").then(answer)).await;
        let error = list(&server, Kind::SANDBOX).await.unwrap_err();
        assert_eq!(error.kind, kind, "{name}: {error}");
    }
    for (text, kind) in [
        ("<html>", ErrorKind::Transient),
        ("", ErrorKind::Transient),
        ("{\"items\":[", ErrorKind::Transient),
        (
            "{\"statusCode\":503,\"message\":\"x\"}",
            ErrorKind::Transient,
        ),
        ("{}", ErrorKind::Internal),
        ("{\"items\":7}", ErrorKind::Internal),
        ("null", ErrorKind::Internal),
    ] {
        let text = text.to_owned();
        let shown = text.clone();
        let server =
            Server::start(move |line| line.contains("sort=createdAt").then(|| body(&text))).await;
        let error = list(&server, Kind::SANDBOX).await.unwrap_err();
        assert_eq!(error.kind, kind, "{shown}: {error}");
    }
}

#[tokio::test]
async fn labels_are_asked_for_as_one_object_and_checked_again() {
    let mut ours = sandbox("stopped", "stopped");
    ours["labels"] = json!({ "team": "evals", "job": "7" });
    // A server that knows no filters answers everything.
    let mut others = sandbox("stopped", "stopped");
    others["id"] = json!(OTHER);
    others["labels"] = json!({ "team": "evals-2", "job": "7" });
    let server = Server::start(move |line| {
        line.contains("sort=createdAt")
            .then(|| page(vec![ours.clone(), others.clone()], None))
    })
    .await;
    let table = json!({ "labels": { "team": "evals", "job": "7" } });
    let backend = server.backend_with(table, &[("DAYTONA_API_KEY", KEY)]);
    let listed = backend
        .list(ListRequest::first(Kind::SANDBOX))
        .await
        .unwrap();
    let natives: Vec<&str> = listed
        .resources
        .iter()
        .map(|resource| resource.identity.native.as_str())
        .collect();
    assert_eq!(natives, [ID]);
    let requests = server.requests();
    let asked = requests
        .iter()
        .map(|one| &one.line)
        .find(|line| line.contains("sort=createdAt"));
    let query = asked.unwrap();
    assert!(
        query.contains("labels=%7B%22job%22%3A%227%22%2C%22team%22%3A%22evals%22%7D"),
        "{query}"
    );
}
