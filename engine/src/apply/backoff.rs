//! How long to wait between the attempts of one step: an iterator of delays.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When a step is tried again after a passing fault.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "schedule")]
pub enum RetrySchedule {
    /// Full jitter: before the n-th retry a random wait between 0 and `base · 2ⁿ⁻¹`, at most `cap`.
    Jittered {
        /// The longest first wait.
        base: Duration,
        /// The longest wait.
        cap: Duration,
        /// How many attempts in all.
        attempts: u32,
    },
    /// Fixed waits: `delay · factorⁿ⁻¹` before the n-th retry.
    Fixed {
        /// The first wait.
        delay: Duration,
        /// What each wait is multiplied by for the next.
        factor: f64,
        /// How many retries after the first attempt.
        retries: u32,
    },
}

impl Default for RetrySchedule {
    /// 8 attempts, 100 ms · 2ⁿ with full jitter, at most 5 s.
    fn default() -> Self {
        Self::Jittered {
            base: Duration::from_millis(100),
            cap: Duration::from_secs(5),
            attempts: 8,
        }
    }
}

/// The longest wait that a schedule or a policy can ask for.
pub const MAX_DELAY: Duration = Duration::from_secs(300);

/// The most attempts that a schedule or a policy can ask for.
pub const MAX_ATTEMPTS: u32 = 50;

impl RetrySchedule {
    /// The wait before the `retry`-th retry (1 is the first), or `None` if there is to be none.
    pub fn delay(&self, retry: u32, random: &mut fastrand::Rng) -> Option<Duration> {
        match *self {
            Self::Jittered {
                base,
                cap,
                attempts,
            } => (retry < attempts.min(MAX_ATTEMPTS)).then(|| {
                let ceiling = base
                    .saturating_mul(2_u32.saturating_pow(retry - 1))
                    .min(cap)
                    .min(MAX_DELAY);
                ceiling.mul_f64(random.f64())
            }),
            Self::Fixed {
                delay,
                factor,
                retries,
            } => (retry <= retries && retry < MAX_ATTEMPTS).then(|| {
                let exponent = i32::try_from(retry - 1).unwrap_or(i32::MAX);
                let seconds = delay.as_secs_f64() * factor.powi(exponent);
                Duration::try_from_secs_f64(seconds).map_or(MAX_DELAY, |delay| delay.min(MAX_DELAY))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_fixed_schedule_waits_2_4_and_8_seconds() {
        let schedule = RetrySchedule::Fixed {
            delay: Duration::from_secs(2),
            factor: 2.0,
            retries: 3,
        };
        let mut random = fastrand::Rng::with_seed(1);
        let waits: Vec<_> = (1..=4)
            .map(|retry| schedule.delay(retry, &mut random))
            .collect();
        let seconds = |s| Some(Duration::from_secs(s));
        assert_eq!(waits, [seconds(2), seconds(4), seconds(8), None]);
    }

    #[test]
    fn one_seed_makes_one_schedule() {
        let waits = |seed| {
            let mut random = fastrand::Rng::with_seed(seed);
            (1..8)
                .map(|retry| RetrySchedule::default().delay(retry, &mut random))
                .collect::<Vec<_>>()
        };
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_its_ceiling(seed: u64, retry in 1_u32..100) {
            let mut random = fastrand::Rng::with_seed(seed);
            match RetrySchedule::default().delay(retry, &mut random) {
                None => prop_assert!(retry >= 8),
                Some(wait) => {
                    prop_assert!(retry < 8);
                    let ceiling = Duration::from_millis(100 * 2_u64.pow(retry - 1)).min(Duration::from_secs(5));
                    prop_assert!(wait <= ceiling);
                }
            }
        }

        #[test]
        fn no_fixed_wait_overflows(delay in 0_u64..u64::MAX, factor in 0.0_f64..1e9, retry in 1_u32..60) {
            let schedule = RetrySchedule::Fixed { delay: Duration::from_millis(delay), factor, retries: u32::MAX };
            if let Some(wait) = schedule.delay(retry, &mut fastrand::Rng::with_seed(1)) {
                prop_assert!(wait <= MAX_DELAY);
            }
        }
    }
}
