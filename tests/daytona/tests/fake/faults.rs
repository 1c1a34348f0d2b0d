//! What goes wrong on the way, and what the record says about it.

use std::time::Duration;

use serde_json::json;
use tbengine_fake_daytona::{Fault, FaultPlan, Outage, Pagination, Scripted, Settings, sandbox};

use crate::support::start;

fn next(method: &str, fault: Fault) -> FaultPlan {
    FaultPlan {
        script: vec![Scripted::next(method, "/sandbox", fault)],
        ..FaultPlan::default()
    }
}

#[tokio::test]
async fn a_lost_request_has_no_effect_and_a_lost_reply_has() {
    let (fake, caller) = start(Settings::default()).await;
    for id in ["a", "b"] {
        fake.put(sandbox().id(id));
    }
    fake.set_faults(next("DELETE", Fault::LostRequest));
    assert!(caller.try_send("DELETE", "/sandbox/a", "").await.is_none());
    assert_eq!(caller.get("/sandbox/a").await.json()["state"], "started");
    fake.set_faults(next("DELETE", Fault::LostReply));
    assert!(caller.try_send("DELETE", "/sandbox/b", "").await.is_none());
    assert_eq!(caller.get("/sandbox/b").await.json()["state"], "destroying");
    let record = fake.record();
    let met: Vec<_> = record
        .requests
        .iter()
        .map(|one| (one.fault, one.status))
        .collect();
    assert_eq!(
        met,
        [
            (Some("lost-request"), None),
            (None, Some(200)),
            (Some("lost-reply"), None),
            (None, Some(200)),
        ]
    );
}

#[tokio::test]
async fn answers_without_effect() {
    let (fake, caller) = start(Settings::default()).await;
    fake.put(sandbox().id("box"));
    let mut met = Vec::new();
    for fault in [
        Fault::Status(500),
        Fault::Maintenance,
        Fault::Gateway,
        Fault::TooManyRequests,
        Fault::Redirect,
        Fault::ErrorWithSuccess,
    ] {
        fake.set_faults(next("DELETE", fault));
        let answer = caller.delete("box").await;
        met.push(answer.status);
        match fault {
            Fault::Gateway => assert!(answer.body.starts_with(b"<html>")),
            Fault::TooManyRequests => assert_eq!(answer.header("Retry-After"), Some("1")),
            Fault::Redirect => {
                let to = answer.header("Location").unwrap();
                assert!(to.starts_with("http://169.254.169.254/"), "{to}");
            }
            _ => assert!(answer.json()["statusCode"].as_u64().unwrap() >= 500),
        }
    }
    assert_eq!(met, [500, 503, 502, 429, 307, 200]);
    assert_eq!(caller.get("/sandbox/box").await.json()["state"], "started");
    assert_eq!(fake.live(), ["box"]);
}

