//! What the headers say about the service's throttlers: how much is left of which.
//!
//! A service with several throttlers appends the name of one to each header:
//! `X-RateLimit-Remaining-authenticated`. Without a name, the header is about everything.

use std::time::Duration;

use ::http::HeaderMap;

use super::wait::MAX_WAIT;

/// What counters are named like.
const RATE_LIMIT: [&str; 2] = ["x-ratelimit-", "ratelimit-"];

/// What one answer says about one throttler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counter {
    /// How many requests a window allows.
    pub(super) limit: Option<u64>,
    /// How many more this window allows.
    pub(super) remaining: Option<u64>,
    /// When the window ends, from now.
    pub(super) reset: Option<Duration>,
}

/// The counters of every throttler that the headers name, at most a few.
pub(super) fn counters(headers: &HeaderMap) -> Vec<(String, Counter)> {
    const MAX_COUNTERS: usize = 8;
    let mut found: Vec<(String, Counter)> = Vec::new();
    for (name, value) in headers {
        let mut prefixes = RATE_LIMIT.iter();
        let Some(rest) = prefixes.find_map(|prefix| name.as_str().strip_prefix(prefix)) else {
            continue;
        };
        let (field, throttler) = rest.split_once('-').unwrap_or((rest, ""));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| {
                (
                    name.parse::<::http::HeaderName>().unwrap(),
                    value.parse().unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn counters_of_several_throttlers() {
        let mut found = counters(&headers(&[
            ("X-RateLimit-Limit-sandbox-lifecycle", "100"),
            ("X-RateLimit-Remaining-sandbox-lifecycle", "40"),
            ("X-RateLimit-Reset-sandbox-lifecycle", "17"),
            ("X-RateLimit-Remaining-authenticated", "-1"),
            ("X-RateLimit-Reset-authenticated", "1700000000"),
            ("RateLimit-Limit", "5"),
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
