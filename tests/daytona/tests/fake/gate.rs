//! Who may call, and how often.

use std::time::Duration;

use rstest::rstest;
use tbengine_fake_daytona::{
    FailedAuth, RetryAfter, Settings, Throttle, Throttles, permission, sandbox,
};

use crate::support::{Answer, start};

const MINUTE: Duration = Duration::from_secs(60);

fn limited(limit: u32, retry_after: RetryAfter) -> Settings {
    let throttle = Throttle {
        limit,
        window: MINUTE,
    };
    Settings {
        throttles: Throttles {
            sandbox_lifecycle: Some(throttle),
            ..Throttles::default()
        },
        retry_after,
        ..Settings::default()
    }
}

#[tokio::test]
async fn lifecycle_calls_count_for_the_whole_organization() {
    let (fake, caller) = start(limited(3, RetryAfter::Suffixed)).await;
    fake.with(|cloud, _| {
        cloud
            .accounts
            .add_key("dtn_other", "other", 0, &permission::ALL);
    });
    let other = caller.clone().key("dtn_other");
    // 404s count, stops count, and another key of the organization counts.
    let first = caller.delete("nothing").await;
    assert_eq!(first.status, 404);
    let headers = |answer: &Answer| {
        ["Limit", "Remaining", "Reset"].map(|what| {
            let name = format!("X-RateLimit-{what}-sandbox-lifecycle");
            answer.header(&name).map(str::to_owned)
        })
    };
    let expected = ["3", "2", "60"].map(|text| Some(text.to_owned()));
    assert_eq!(headers(&first), expected);
    caller.send("POST", "/sandbox/nothing/stop", "").await;
    assert_eq!(other.delete("nothing").await.status, 404);
    let refused = other.delete("nothing").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("Retry-After-sandbox-lifecycle"), Some("60"));
    assert_eq!(refused.header("Retry-After"), None);
    assert_eq!(headers(&refused), [None, None, None]);
    let body = refused.json();
    assert_eq!(body["error"], "Too Many Requests");
    assert_eq!(body["message"], "ThrottlerException: Too Many Requests");
    // Reading is another throttler's business, which is off and says nothing.
    let read = caller.get("/sandbox").await;
    assert_eq!((read.status, headers(&read)), (200, [None, None, None]));
    let counts = fake.record().throttlers["0/sandbox-lifecycle"];
    assert_eq!((counts.passed, counts.refused), (3, 1));
}

#[rstest]
#[case(RetryAfter::Plain, "retry-after", Some("60"))]
#[case(RetryAfter::Milliseconds, "retry-after-ms", Some("60000"))]
#[case(RetryAfter::Date, "retry-after", Some("Mon, 23 Nov 2026 12:01:"))]
#[case(RetryAfter::Nothing, "retry-after", None)]
#[tokio::test]
async fn a_refusal_says_how_long_to_wait(
    #[case] form: RetryAfter,
    #[case] header: &str,
    #[case] expected: Option<&str>,
) {
    let opened_at = Some("2026-11-23T12:00:00Z".parse().unwrap());
    let settings = Settings {
        opened_at,
        ..limited(0, form)
    };
    let (_fake, caller) = start(settings).await;
    let refused = caller.delete("nothing").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after-sandbox-lifecycle"), None);
    match (refused.header(header), expected) {
        (Some(value), Some(start)) => assert!(value.starts_with(start), "{value}"),
        (value, expected) => assert_eq!(value, expected),
    }
}

#[tokio::test]
async fn create_has_a_throttler_of_its_own() {
    let mut settings = limited(0, RetryAfter::Suffixed);
    settings.throttles.sandbox_create = Some(Throttle {
        limit: 1,
        window: MINUTE,
    });
    let (_fake, caller) = start(settings).await;
    assert_eq!(caller.send("POST", "/sandbox", "{}").await.status, 200);
    let refused = caller.send("POST", "/sandbox", "{}").await;
    assert_eq!(refused.header("Retry-After-sandbox-create"), Some("60"));
}

#[tokio::test]
async fn failed_authentications_block_the_address_for_good_keys_too() {
    let (fake, good) = start(Settings {
        failed_auth: Some(FailedAuth {
            limit: 2,
            window: MINUTE,
        }),
        ..Settings::default()
    })
    .await;
    let bad = good.clone().key("dtn_wrong");
    let first = bad.get("/sandbox").await;
    assert_eq!(first.status, 401);
    assert_eq!(first.message(), "Invalid credentials");
    assert_eq!(first.header("X-RateLimit-Remaining-failed-auth"), Some("1"));
    assert_eq!(first.header("X-RateLimit-Limit-failed-auth"), Some("2"));
    assert_eq!(good.get("/sandbox").await.status, 200);
    assert_eq!(bad.get("/sandbox").await.status, 401);
    assert_eq!(bad.get("/sandbox").await.status, 401);
    let blocked = good.get("/sandbox").await;
    assert_eq!(blocked.status, 429);
    let wait: u64 = blocked.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert_eq!(
        blocked.header("X-RateLimit-Remaining-failed-auth"),
        Some("0")
    );
    assert_eq!(fake.record().throttlers["failed-auth"].refused, 1);
}