#[tokio::test]
async fn spoilt_bodies() {
    let (fake, caller) = start(Settings::default()).await;
    fake.put(sandbox().id("box"));
    let whole = caller.get("/sandbox/box").await.body;
    fake.set_faults(next("GET", Fault::Truncated));
    let half = caller.get("/sandbox/box").await.body;
    assert_eq!(half, whole[..whole.len() / 2]);
    fake.set_faults(next("GET", Fault::CutOff));
    assert!(caller.try_send("GET", "/sandbox/box", "").await.is_none());
    fake.set_faults(next("GET", Fault::Slow(1)));
    assert_eq!(caller.get("/sandbox/box").await.body, whole);
    for fault in [Fault::Endless, Fault::Slow(60_000), Fault::Hang(60_000)] {
        fake.set_faults(next("GET", fault));
        let patience = Duration::from_millis(100);
        let read = caller.try_send("GET", "/sandbox/box", "");
        assert!(
            tokio::time::timeout(patience, read).await.is_err(),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn an_outage_lets_nothing_through_and_ends() {
    let (fake, caller) = start(Settings::default()).await;
    fake.set_faults(FaultPlan {
        outages: vec![Outage {
            from_ms: 0,
            to_ms: 200,
        }],
        ..FaultPlan::default()
    });
    assert!(caller.try_send("GET", "/sandbox", "").await.is_none());
    while caller.try_send("GET", "/sandbox", "").await.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn page(caller: &crate::support::Caller, cursor: &str) -> (Vec<String>, Option<String>) {
    let path = format!("/sandbox?limit=4&sort=createdAt&order=asc&cursor={cursor}");
    let page = caller.get(&path).await.json();
    let items = page["items"].as_array().unwrap();
    let ids = items
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned());
    (
        ids.collect(),
        page["nextCursor"].as_str().map(str::to_owned),
    )
}

#[tokio::test]
async fn pages_go_wrong() {
    let (fake, caller) = start(Settings::default()).await;
    for id in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] {
        fake.put(sandbox().id(id));
    }
    let plan = |pagination| FaultPlan {
        pagination,
        ..FaultPlan::default()
    };
    let (first, cursor) = page(&caller, "").await;
    let cursor = cursor.unwrap();
    fake.set_faults(plan(Pagination {
        repeat_cursor: 1.0,
        ..Pagination::default()
    }));
    assert_eq!(page(&caller, &cursor).await.1.as_ref(), Some(&cursor));
    fake.set_faults(plan(Pagination {
        repeat_items: 1.0,
        ..Pagination::default()
    }));
    let (_, early) = page(&caller, "").await;
    let (second, _) = page(&caller, &early.unwrap()).await;
    assert_eq!(second[..2], first[2..]);
    fake.set_faults(plan(Pagination {
        missing_item: 1.0,
        ..Pagination::default()
    }));
    assert_eq!(page(&caller, "").await.0.len(), 3);
}

#[tokio::test]
async fn the_admin_interface_plans_fills_and_tells() {
    let (fake, caller) = start(Settings::default()).await;
    let admin = crate::support::Caller::at(&fake.admin_url());
    let made = admin
        .send(
            "POST",
            "/sandboxes",
            r#"{"id":"wedged","state":"stopping","labels":{"a":"b"},"runner":"dies"}"#,
        )
        .await;
    assert_eq!((made.status, made.json()), (201, json!({ "id": "wedged" })));
    assert_eq!(caller.delete("wedged").await.status, 409);
    let plan = r#"{"script":[{"method":"GET","fault":{"status":503}}],"latency-ms":1}"#;
    assert_eq!(admin.send("PUT", "/faults", plan).await.status, 200);
    assert_eq!(caller.get("/sandbox").await.status, 503);
    assert_eq!(caller.get("/sandbox").await.status, 200);
    assert_eq!(
        admin.send("PUT", "/faults", r#"{"ratez":[]}"#).await.status,
        400
    );
    let throttles = r#"{"sandbox-lifecycle":{"limit":0,"window-ms":1000}}"#;
    assert_eq!(admin.send("PUT", "/throttles", throttles).await.status, 200);
    assert_eq!(caller.delete("wedged").await.status, 429);
    let key = r#"{"value":"dtn_few","name":"few","permissions":[]}"#;
    assert_eq!(admin.send("POST", "/keys", key).await.status, 201);
    let few = caller.clone().key("dtn_few");
    assert_eq!(few.send("POST", "/sandbox", "{}").await.status, 403);
    let oracle = admin.get("/oracle").await.json();
    assert_eq!(oracle["live"][0]["state"], "stopping");
    assert_eq!(oracle["statuses"]["409"], 1);
    assert_eq!(oracle["throttlers"]["0/sandbox-lifecycle"]["refused"], 1);
    let requests = admin.get("/requests").await.json();
    assert_eq!(
        requests.as_array().unwrap().len() as u64,
        oracle["requests"]
    );
}
