//! Keys, tokens, organizations: what `check` says, and what a refusal stops.

use serde_json::json;
use tbengine_sdk::{Act, Backend, ErrorKind, Kind, ListRequest, Operation};

use crate::scripted::server::{
    Answer, KEY, ORGANIZATION, Server, ok, open, page, refused, sandbox, target,
};

#[tokio::test]
async fn the_account_is_the_organization_of_what_is_there() {
    let server = Server::start(|_| None).await;
    let backend = server.backend();
    let account = backend.check().await.unwrap();
    assert_eq!(&*account.id, ORGANIZATION);
    assert_eq!(
        account.description,
        format!(
            "Daytona at {} with key `ci` (dtn_********789)",
            server.url()
        )
    );
    assert_eq!(account.warnings, [""; 0]);
    assert_eq!(backend.check().await.unwrap().id, account.id);
    let sent = server.requests();
    assert!(sent.iter().all(|request| {
        request.headers["authorization"] == format!("Bearer {KEY}")
            && !request.headers.contains_key("x-daytona-organization-id")
    }));
    // The second check costs one request.
    assert_eq!(sent.len(), 3);
}

#[tokio::test]
async fn newer_services_name_the_organization_of_a_key() {
    let server = Server::start(|line| {
        line.contains("api-keys")
            .then(|| ok(json!({ "name": "ci", "permissions": null, "organizationId": "org-new" })))
    })
    .await;
    let account = server.backend().check().await.unwrap();
    assert_eq!(&*account.id, "org-new");
    assert_eq!(server.requests().len(), 1);
    assert!(
        account.warnings[0].contains("does not report"),
        "{account:?}"
    );
}

#[tokio::test]
async fn an_empty_organization_is_distinguished_by_a_fingerprint() {
    let server = Server::start(|line| {
        line.starts_with("GET /api/sandbox?")
            .then(|| page(vec![], None))
    })
    .await;
    let account = server.backend().check().await.unwrap();
    assert!(
        account.id.starts_with("key-") && account.id.len() == 20,
        "{account:?}"
    );
    let other = server.backend_with(json!({}), &[("DAYTONA_API_KEY", "dtn_other")]);
    assert_ne!(other.check().await.unwrap().id, account.id);
}

#[tokio::test]
async fn a_token_comes_with_its_organization() {
    let server = Server::start(|_| None).await;
    let environment = [
        ("DAYTONA_JWT_TOKEN", "eyJ"),
        ("DAYTONA_ORGANIZATION_ID", ORGANIZATION),
    ];
    let account = server
        .backend_with(json!({}), &environment)
        .check()
        .await
        .unwrap();
    assert_eq!(&*account.id, ORGANIZATION);
    assert!(account.description.ends_with("with a token"));
    let sent = server.requests();
    assert_eq!(sent[0].line, "GET /api/sandbox?limit=1");
    assert_eq!(sent[0].headers["x-daytona-organization-id"], ORGANIZATION);
}

#[tokio::test]
async fn a_key_of_another_organization_is_not_used() {
    let server = Server::start(|_| None).await;
    let backend = server.backend_with(
        json!({ "organization": "org-meant" }),
        &[("DAYTONA_API_KEY", KEY)],
    );
    for _ in 0..2 {
        let error = backend.check().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(error.message.contains("org-meant") && error.message.contains(ORGANIZATION));
    }
    let error = backend
        .list(ListRequest::first(Kind::SANDBOX))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
}

#[tokio::test]
async fn what_the_key_may_not_do_is_said_before_anything_is_tried() {
    let server = Server::start(|line| {
        line.contains("api-keys").then(|| {
            ok(json!({
                "name": "ci", "permissions": ["write:sandboxes"],
                "expiresAt": "2026-01-10T12:00:00.000Z",
            }))
        })
    })
    .await;
    let account = server.backend().check().await.unwrap();
    assert_eq!(
        account.warnings,
        [
            "the key lacks delete:sandboxes: deleting sandboxes will be refused",
            "the key lacks delete:snapshots: deleting snapshots will be refused",
            "the key lacks read:volumes: volumes are not listed",
            "the key lacks delete:volumes: deleting volumes will be refused",
            "the key expires at 2026-01-10T12:00:00Z",
        ]
    );
}

#[tokio::test]
async fn a_service_without_the_path_for_keys_is_used_all_the_same() {
    let server = Server::start(|line| {
        line.contains("api-keys")
            .then(|| refused(404, "Cannot GET /api/api-keys/current"))
    })
    .await;
    let account = server.backend().check().await.unwrap();
    assert_eq!(&*account.id, ORGANIZATION);
    assert_eq!(account.warnings.len(), 1);
}

