//! The throttlers of an organization, and the one of failed authentications.

use std::time::Duration;

use tbengine_sdk::Timestamp;

use crate::settings::Throttle;

/// Counts requests in a fixed window; one too many blocks for as long as a window.
#[derive(Clone, Debug)]
pub(crate) struct Throttler {
    throttle: Throttle,
    count: u32,
    ends: Option<Timestamp>,
    blocked: Option<Timestamp>,
}

/// What a throttler says about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passes {
        limit: u32,
        remaining: u32,
        reset: Duration,
    },
    Refused {
        limit: u32,
        wait: Duration,
    },
}

impl Throttler {
    pub(crate) fn new(throttle: Throttle) -> Self {
        Self {
            throttle,
            count: 0,
            ends: None,
            blocked: None,
        }
    }

    /// How long the block still lasts.
    pub(crate) fn blocked(&mut self, now: Timestamp) -> Option<Duration> {
        let until = self.blocked?;
        if until > now {
            return now.age(until);
        }
        self.blocked = None;
        self.count = 0;
        self.ends = None;
        None
    }

    /// Counts a request.
    pub(crate) fn count(&mut self, now: Timestamp) -> Verdict {
        let Throttle { limit, window } = self.throttle;
        if let Some(wait) = self.blocked(now) {
            return Verdict::Refused { limit, wait };
        }
        let ends = match self.ends {
            Some(ends) if ends > now => ends,
            _ => {
                self.count = 0;
                now.plus(window)
            }
        };
        self.ends = Some(ends);
        self.count += 1;
        if self.count > limit {
            self.blocked = Some(now.plus(window));
            return Verdict::Refused {
                limit,
                wait: window,
            };
        }
        Verdict::Passes {
            limit,
            remaining: limit - self.count,
            reset: now.age(ends).unwrap_or_default(),
        }
    }
}

/// Whole seconds, rounded up, as all the headers have it.
pub(crate) fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    fn throttler() -> Throttler {
        Throttler::new(Throttle {
            limit: 2,
            window: Duration::from_secs(10),
        })
    }

    #[test]
    fn a_request_too_many_blocks_for_a_whole_window() {
        let mut throttler = throttler();
        assert_eq!(
            throttler.count(at(0)),
            Verdict::Passes {
                limit: 2,
                remaining: 1,
                reset: Duration::from_secs(10)
            }
        );
        assert!(matches!(
            throttler.count(at(4_000)),
            Verdict::Passes { remaining: 0, .. }
        ));
        for (now, wait) in [(9_000, 10_000), (11_000, 8_000), (18_999, 1)] {
            let wait = Duration::from_millis(wait);
            assert_eq!(
                throttler.count(at(now)),
                Verdict::Refused { limit: 2, wait }
            );
        }
        assert!(matches!(
            throttler.count(at(19_000)),
            Verdict::Passes { remaining: 1, .. }
        ));
    }

    #[test]
    fn a_new_window_counts_anew() {
        let mut throttler = throttler();
        throttler.count(at(0));
        throttler.count(at(0));
        assert!(matches!(
            throttler.count(at(10_000)),
            Verdict::Passes { remaining: 1, .. }
        ));
    }

    #[test]
    fn seconds_are_rounded_up() {
        assert_eq!(seconds(Duration::from_millis(8_001)), 9);
        assert_eq!(seconds(Duration::from_secs(8)), 8);
    }
}
