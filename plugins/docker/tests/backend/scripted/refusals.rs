//! What refusals of a daemon or a proxy mean.

use std::time::Duration;

use tbengine_sdk::{Backend, ErrorKind};

use crate::scripted::support::{Answer, ID, Server, TERM, deletion, kind_of, refused, target};

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
async fn pages_of_a_proxy_are_reported_from_the_daemons_words() {
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