#[tokio::test]
async fn after_the_first_refusal_of_the_key_nothing_is_sent() {
    let server = Server::start(|_| Some(refused(401, "Invalid credentials"))).await;
    let backend = server.backend();
    let target = target(Kind::SANDBOX, crate::scripted::server::ID);
    // As discovery does: everything at once.
    let (check, one, two, three) = tokio::join!(
        backend.check(),
        backend.list(ListRequest::first(Kind::SANDBOX)),
        backend.list(ListRequest::first(Kind::VOLUME)),
        backend.get(&target),
    );
    let errors = [
        check.unwrap_err(),
        one.unwrap_err(),
        two.unwrap_err(),
        three.unwrap_err(),
        backend.check().await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind, ErrorKind::Denied);
        assert!(error.hint.unwrap().contains("DAYTONA_API_KEY"));
    }
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_missing_key_is_an_answer_of_this_backend_alone() {
    let backend = open(json!({}), &[]);
    let error = backend.check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.hint.unwrap().contains("export DAYTONA_API_KEY"));
}

#[tokio::test]
async fn a_wrong_path_is_a_wrong_configuration() {
    let server = Server::start(|_| Some(refused(404, "Cannot GET /api-keys/current"))).await;
    let error = server.backend().check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.hint.unwrap().contains("api-url"));
    let portal = Server::start(|_| Some(Answer::Status(200, String::new(), "<html>".into()))).await;
    let error = portal.backend().check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
}

#[tokio::test]
async fn resources_of_another_organization_are_refused() {
    let server = Server::start(|line| {
        line.contains("sort=createdAt").then(|| {
            let mut other = sandbox("stopped", "stopped");
            other["organizationId"] = json!("org-other");
            page(vec![other], None)
        })
    })
    .await;
    let backend = server.backend();
    let error = backend
        .list(ListRequest::first(Kind::SANDBOX))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.message.contains("org-other"), "{error}");
}

#[tokio::test]
async fn the_account_has_the_clock_of_the_service() {
    let server = Server::start(|line| {
        line.contains("api-keys").then(|| {
            let body = json!({ "name": "ci", "organizationId": "org-new" }).to_string();
            let date = "Date: Fri, 06 Nov 2026 08:49:37 GMT\r\n";
            Answer::Status(200, date.to_owned(), body)
        })
    })
    .await;
    let account = server.backend().check().await.unwrap();
    assert_eq!(account.now, Some("2026-11-06T08:49:37Z".parse().unwrap()));
    let silent = Server::start(|_| None).await;
    assert_eq!(silent.backend().check().await.unwrap().now, None);
}

#[tokio::test]
async fn rights_are_what_the_permissions_of_the_key_say_now() {
    let server = Server::start(|line| {
        line.contains("api-keys").then(|| {
            let held = ["write:sandboxes", "read:volumes"];
            ok(json!({ "name": "ci", "permissions": held, "organizationId": "org-new" }))
        })
    })
    .await;
    let backend = server.backend();
    let asked = [
        (Operation::List, Kind::SANDBOX, Some(true)),
        (Operation::Stop, Kind::SANDBOX, Some(true)),
        (Operation::Relabel, Kind::SANDBOX, Some(true)),
        (Operation::Delete, Kind::SANDBOX, Some(false)),
        (Operation::Delete, Kind::SNAPSHOT, Some(false)),
        (Operation::List, Kind::VOLUME, Some(true)),
        (Operation::Delete, Kind::VOLUME, Some(false)),
        (Operation::Stop, Kind::VOLUME, None),
        (Operation::Delete, Kind::CONTAINER, None),
    ];
    let acts = asked.map(|(operation, kind, _)| Act::on_any(operation, kind));
    let answered = backend.rights(acts.to_vec()).await.unwrap();
    for ((.., expected), act) in asked.iter().zip(&acts) {
        let right = answered.iter().find(|right| right.act == *act);
        assert_eq!(right.map(|right| right.allowed), *expected, "{act:?}");
    }
    let refused = answered.iter().find(|right| !right.allowed).unwrap();
    assert_eq!(refused.reason, "the key lacks delete:sandboxes");
    assert!(refused.hint.contains("delete:sandboxes"));
    // What a service does not say is not known.
    let silent = Server::start(|line| {
        line.contains("api-keys")
            .then(|| ok(json!({ "name": "ci", "organizationId": "org-new" })))
    })
    .await;
    assert_eq!(silent.backend().rights(acts.to_vec()).await.unwrap(), []);
}
