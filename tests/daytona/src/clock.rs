//! The service's time: what the machine's clock said at the start, carried on by tokio's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tbengine_sdk::Timestamp;
use tokio::time::Instant;

/// Tells the time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Timestamp,
    opened: Instant,
}

impl Clock {
    /// A clock that now shows this time, or the machine's.
    pub fn showing(start: Option<Timestamp>) -> Self {
        Self {
            start: start.unwrap_or_else(machine_time),
            opened: Instant::now(),
        }
    }

    /// What it showed at the start.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.start.plus(self.elapsed())
    }

    /// A time as HTTP headers write it.
    pub fn http_date(time: Timestamp) -> String {
        match jiff::Timestamp::from_millisecond(time.as_unix_ms()) {
            Ok(time) => time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
            Err(_) => String::new(),
        }
    }

    /// How long ago the service opened.
    pub fn elapsed(&self) -> Duration {
        self.opened.elapsed()
    }
}

fn machine_time() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// As JavaScript writes a time: RFC 3339 with three decimals, always.
pub fn iso(time: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(time.as_unix_ms()) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_always_have_three_decimals() {
        let time = Timestamp::from_unix_seconds(1_767_323_045);
        assert_eq!(iso(time), "2026-01-02T03:04:05.000Z");
        assert_eq!(Clock::http_date(time), "Fri, 02 Jan 2026 03:04:05 GMT");
    }
}
