//! Points in time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, written as RFC 3339 in text and JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A text that is not a point in time in RFC 3339.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not a time in RFC 3339, like 2026-01-31T12:00:00Z")]
pub struct ParseTimestampError {
    text: String,
}

impl Timestamp {
    /// The time that is `ms` milliseconds after (or, if negative, before) the Unix epoch.
    pub const fn from_unix_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// The time that is `seconds` seconds after the Unix epoch.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_unix_ms(self) -> i64 {
        self.0
    }

    /// How long before `now` this was, or `None` if it lies in the future.
    pub fn age(self, now: Timestamp) -> Option<Duration> {
        u64::try_from(now.0.checked_sub(self.0)?)
            .ok()
            .map(Duration::from_millis)
    }

    /// This time, `by` later.
    pub fn plus(self, by: Duration) -> Timestamp {
        Self(
            self.0
                .saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// This time, `by` earlier.
    pub fn minus(self, by: Duration) -> Timestamp {
        Self(
            self.0
                .saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Reads RFC 3339. Docker writes `0001-01-01T00:00:00Z` for "never"; callers map that to `None`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<jiff::Timestamp>() {
            Ok(time) => Ok(Self(time.as_millisecond())),
            Err(_) => Err(ParseTimestampError {
                text: text.chars().take(80).collect(),
            }),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => fmt::Display::fmt(&time, f),
            // Beyond the years that RFC 3339 can write.
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl serde::de::Visitor<'_> for Read {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time in RFC 3339")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_round_trips_in_milliseconds() {
        let time: Timestamp = "2026-01-02T03:04:05.678901234Z".parse().unwrap();
        assert_eq!(time.to_string(), "2026-01-02T03:04:05.678Z");
        assert_eq!(
            serde_json::to_string(&time).unwrap(),
            "\"2026-01-02T03:04:05.678Z\""
        );
        assert_eq!(
            serde_json::from_str::<Timestamp>("\"2026-01-02T03:04:05.678Z\"").unwrap(),
            time
        );
    }

    #[test]
    fn text_that_is_no_time_is_an_error() {
        for text in ["", "yesterday", "2026-13-01T00:00:00Z", "1700000000"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_future_time_has_no_age() {
        let now = Timestamp::from_unix_seconds(1_000);
        assert_eq!(
            Timestamp::from_unix_seconds(990).age(now),
            Some(Duration::from_secs(10))
        );
        assert_eq!(Timestamp::from_unix_seconds(1_001).age(now), None);
    }
}
