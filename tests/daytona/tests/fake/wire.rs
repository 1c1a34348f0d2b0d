//! What is on the wire: forms, statuses, and what only concurrency shows.

use std::time::Duration;

use serde_json::{Value, json};
use tbengine_fake_daytona::{
    Fields, Listing, Settings, SnapshotState, State, VolumeState, sandbox,
};

use crate::support::start;

#[tokio::test]
async fn an_error_has_the_documented_body_and_the_version() {
    let (_fake, caller) = start(Settings::default()).await;
    let answer = caller.get("/sandbox/nothing?x=1").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("X-Daytona-Api-Version"), Some("v0.190.0"));
    let mut body = answer.json();
    assert!(body["timestamp"].as_str().unwrap().ends_with('Z'));
    body["timestamp"] = Value::Null;
    assert_eq!(
        body,
        json!({
            "path": "/api/sandbox/nothing?x=1",
            "timestamp": null,
            "statusCode": 404,
            "error": "Not Found",
            "message": "Sandbox with ID or name nothing not found",
        })
    );
}

#[tokio::test]
async fn five_deletes_at_once_are_one_success_and_four_conflicts() {
    let (fake, caller) = start(Settings {
        race_window: Duration::from_millis(300),
        ..Settings::default()
    })
    .await;
    fake.put(sandbox().id("box"));
    let deletes = (0..5).map(|_| {
        let caller = caller.clone();
        tokio::spawn(async move { caller.delete("box").await })
    });
    let mut answers = Vec::new();
    for delete in deletes.collect::<Vec<_>>() {
        let answer = delete.await.unwrap();
        let message = answer.json()["message"].as_str().map(str::to_owned);
        answers.push((answer.status, message));
    }
    answers.sort();
    let modified = "Sandbox was modified by another operation".to_owned();
    assert_eq!(answers[0], (200, None));
    assert_eq!(answers[1..], vec![(409, Some(modified)); 4]);
}

#[tokio::test]
async fn a_delete_ignores_force() {
    let (fake, caller) = start(Settings::default()).await;
    fake.put(sandbox().id("box").state(State::Starting));
    let answer = caller.send("DELETE", "/sandbox/box?force=true", "").await;
    assert_eq!(answer.status, 409);
}

#[tokio::test]
async fn listed_and_read_forms_differ() {
    let (fake, caller) = start(Settings::default()).await;
    fake.put(sandbox().id("box").env("SECRET", "canary"));
    let listed = caller.get("/sandbox").await.json();
    assert_eq!(listed["nextCursor"], Value::Null);
    let item = &listed["items"][0];
    let read = caller.get("/sandbox/box").await.json();
    for field in ["env", "volumes", "kvm"] {
        assert!(item.get(field).is_none(), "{field}");
        assert!(read.get(field).is_some(), "{field}");
    }
    for field in ["id", "state", "desiredState", "createdAt", "lastActivityAt"] {
        assert_eq!(item[field], read[field], "{field}");
    }
    assert!(item.get("pending").is_none() && read.get("pending").is_none());
}

#[tokio::test]
async fn a_cursor_is_base64_of_the_last_row() {
    let (fake, caller) = start(Settings::default()).await;
    for id in ["a", "b", "c"] {
        fake.put(sandbox().id(id));
    }
    let page = caller.get("/sandbox?limit=2&sort=name&order=asc").await;
    let page = page.json();
    // {"sortValue":"b","id":"b"}
    assert_eq!(page["nextCursor"], "eyJzb3J0VmFsdWUiOiJiIiwiaWQiOiJiIn0=");
}

