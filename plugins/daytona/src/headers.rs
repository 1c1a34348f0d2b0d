//! What the headers say about the service's throttlers: how long to wait, and how much is left.
//!
//! The service has several throttlers and appends the name of one to each header:
//! `Retry-After-sandbox-lifecycle`, `X-RateLimit-Remaining-authenticated`. Without a name, the header
//! is about the whole address we come from, as after failed logins, or a gateway's.

use std::time::Duration;

use http::{HeaderMap, header};
use tbengine_sdk::Timestamp;

/// No wait is longer: what asks for more is a mistake or a trap.
const MAX_WAIT: Duration = Duration::from_secs(3600);
const RETRY_AFTER: &str = "retry-after";
const RATE_LIMIT: &str = "x-ratelimit-";
/// The throttler that counts refused credentials only, and no request that we go on to make.
const FAILED_AUTH: &str = "failed-auth";

/// What one answer says about one throttler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counter {
    /// How many requests a window allows.
    pub(crate) limit: Option<u64>,
    /// How many more this window allows.
    pub(crate) remaining: Option<u64>,
    /// When the window ends, from now.
    pub(crate) reset: Option<Duration>,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wait {
    /// With requests to the throttler that refused.
    pub(crate) throttler: Option<Duration>,
    /// With every request.
    pub(crate) everything: Option<Duration>,
}

impl Wait {
    /// The longer of the two.
    pub(crate) fn longest(&self) -> Option<Duration> {
        self.throttler.max(self.everything)
    }
}

/// How long the service asks to wait: seconds, milliseconds, or a date that counts from the answer's
/// own, because our clock may be wrong.
pub(crate) fn wait(headers: &HeaderMap) -> Wait {
    let mut wait = Wait::default();
    for (name, value) in headers {
        let Some(suffix) = name.as_str().strip_prefix(RETRY_AFTER) else {
            continue;
        };
        let Ok(text) = value.to_str() else { continue };
        let (place, asked) = match suffix {
            "" => (&mut wait.everything, duration(text, 1.0, headers)),
            "-ms" => (&mut wait.everything, duration(text, 0.001, headers)),
            _ if suffix.starts_with('-') => (&mut wait.throttler, duration(text, 1.0, headers)),
            _ => continue,
        };
        *place = (*place).max(asked);
    }
    wait
}

/// The counters of every throttler that the headers name, at most a few.
pub(crate) fn counters(headers: &HeaderMap) -> Vec<(String, Counter)> {
    const MAX_COUNTERS: usize = 8;
    let mut found: Vec<(String, Counter)> = Vec::new();
    for (name, value) in headers {
        let Some(rest) = name.as_str().strip_prefix(RATE_LIMIT) else {
            continue;
        };
        let (field, throttler) = rest.split_once('-').unwrap_or((rest, ""));
        if throttler == FAILED_AUTH {
            continue;
        }
        let Some(number) = value
            .to_str()
            .ok()
            .and_then(|text| text.trim().parse::<f64>().ok())
        else {
            continue;
        };
        if !(0.0..1e12).contains(&number) {
            continue;
        }
        let place = match found.iter().position(|(known, _)| known == throttler) {
            Some(place) => place,
            None if found.len() < MAX_COUNTERS => {
                found.push((throttler.to_owned(), Counter::default()));
                found.len() - 1
            }
            None => continue,
        };
        let counter = &mut found[place].1;
        match field {
            "limit" => counter.limit = Some(number as u64),
            "remaining" => counter.remaining = Some(number as u64),
            // Some services write the second of the day's clock here; that is not a duration.
            "reset" if number <= MAX_WAIT.as_secs_f64() => {
                counter.reset = Some(Duration::from_secs_f64(number));
            }
            _ => {}
        }
    }
    found
}

/// The service's clock when it answered, to the second.
pub(crate) fn clock(headers: &HeaderMap) -> Option<Timestamp> {
    answered(headers).map(|date| Timestamp::from_unix_ms(date.as_millisecond()))
}

fn answered(headers: &HeaderMap) -> Option<jiff::Timestamp> {
    date(headers.get(header::DATE)?.to_str().ok()?)
}

fn date(text: &str) -> Option<jiff::Timestamp> {
    jiff::fmt::rfc2822::parse(text)
        .ok()
        .map(|date| date.timestamp())
}

fn duration(text: &str, unit: f64, headers: &HeaderMap) -> Option<Duration> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(number * unit)
            .ok()
            .map(|wait| wait.min(MAX_WAIT));
    }
    let now = answered(headers)?;
    let wait = Duration::try_from(date(text)?.duration_since(now)).unwrap_or_default();
    Some(wait.min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| {
                (
                    name.parse::<header::HeaderName>().unwrap(),
                    value.parse().unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn every_form_of_a_wait() {
        let date = ("date", "Fri, 06 Nov 2026 08:49:37 GMT");
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (fields, throttler, everything) in [
            (&[][..], None, None),
            (&[("retry-after", "7")], None, seconds(7)),
            (
                &[("Retry-After-sandbox-lifecycle", "30")],
                seconds(30),
                None,
            ),
            (
                &[("retry-after-authenticated", "3"), ("retry-after", "9")],
                seconds(3),
                seconds(9),
            ),
            (
                &[("retry-after-ms", "1500")],
                None,
                Some(Duration::from_millis(1500)),
            ),
            (
                &[("retry-after", "0.5")],
                None,
                Some(Duration::from_millis(500)),
            ),
            (&[("retry-after", "-7")], None, None),
            (&[("retry-after", "soon")], None, None),
            (&[("retry-after", "NaN")], None, None),
            (&[("retry-after", "1e300")], None, None),
            (&[("retry-after", "999999")], None, Some(MAX_WAIT)),
            (
                &[date, ("retry-after", "Fri, 06 Nov 2026 08:50:07 GMT")],
                None,
                seconds(30),
            ),
            (
                &[date, ("retry-after", "Fri, 06 Nov 2026 08:00:00 GMT")],
                None,
                seconds(0),
            ),
            (
                &[("retry-after", "Fri, 06 Nov 2026 08:50:07 GMT")],
                None,
                None,
            ),
            (&[("retry-afterwards", "7")], None, None),
        ] {
            let want = Wait {
                throttler,
                everything,
            };
            assert_eq!(wait(&headers(fields)), want, "{fields:?}");
        }
    }

    #[test]
    fn counters_of_several_throttlers() {
        let mut found = counters(&headers(&[
            ("X-RateLimit-Limit-sandbox-lifecycle", "100"),
            ("X-RateLimit-Remaining-sandbox-lifecycle", "40"),
            ("X-RateLimit-Reset-sandbox-lifecycle", "17"),
            ("X-RateLimit-Remaining-authenticated", "-1"),
            ("X-RateLimit-Reset-authenticated", "1700000000"),
            ("X-RateLimit-Limit", "5"),
            ("X-RateLimit-Limit-failed-auth", "5"),
        ]));
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let lifecycle = Counter {
            limit: Some(100),
            remaining: Some(40),
            reset: Some(Duration::from_secs(17)),
        };
        let unnamed = Counter {
            limit: Some(5),
            ..Counter::default()
        };
        assert_eq!(
            found,
            [
                (String::new(), unnamed),
                ("authenticated".to_owned(), Counter::default()),
                ("sandbox-lifecycle".to_owned(), lifecycle)
            ]
        );
    }
}
