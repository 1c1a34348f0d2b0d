//! The pacer against services that count as the real one does.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::time::sleep;

use super::*;

const LIFECYCLE: &str = "lifecycle";
const GENERAL: &str = "general";

fn headers(limit: u64, remaining: u64, reset: u64) -> HeaderMap {
    [("limit", limit), ("remaining", remaining), ("reset", reset)]
        .into_iter()
        .map(|(field, value)| {
            let name = format!("x-ratelimit-{field}-sandbox-lifecycle");
            (
                name.parse::<::http::HeaderName>().unwrap(),
                ::http::HeaderValue::from(value),
            )
        })
        .collect()
}

async fn elapsed(future: impl Future<Output = ()>) -> Duration {
    let began = Instant::now();
    future.await;
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn while_much_is_left_nothing_waits() {
    let pacer = Pacer::default();
    let waited = elapsed(async {
        for sent in 0..50 {
            let permit = pacer.turn(LIFECYCLE).await.unwrap();
            permit.learn(&headers(100, 99 - sent, 60), None, |_| true);
        }
    })
    .await;
    assert_eq!(waited, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_rest_is_spread_over_the_window() {
    let pacer = Pacer::default();
    let first = pacer.turn(LIFECYCLE).await.unwrap();
    first.learn(&headers(100, 10, 4), None, |_| true);
    let waited = elapsed(async {
        for _ in 0..10 {
            drop(pacer.turn(LIFECYCLE).await.unwrap());
        }
    })
    .await;
    assert!(waited >= Duration::from_millis(2500), "{waited:?}");
    assert!(waited <= Duration::from_secs(4), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_whose_times_are_rounded_up_is_used_in_full() {
    // A service that admits 100 in each second, and answers after 20 ms.
    let pacer = Pacer::default();
    let mut window = (Instant::now(), 0);
    let began = Instant::now();
    for _ in 0..1000 {
        let permit = pacer.turn(LIFECYCLE).await.unwrap();
        let now = Instant::now();
        if now >= window.0 + Duration::from_secs(1) {
            window = (now, 0);
        }
        window.1 += 1;
        assert!(window.1 <= 100, "one too many");
        permit.learn(&headers(100, 100 - window.1, 1), None, |_| true);
    }
    let took = began.elapsed();
    assert!(took < Duration::from_millis(10_500), "{took:?}");
}

/// A service that admits 100 in each second, counts a request after 10 ms and answers after 20.
#[tokio::test(start_paused = true)]
async fn many_callers_at_once_use_a_limit_in_full_and_are_never_refused() {
    #[derive(Default)]
    struct Service {
        began: Option<Instant>,
        count: u64,
        windows: u32,
    }

    let pacer = Arc::new(Pacer::default());
    let service = Arc::new(Mutex::new(Service::default()));
    let left = Arc::new(AtomicI64::new(2000));
    let began = Instant::now();
    let callers = (0..16).map(|_| {
        let (pacer, service, left) = (pacer.clone(), service.clone(), left.clone());
        tokio::spawn(async move {
            while left.fetch_sub(1, Ordering::Relaxed) > 0 {
                let permit = pacer.turn(LIFECYCLE).await.unwrap();
                sleep(Duration::from_millis(10)).await;
                let remaining = {
                    let mut service = service.lock().unwrap();
                    let now = Instant::now();
                    let second = Duration::from_secs(1);
                    if service.began.is_none_or(|began| now >= began + second) {
                        *service = Service {
                            began: Some(now),
                            count: 0,
                            windows: service.windows + 1,
                        };
                    }
                    service.count += 1;
                    100_u64.checked_sub(service.count).expect("one too many")
                };
                sleep(Duration::from_millis(10)).await;
                permit.learn(&headers(100, remaining, 1), None, |_| true);
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    let took = began.elapsed();
    assert!(took <= Duration::from_millis(20_500), "{took:?}");
    assert_eq!(service.lock().unwrap().windows, 20);
}

#[tokio::test(start_paused = true)]
async fn when_nothing_is_left_the_next_window_is_waited_for() {
    let pacer = Pacer::default();
    let first = pacer.turn(LIFECYCLE).await.unwrap();
    first.learn(&headers(100, 0, 4), None, |_| true);
    let waited = elapsed(async {
        drop(pacer.turn(LIFECYCLE).await.unwrap());
    })
    .await;
    assert_eq!(waited, Duration::from_secs(4));
    // Other traffic has its own throttler.
    let general = elapsed(async { drop(pacer.turn(GENERAL).await.unwrap()) }).await;
    assert_eq!(general, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_is_the_engines() {
    let pacer = Pacer::default();
    let first = pacer.turn(LIFECYCLE).await.unwrap();
    first.learn(&headers(100, 0, 60), None, |_| true);
    let away = pacer.turn(LIFECYCLE).await.err().unwrap();
    assert_eq!(away, Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_is_counted() {
    let pacer = Pacer::default();
    let first = pacer.turn(LIFECYCLE).await.unwrap();
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(pacer.turn(LIFECYCLE).await.unwrap());
    }
    first.learn(&headers(100, 3, 60), None, |_| true);
    assert!(pacer.turn(LIFECYCLE).await.is_err());
    others
        .pop()
        .unwrap()
        .learn(&headers(100, 3, 60), None, |_| true);
    assert!(pacer.turn(LIFECYCLE).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_closes_the_throttler_and_an_unnamed_one_everything() {
    let pacer = Pacer::default();
    let refusal = |name: &'static str| {
        HeaderMap::from_iter([(
            ::http::HeaderName::from_static(name),
            ::http::HeaderValue::from(30),
        )])
    };
    let permit = pacer.turn(LIFECYCLE).await.unwrap();
    let headers = refusal("retry-after-sandbox-lifecycle");
    permit.learn(&headers, Some(Wait::of(&headers)), |_| true);
    let away = pacer.turn(LIFECYCLE).await.err().unwrap();
    assert_eq!(away, Duration::from_secs(30));
    let permit = pacer.turn(GENERAL).await.unwrap();
    let headers = refusal("retry-after");
    permit.learn(&headers, Some(Wait::of(&headers)), |_| true);
    assert!(pacer.turn(GENERAL).await.is_err());
}

/// A gateway that refuses one request in many means that one; a throttler that is named means all that it counts.
#[tokio::test(start_paused = true)]
async fn an_unnamed_refusal_among_many_answers_closes_nothing() {
    let pacer = Pacer::default();
    let refusal = |name: &'static str| {
        HeaderMap::from_iter([(
            ::http::HeaderName::from_static(name),
            ::http::HeaderValue::from(30),
        )])
    };
    let refuse = async |name| {
        let headers = refusal(name);
        let permit = pacer.turn(LIFECYCLE).await.ok()?;
        permit.learn(&headers, Some(Wait::of(&headers)), |_| true);
        Some(())
    };
    for _ in 0..100 {
        let permit = pacer.turn(LIFECYCLE).await.unwrap();
        permit.learn(&HeaderMap::new(), None, |_| true);
    }
    for _ in 0..6 {
        refuse("retry-after").await.unwrap();
    }
    refuse("retry-after").await.unwrap();
    assert!(
        pacer.turn(GENERAL).await.is_err(),
        "the seventh is no chance any more"
    );

    let pacer = Pacer::default();
    for _ in 0..100 {
        let permit = pacer.turn(LIFECYCLE).await.unwrap();
        permit.learn(&HeaderMap::new(), None, |_| true);
    }
    let headers = refusal("retry-after-sandbox-lifecycle");
    let permit = pacer.turn(LIFECYCLE).await.unwrap();
    permit.learn(&headers, Some(Wait::of(&headers)), |_| true);
    assert!(pacer.turn(LIFECYCLE).await.is_err());
    assert!(pacer.turn(GENERAL).await.is_ok());
}
