//! What the settings of retries come to together: one schedule.

use std::time::Duration;

use tbengine_engine::apply::RetrySchedule;

use super::rows::{Layer, Settings};
use super::setting::{Setting, Source};

/// The first wait of a fixed schedule.
const RETRY_DELAY: Duration = Duration::from_secs(2);
const RETRY_FACTOR: f64 = 2.0;
const RETRIES: u32 = 3;

/// What is wrong with a file that asks for two schedules at once.
pub fn contradiction(file: &Layer) -> Option<&'static str> {
    let jittered =
        file.retry_attempts.is_some() || file.retry_base.is_some() || file.retry_cap.is_some();
    let fixed = file.retries.is_some() || file.retry_delay.is_some() || file.retry_factor.is_some();
    (jittered && fixed)
        .then_some("set either `attempts`, `base` and `cap` or `retries`, `delay` and `factor`")
}

impl Settings {
    /// When a step is tried again; `None` asks the policy first.
    pub fn schedule(&self) -> Setting<Option<RetrySchedule>> {
        let fixed = [
            self.retries.source,
            self.retry_delay.source,
            self.retry_factor.source,
        ];
        let jittered = [
            self.retry_attempts.source,
            self.retry_base.source,
            self.retry_cap.source,
        ];
        // A flag or a variable counts before the file does, whichever of the three it is.
        let by_hand = |source: &&Source| matches!(source, Source::Variable | Source::Flag);
        let is_set = |source: &&Source| **source != Source::Default;
        let given = fixed.iter().find(by_hand);
        let (value, source) = if let Some(source) = given.or_else(|| fixed.iter().find(is_set)) {
            (Some(self.fixed()), *source)
        } else if let Some(source) = jittered.iter().find(is_set) {
            (self.jittered(), *source)
        } else {
            (None, Source::Default)
        };
        Setting { value, source }
    }

    fn fixed(&self) -> RetrySchedule {
        let factor = self.retry_factor.value;
        RetrySchedule::Fixed {
            retries: self.retries.value.unwrap_or(RETRIES),
            delay: self.retry_delay.value.unwrap_or(RETRY_DELAY),
            factor: factor.map_or(RETRY_FACTOR, |factor| factor.0),
        }
    }

    fn jittered(&self) -> Option<RetrySchedule> {
        let RetrySchedule::Jittered {
            base,
            cap,
            attempts,
        } = RetrySchedule::default()
        else {
            return None;
        };
        Some(RetrySchedule::Jittered {
            base: self.retry_base.value.unwrap_or(base),
            cap: self.retry_cap.value.unwrap_or(cap),
            attempts: self.retry_attempts.value.unwrap_or(attempts),
        })
    }
}
