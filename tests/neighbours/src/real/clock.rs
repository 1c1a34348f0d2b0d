//! The time of a story on a real daemon.

use std::time::{Duration, Instant};

const HOUR: u64 = 3_600_000;

/// The time of a story on a real daemon: real time, in which an hour of the story takes a second or less.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    began: Instant,
    hour: Duration,
}

impl Clock {
    /// A clock that starts now; an hour of the story takes this long.
    pub fn start(hour: Duration) -> Self {
        Self {
            began: Instant::now(),
            hour,
        }
    }

    /// The time of the story, in milliseconds.
    pub fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    /// The time of the story at a moment, in milliseconds.
    pub fn at(&self, moment: Instant) -> u64 {
        self.in_story(moment.duration_since(self.began))
    }

    /// How long something takes in the story, in milliseconds.
    pub fn in_story(&self, real: Duration) -> u64 {
        let hours = real.as_secs_f64() / self.hour.as_secs_f64();
        (hours * HOUR as f64) as u64
    }

    /// How long so many milliseconds of the story really take, rounded up to milliseconds.
    pub fn really(&self, story: u64) -> Duration {
        let real = self.hour.as_secs_f64() * (story as f64 / HOUR as f64);
        Duration::from_millis((real * 1000.0).ceil() as u64)
    }
}