#[tokio::test]
async fn older_servers_list_a_bare_array_of_everything() {
    let (fake, caller) = start(Settings {
        listing: Listing::BareArray,
        ..Settings::default()
    })
    .await;
    for _ in 0..5 {
        fake.put(sandbox().label("run", "1"));
    }
    fake.put(sandbox());
    let all = caller.get("/sandbox?limit=2").await.json();
    assert_eq!(all.as_array().unwrap().len(), 6);
    let labels = "labels=%7B%22run%22%3A%221%22%7D";
    let some = caller.get(&format!("/sandbox?{labels}")).await.json();
    assert_eq!(some.as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn numbered_pages_lose_what_deleting_shifts() {
    let (fake, caller) = start(Settings::default()).await;
    for number in 0..50 {
        fake.put(sandbox().age(Duration::from_secs(number)));
    }
    let mut seen = 0;
    for page in 1.. {
        let answer = caller
            .get(&format!("/sandbox/paginated?limit=10&page={page}"))
            .await
            .json();
        assert_eq!(answer["page"], page);
        let items = answer["items"].as_array().unwrap();
        seen += items.len();
        for item in items {
            assert_eq!(
                caller.delete(item["id"].as_str().unwrap()).await.status,
                200
            );
        }
        // All of them are gone before the next page is read.
        while fake.live().len() > 50 - seen {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if page >= answer["totalPages"].as_u64().unwrap() {
            break;
        }
    }
    assert_eq!(seen, 30);
    assert_eq!(fake.live().len(), 20);
    assert_eq!(caller.get("/sandbox/paginated?page=0").await.status, 400);
}

#[tokio::test]
async fn odd_fields_come_as_asked() {
    let (fake, caller) = start(Settings::default()).await;
    fake.put(sandbox().id("null").fields(Fields::Null));
    fake.put(sandbox().id("missing").fields(Fields::Missing));
    fake.put(sandbox().id("extra").fields(Fields::Extra));
    let state = Fields::State("hibernating".to_owned());
    fake.put(sandbox().id("state").fields(state));
    let read = async |id| caller.get(&format!("/sandbox/{id}")).await.json();
    let null = read("null").await;
    let missing = read("missing").await;
    for field in ["createdAt", "lastActivityAt", "state"] {
        assert_eq!(null.get(field), Some(&Value::Null), "{field}");
        assert_eq!(missing.get(field), None, "{field}");
    }
    assert_eq!(missing.get("snapshot"), None);
    assert_eq!(read("state").await["state"], "hibernating");
    assert_eq!(read("extra").await["hyperdrive"], json!({ "level": 3 }));
}

#[tokio::test]
async fn intervals_answer_201_and_labels_the_full_sandbox() {
    let (fake, caller) = start(Settings::default()).await;
    // Otherwise it would be stopped as soon as an interval is set.
    fake.put(sandbox().id("box").idle(Duration::ZERO));
    let post = async |path: &str| {
        let path = format!("/sandbox/box/{path}");
        caller.send("POST", &path, "").await
    };
    let answer = post("autostop/30").await;
    assert_eq!(
        (answer.status, &answer.json()["autoStopInterval"]),
        (201, &json!(30))
    );
    assert_eq!(post("autodelete/-1").await.status, 201);
    assert_eq!(
        post("autoarchive/0").await.json()["autoArchiveInterval"],
        43_200
    );
    assert!(post("ttl/10").await.json()["autoDestroyAt"].is_string());
    assert_eq!(post("autostop/-1").await.status, 400);
    assert_eq!(post("autostop/soon").await.status, 500);
    assert_eq!(post("explode").await.status, 404);
    let body = r#"{"labels":{"a":"b"}}"#;
    let labelled = caller.send("PUT", "/sandbox/box/labels", body).await;
    assert_eq!(labelled.json()["labels"], json!({ "a": "b" }));
    assert_eq!(labelled.json()["id"], "box");
    assert_eq!(
        caller.send("PUT", "/sandbox/box/labels", "{}").await.status,
        400
    );
}

#[tokio::test]
async fn a_created_sandbox_starts_and_its_name_is_taken() {
    let (fake, caller) = start(Settings::default()).await;
    let body = r#"{"name":"one","labels":{"a":"b"},"autoDeleteInterval":0,"unheard":[]}"#;
    let made = caller.send("POST", "/sandbox", body).await;
    assert_eq!(
        (made.status, &made.json()["state"]),
        (200, &json!("creating"))
    );
    assert_eq!(made.json()["autoStopInterval"], 15);
    assert_eq!(caller.send("POST", "/sandbox", body).await.status, 409);
    while caller.get("/sandbox/one").await.json()["state"] != "started" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(fake.record().created, 1);
}

#[tokio::test]
async fn snapshots_are_paged_by_number_and_removed_later() {
    let (fake, caller) = start(Settings::default()).await;
    let (mine, general, building) = fake.with(|cloud, now| {
        let other = cloud.add_organization();
        cloud.put_snapshot(Some(other), "theirs", SnapshotState::Active, now);
        (
            cloud.put_snapshot(Some(0), "harbor__1__snapshot", SnapshotState::Active, now),
            cloud.put_snapshot(None, "daytonaio/sandbox", SnapshotState::Active, now),
            cloud.put_snapshot(Some(0), "new", SnapshotState::Building, now),
        )
    });
    let page = caller.get("/snapshots?limit=2").await.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&page["total"], &page["totalPages"]),
        (&json!(3), &json!(2))
    );
    let found = caller.get("/snapshots?name=sandbox").await.json();
    assert_eq!(found["items"][0]["general"], true);
    assert_eq!(caller.get("/snapshots?limit=201").await.status, 400);
    let delete = async |id: &str| caller.send("DELETE", &format!("/snapshots/{id}"), "").await;
    let refused = delete(&general).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.message(), "You cannot delete a general snapshot");
    // 200, and nothing happens.
    assert_eq!(delete(&building).await.status, 200);
    let read = async |id: &str| caller.get(&format!("/snapshots/{id}")).await;
    assert_eq!(read(&building).await.json()["state"], "building");
    let accepted = delete(&mine).await;
    assert_eq!((accepted.status, accepted.body.len()), (200, 0));
    assert_eq!(read(&mine).await.json()["state"], "removing");
    while read(&mine).await.status != 404 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let gone = fake.record().destroyed;
    assert_eq!((gone.len(), gone[0].kind), (1, "snapshot"));
}

