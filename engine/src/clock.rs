//! Wall-clock times during a run, without reading the wall clock.

use std::time::Duration;

use tbengine_sdk::Timestamp;
use tokio::time::Instant;

/// Counts on from the time the caller named, by tokio's clock, which tests can pause.
#[derive(Clone, Copy, Debug)]
pub struct RunClock {
    start: Timestamp,
    origin: Instant,
}

impl RunClock {
    /// A clock that shows `now` at this moment.
    pub fn starting_at(now: Timestamp) -> Self {
        Self {
            start: now,
            origin: Instant::now(),
        }
    }

    /// The time it shows.
    pub fn now(&self) -> Timestamp {
        self.start.plus(self.elapsed())
    }

    /// The moment so long after it was started.
    pub fn after(&self, time: Duration) -> Instant {
        self.origin + time
    }

    /// The time since it was started.
    pub fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }
}