#[tokio::test]
async fn revoked_and_expired_keys_are_unknown() {
    let (fake, caller) = start(Settings::default()).await;
    let key = fake.key();
    fake.with(|cloud, now| {
        cloud.accounts.credential_mut(&key).unwrap().expires_at = Some(now);
    });
    assert_eq!(caller.get("/sandbox").await.status, 401);
    fake.with(|cloud, _| cloud.accounts.revoke(&key));
    assert_eq!(caller.get("/sandbox").await.status, 401);
}

#[rstest]
#[case("DELETE", "/sandbox/box", &[permission::WRITE_SANDBOXES], 403)]
#[case("DELETE", "/sandbox/box", &[permission::DELETE_SANDBOXES], 200)]
#[case("POST", "/sandbox/box/stop", &[permission::DELETE_SANDBOXES], 403)]
#[case("POST", "/sandbox/box/stop", &[permission::WRITE_SANDBOXES], 200)]
#[case("POST", "/sandbox/box/autostop/5", &[], 403)]
#[case("PUT", "/sandbox/box/labels", &[], 403)]
#[case("POST", "/sandbox", &[], 403)]
#[case("GET", "/sandbox", &[], 200)]
#[case("GET", "/sandbox/box", &[], 200)]
#[case("GET", "/snapshots", &[], 200)]
#[case("DELETE", "/snapshots/x", &[permission::DELETE_SANDBOXES], 403)]
#[case("GET", "/volumes", &[], 403)]
#[case("GET", "/volumes", &[permission::READ_VOLUMES], 200)]
#[case("DELETE", "/volumes/x", &[permission::READ_VOLUMES], 403)]
#[tokio::test]
async fn permissions(
    #[case] method: &str,
    #[case] path: &str,
    #[case] may: &[&str],
    #[case] status: u16,
) {
    let (fake, caller) = start(Settings::default()).await;
    fake.put(sandbox().id("box"));
    fake.with(|cloud, _| cloud.accounts.add_key("dtn_few", "few", 0, may));
    let few = caller.key("dtn_few");
    let answer = few.send(method, path, r#"{"labels":{}}"#).await;
    assert_eq!(answer.status, status);
    if status == 403 {
        assert_eq!(answer.message(), "Access denied");
    }
    let asked = fake.record().requests.pop().unwrap();
    assert_eq!(
        (asked.key.as_deref(), asked.status),
        (Some("few"), Some(status))
    );
}

#[tokio::test]
async fn the_current_key_says_what_it_may_do() {
    let (fake, caller) = start(Settings::default()).await;
    fake.with(|cloud, _| {
        let may = [permission::WRITE_SANDBOXES];
        cloud.accounts.add_key("dtn_few", "few", 0, &may);
    });
    let key = caller.clone().key("dtn_few").get("/api-keys/current").await;
    let key = key.json();
    assert_eq!(key["name"], "few");
    assert_eq!(key["permissions"], serde_json::json!(["write:sandboxes"]));
    assert!(key["expiresAt"].is_null());
    assert!(key.get("organizationId").is_none());
    assert!(!key["value"].as_str().unwrap().contains("few"));
    assert_eq!(caller.get("/organizations").await.status, 401);
}

#[tokio::test]
async fn newer_servers_name_the_organization_of_a_key() {
    let (fake, caller) = start(Settings {
        key_tells_organization: true,
        ..Settings::default()
    })
    .await;
    let key = caller.get("/api-keys/current").await.json();
    let expected = fake.with(|cloud, _| cloud.accounts.id_of(0).to_owned());
    assert_eq!(key["organizationId"], expected);
}

#[tokio::test]
async fn a_key_decides_the_organization_and_a_token_needs_one() {
    let (fake, caller) = start(Settings::default()).await;
    let (other, other_id) = fake.with(|cloud, _| {
        let other = cloud.add_organization();
        cloud.accounts.add_token("token", "user");
        (other, cloud.accounts.id_of(other).to_owned())
    });
    fake.put(sandbox().id("theirs").organization(other));
    let named = [("X-Daytona-Organization-ID", other_id.as_str())];
    let ids = async |caller: &crate::support::Caller, headers: &[(&str, &str)]| {
        let answer = caller.send_with("GET", "/sandbox", "", headers).await;
        let answer = answer.unwrap();
        (
            answer.status,
            answer.json()["items"].as_array().map(Vec::len),
        )
    };
    assert_eq!(ids(&caller, &named).await, (200, Some(0)));
    let token = caller.key("token");
    assert_eq!(ids(&token, &named).await, (200, Some(1)));
    assert_eq!(ids(&token, &[]).await, (403, None));
}