#[tokio::test]
async fn volumes_are_an_array_and_those_in_use_stay() {
    let (fake, caller) = start(Settings::default()).await;
    let volume = |state| fake.with(|cloud, now| cloud.put_volume(0, "data", state, now));
    let free = volume(VolumeState::Ready);
    let used = volume(VolumeState::Ready);
    let young = volume(VolumeState::Creating);
    fake.put(sandbox().volume(used.as_str()));
    let all = caller.get("/volumes").await.json();
    assert_eq!(all.as_array().unwrap().len(), 3);
    let delete = async |id: &str| {
        let path = format!("/volumes/{id}");
        caller.send("DELETE", &path, "").await.status
    };
    assert_eq!(delete(&used).await, 409);
    assert_eq!(delete(&young).await, 400);
    assert_eq!(delete(&free).await, 200);
    let listed = async |query: &str| {
        let all = caller.get(&format!("/volumes{query}")).await.json();
        all.as_array().unwrap().len()
    };
    while listed("").await == 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(listed("?includeDeleted=true").await, 3);
    assert_eq!(fake.record().destroyed[0].id, free);
}

#[tokio::test]
async fn a_seeded_account_is_full_of_leaks() {
    let settings = || Settings {
        sandboxes: 200,
        opened_at: Some("2026-11-23T12:00:00Z".parse().unwrap()),
        ..Settings::default()
    };
    let (fake, _caller) = start(settings()).await;
    let live = fake.with(|cloud, _| cloud.live());
    assert_eq!(live.len(), 200);
    let count = |state: &str| live.iter().filter(|one| one.state == state).count();
    for state in [
        "started",
        "stopped",
        "archived",
        "error",
        "build_failed",
        "stopping",
    ] {
        assert!(count(state) > 0, "{state}");
    }
    let session =
        |one: &tbengine_fake_daytona::oracle::Live| one.labels.get("harbor.session_id").cloned();
    let mut sessions: Vec<_> = live.iter().filter_map(session).collect();
    sessions.sort();
    assert!(sessions.windows(2).any(|pair| pair[0] == pair[1]));
    let (again, _caller) = start(settings()).await;
    assert_eq!(again.with(|cloud, _| cloud.live()), live);
}
