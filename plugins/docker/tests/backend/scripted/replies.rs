//! Replies that break off, never end or make no sense.

use bollard::models::{ImageSummary, Network, VolumeListResponse};
use serde_json::{Value, json};
use tbengine_sdk::{Backend, ErrorKind, Identity, Kind, ListRequest};

use crate::scripted::support::{Answer, ID, Server, deletion, kind_of, ok, open, target};

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
        let listing = server.backend();
        let listed = listing.list(ListRequest::first(Kind::CONTAINER)).await;
        match want {
            ErrorKind::Invalid => assert_eq!(kind_of(listed), want, "{body}"),
            // It is there, and nothing but that is known of it.
            _ => assert!(listed.unwrap().resources[0].damaged.is_some(), "{body}"),
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
    assert!(error.message.contains("64 MiB"), "{error:?}");
}

#[tokio::test]
async fn an_endless_body_is_refused_where_bollard_reads_it() {
    let server = Server::start(|line| line.contains("/networks/").then_some(Answer::Endless)).await;
    let docker = open(
        json!({ "host": format!("unix://{}", server.socket().display()), "call-timeout": "60s" }),
    );
    let network = Identity {
        kind: Kind::NETWORK,
        ..target()
    };
    let error = docker.get(&network).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Internal);
    assert!(error.message.contains("64 MiB"), "{error:?}");
}

#[tokio::test]
async fn an_inspection_that_bollard_reads_never_counts_as_gone_and_repeats_nothing() {
    for (body, want) in [
        (r#"{"Id":"0123"#, ErrorKind::Transient),
        ("", ErrorKind::Transient),
        ("<html>", ErrorKind::Invalid),
        ("{}", ErrorKind::Internal),
        (r#"{"Id":["canary"]}"#, ErrorKind::Internal),
    ] {
        let server = Server::start(move |line| {
            line.contains("/networks/")
                .then(|| Answer::Status(200, "", body.into()))
        })
        .await;
        let network = Identity {
            kind: Kind::NETWORK,
            ..target()
        };
        let error = server.backend().get(&network).await.unwrap_err();
        assert_eq!(error.kind, want, "{body} {error}");
        assert!(!error.message.contains("canary"), "{error}");
    }
}

/// Why listings are not bollard's: its models know every field and every word, and refuse all for one.
#[tokio::test]
async fn one_odd_word_costs_nothing_here_and_a_whole_listing_with_bollard() {
    fn bollard_reads<T: serde::de::DeserializeOwned>(listing: &Value) -> bool {
        T::deserialize(listing).is_ok()
    }
    let volume = |name: &str, scope: &str| {
        json!({
            "Name": name, "Driver": "local", "Mountpoint": "/x", "Scope": scope, "Labels": null, "Options": null,
        })
    };
    let volumes = move |scope| json!({ "Volumes": [volume("a", "local"), volume("b", scope)] });
    let networks = |subnet: Value| {
        json!([
            { "Id": ID, "Name": "n", "IPAM": { "Config": [{ "Subnet": subnet }] } },
            { "Id": ID.replace('0', "1"), "Name": "m" },
        ])
    };
    let images = |size: Value| {
        let image = |id: String, size: &Value| {
            json!({
                "Id": id, "ParentId": "", "RepoTags": [format!("x:{}", &id[7..9])], "RepoDigests": null,
                "Created": 7, "Size": 1, "SharedSize": size, "Labels": null, "Containers": -1,
            })
        };
        let other = ID.replace('0', "1");
        json!([
            image(format!("sha256:{ID}"), &json!(-1)),
            image(format!("sha256:{other}"), &size)
        ])
    };
    assert!(bollard_reads::<VolumeListResponse>(&volumes("global")));
    assert!(!bollard_reads::<VolumeListResponse>(&volumes("regional")));
    assert!(bollard_reads::<Vec<Network>>(&networks(json!(
        "10.0.0.0/8"
    ))));
    assert!(!bollard_reads::<Vec<Network>>(&networks(json!([
        "10.0.0.0/8"
    ]))));
    assert!(bollard_reads::<Vec<ImageSummary>>(&images(json!(-1))));
    assert!(!bollard_reads::<Vec<ImageSummary>>(&images(Value::Null)));

    let server = Server::start(move |line| match line {
        "GET /v1.41/volumes" => Some(ok(volumes("regional"))),
        "GET /v1.41/networks" => Some(ok(networks(json!(["10.0.0.0/8"])))),
        "GET /v1.41/images/json?all=1" => Some(ok(images(Value::Null))),
        inspected if inspected.starts_with("GET /v1.41/images/sha256:") => {
            let id = inspected.split('/').nth(3)?;
            Some(ok(json!({ "Id": id })))
        }
        _ => None,
    })
    .await;
    for kind in [Kind::VOLUME, Kind::NETWORK, Kind::IMAGE] {
        let page = server.backend().list(ListRequest::first(kind)).await;
        assert_eq!(page.unwrap().resources.len(), 2, "{kind}");
    }
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
    assert!(error.message.contains("outcome unknown"), "{error:?}");
}
