//! How hard to try.

use std::time::Duration;

use tbengine_policy::types::{Failure, FailureKind, RetryAction, Wait};

use crate::effort::Effort;

impl Effort {
    /// Advises after a failed attempt, as `attempts`, `retry-delay` and `retry-factor` say.
    pub fn retry(&self, failure: &Failure) -> RetryAction {
        // These cost no attempt: the engine waits for the backend, not for the resource.
        if matches!(
            failure.failure,
            FailureKind::InProgress | FailureKind::RateLimited | FailureKind::Unavailable
        ) {
            return RetryAction::NoOpinion;
        }
        if let Some(attempts) = self.attempts
            && failure.attempt >= attempts
        {
            return RetryAction::GiveUp(format!("all {attempts} attempts failed"));
        }
        let Some(delay) = self.retry_delay else {
            return RetryAction::NoOpinion;
        };
        RetryAction::After(Wait {
            delay_ms: self.delay_after(delay, failure.attempt),
            escalate: self
                .escalate_after
                .is_some_and(|after| failure.attempt >= after),
        })
    }

    fn delay_after(&self, first: Duration, attempt: u32) -> u64 {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let ms = first.as_secs_f64() * 1000.0 * self.retry_factor.powi(exponent);
        // A float that is too large becomes the largest number; the engine bounds it anyway.
        ms.round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{AGGRESSIVE, DEFAULT};
    use crate::samples::{failure, settings};

    #[test]
    fn four_attempts_wait_two_four_and_eight_seconds() {
        let set = settings(
            DEFAULT,
            &[
                ("attempts", "4"),
                ("retry-delay", "2000"),
                ("retry-factor", "2"),
            ],
        )
        .unwrap();
        let delays: Vec<_> = (1..=4)
            .map(|attempt| set.effort.retry(&failure(attempt)))
            .collect();
        let [
            RetryAction::After(first),
            RetryAction::After(second),
            RetryAction::After(third),
            RetryAction::GiveUp(reason),
        ] = &delays[..]
        else {
            panic!("{delays:?}")
        };
        assert_eq!(
            [first.delay_ms, second.delay_ms, third.delay_ms],
            [2000, 4000, 8000]
        );
        assert!([first, second, third].iter().all(|wait| !wait.escalate));
        assert_eq!(reason, "all 4 attempts failed");
    }

    #[test]
    fn the_default_policy_has_no_opinion_until_it_is_told() {
        let set = settings(DEFAULT, &[]).unwrap();
        assert!(matches!(
            set.effort.retry(&failure(7)),
            RetryAction::NoOpinion
        ));
        let set = settings(DEFAULT, &[("attempts", "2")]).unwrap();
        assert!(matches!(
            set.effort.retry(&failure(1)),
            RetryAction::NoOpinion
        ));
        assert!(matches!(
            set.effort.retry(&failure(2)),
            RetryAction::GiveUp(_)
        ));
    }

    #[test]
    fn the_aggressive_policy_escalates_after_the_second_attempt() {
        let set = settings(AGGRESSIVE, &[]).unwrap();
        let advice: Vec<_> = (1..=6)
            .map(|attempt| match set.effort.retry(&failure(attempt)) {
                RetryAction::After(wait) => Some((wait.delay_ms, wait.escalate)),
                RetryAction::GiveUp(_) | RetryAction::NoOpinion => None,
            })
            .collect();
        let expected = [
            Some((500, false)),
            Some((1000, true)),
            Some((2000, true)),
            Some((4000, true)),
            Some((8000, true)),
            None,
        ];
        assert_eq!(advice, expected);
    }

    #[test]
    fn an_outage_is_the_engines_business() {
        let mut outage = failure(9);
        outage.failure = FailureKind::Unavailable;
        assert!(matches!(
            settings(AGGRESSIVE, &[]).unwrap().effort.retry(&outage),
            RetryAction::NoOpinion
        ));
    }

    #[test]
    fn a_huge_delay_does_not_overflow() {
        let set = settings(
            AGGRESSIVE,
            &[("attempts", "4000000000"), ("retry-factor", "1e9")],
        )
        .unwrap();
        assert!(matches!(
            set.effort.retry(&failure(3_000_000_000)),
            RetryAction::After(Wait {
                delay_ms: u64::MAX,
                ..
            })
        ));
    }
}
