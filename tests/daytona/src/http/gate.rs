//! Who is calling, and how often: the blocked address, the credential, the throttler, in this order.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tbengine_sdk::Timestamp;

use crate::accounts::{Caller, Scope};
use crate::clock::Clock;
use crate::error::ApiError;
use crate::http::Shared;
use crate::http::server::{KeyName, Peer};
use crate::settings::{RetryAfter, Throttle};
use crate::throttle::{Throttler, Verdict, seconds};

const FAILED_AUTH: &str = "failed-auth";

/// A refusal, as it is answered.
type Refusal = Box<Response>;

fn refusal(error: ApiError, headers: HeaderMap) -> Refusal {
    Box::new(with(headers, error.into_response()))
}

/// Lets a request pass, or answers it.
pub(super) async fn gate(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = match authenticate(&shared, &request) {
        Ok(caller) => caller,
        Err(refusal) => return *refusal,
    };
    let name = KeyName(caller.credential.name.clone());
    let scope = scope(request.method(), request.uri().path());
    let mut response = match throttle(&shared, &caller, scope) {
        Err(refusal) => *refusal,
        Ok(headers) => {
            request.extensions_mut().insert(caller);
            with(headers, next.run(request).await)
        }
    };
    response.extensions_mut().insert(name);
    response
}

fn with(headers: HeaderMap, mut response: Response) -> Response {
    response.headers_mut().extend(headers);
    response
}

/// What a request is counted as. The path is without the prefix.
fn scope(method: &Method, path: &str) -> Scope {
    let mut parts = path.trim_matches('/').split('/');
    if parts.next() != Some("sandbox") {
        return Scope::Authenticated;
    }
    match (method.as_str(), parts.next(), parts.next()) {
        ("POST", None, None) => Scope::Create,
        ("DELETE", Some(_), None)
        | ("POST", Some(_), Some("start" | "stop" | "pause" | "resize" | "recover" | "archive")) => {
            Scope::Lifecycle
        }
        _ => Scope::Authenticated,
    }
}

fn authenticate(shared: &Shared, request: &Request) -> Result<Caller, Refusal> {
    let text = |name: &str| {
        let value = request.headers().get(name);
        value.and_then(|value| value.to_str().ok())
    };
    let token = text(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
    let named = text("X-Daytona-Organization-ID");
    let (outcome, failed_auth, now) = shared.cloud(|cloud, now| {
        let outcome = cloud.accounts.authenticate(token.unwrap_or(""), named, now);
        (outcome, cloud.settings.failed_auth, now)
    });
    let peer = request.extensions().get::<Peer>().copied();
    let (Some(failed_auth), Some(Peer(address))) = (failed_auth, peer) else {
        return outcome.map_err(|error| refusal(error, HeaderMap::new()));
    };
    let throttle = Throttle {
        limit: failed_auth.limit,
        window: failed_auth.window,
    };
    shared.doors(|doors| {
        let door = doors
            .entry(address)
            .or_insert_with(|| Throttler::new(throttle));
        // The block is looked at before the credential, so it meets good ones too.
        if let Some(wait) = door.blocked(now) {
            count(shared, FAILED_AUTH.to_owned(), false);
            let mut headers = window_headers(FAILED_AUTH, throttle.limit, 0, wait);
            headers.insert("Retry-After", seconds(wait).into());
            return Err(refusal(ApiError::throttled(), headers));
        }
        outcome.map_err(|error| {
            if error.status != 401 {
                return refusal(error, HeaderMap::new());
            }
            let headers = match door.count(now) {
                Verdict::Passes {
                    limit,
                    remaining,
                    reset,
                } => window_headers(FAILED_AUTH, limit, remaining, reset),
                Verdict::Refused { limit, wait } => window_headers(FAILED_AUTH, limit, 0, wait),
            };
            refusal(error, headers)
        })
    })
}

fn throttle(shared: &Shared, caller: &Caller, scope: Scope) -> Result<HeaderMap, Refusal> {
    let (verdict, form, now) = shared.cloud(|cloud, now| {
        let throttler = cloud.accounts.throttler(caller.organization, scope);
        let verdict = throttler.map(|throttler| throttler.count(now));
        (verdict, cloud.settings.retry_after, now)
    });
    let Some(verdict) = verdict else {
        return Ok(HeaderMap::new());
    };
    let key = format!("{}/{}", caller.organization, scope.name());
    count(shared, key, matches!(verdict, Verdict::Passes { .. }));
    match verdict {
        Verdict::Passes {
            limit,
            remaining,
            reset,
        } => Ok(window_headers(scope.name(), limit, remaining, reset)),
        Verdict::Refused { wait, .. } => Err(refusal(
            ApiError::throttled(),
            wait_header(form, scope.name(), wait, now),
        )),
    }
}

fn count(shared: &Shared, throttler: String, passes: bool) {
    shared.cloud(|cloud, _| {
        let counts = cloud.record.throttlers.entry(throttler).or_default();
        if passes {
            counts.passed += 1;
        } else {
            counts.refused += 1;
        }
    });
}

fn window_headers(throttler: &str, limit: u32, remaining: u32, reset: Duration) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut add = |what: &str, value: u64| {
        let name = format!("x-ratelimit-{what}-{throttler}");
        if let Ok(name) = HeaderName::try_from(name) {
            headers.insert(name, value.into());
        }
    };
    add("limit", limit.into());
    add("remaining", remaining.into());
    add("reset", seconds(reset));
    headers
}

/// How a refusal says how long to wait.
fn wait_header(form: RetryAfter, throttler: &str, wait: Duration, now: Timestamp) -> HeaderMap {
    let mut headers = HeaderMap::new();
    match form {
        RetryAfter::Suffixed => {
            if let Ok(name) = HeaderName::try_from(format!("retry-after-{throttler}")) {
                headers.insert(name, seconds(wait).into());
            }
        }
        RetryAfter::Plain => {
            headers.insert("retry-after", seconds(wait).into());
        }
        RetryAfter::Milliseconds => {
            let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            headers.insert("retry-after-ms", ms.into());
        }
        RetryAfter::Date => {
            let until = now.plus(Duration::from_secs(seconds(wait)));
            if let Ok(date) = HeaderValue::try_from(Clock::http_date(until)) {
                headers.insert("retry-after", date);
            }
        }
        RetryAfter::Nothing => {}
    }
    headers
}
