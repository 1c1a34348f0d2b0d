//! How hard is tried: the parameters that every built-in policy has, and the advice after a failed attempt.

use std::time::Duration;

use tbengine_policy::params::{ParamError, Params};
use tbengine_policy::types::{
    Action, DeleteOptions, Description, Failure, FailureKind, Force, ParamType, Resource,
    RetryAction, Verdict, Wait,
};

/// The values in force.
#[derive(Clone, Debug)]
pub struct Effort {
    /// Grace period before a running resource is killed.
    pub stop_timeout: Option<Duration>,
    /// Whether what runs is killed at once.
    pub force: bool,
    /// How many attempts there are in all.
    pub attempts: Option<u32>,
    /// The wait before the second attempt.
    pub retry_delay: Option<Duration>,
    /// What each further wait is multiplied by.
    pub retry_factor: f64,
    /// After which failed attempt the next one may kill; `None` means never.
    pub escalate_after: Option<u32>,
}

/// Adds the parameters to a policy's own, with the defaults that differ; `None` leaves a value to the
/// engine.
pub(crate) fn described(
    own: Description,
    stop_timeout: Option<&str>,
    attempts: Option<&str>,
    retry_delay: Option<&str>,
) -> Description {
    use ParamType::{Boolean, Duration, Integer, Number};
    own.param("stop-timeout", Duration, stop_timeout,
            "Grace period before a running resource is killed. Default: the engine's.")
        .param("force", Boolean, Some("false"),
            "Kills running resources that are to be deleted at once, without `stop-timeout`.")
        .param("attempts", Integer, attempts,
            "How many attempts in all, including the first. Default: the engine's backoff.")
        .param("retry-delay", Duration, retry_delay,
            "The wait after the first failed attempt; after the n-th it is retry-delay * retry-factor^(n-1). So \
             attempts=4, retry-delay=2s and retry-factor=2 wait 2, 4 and 8 seconds. Default: the engine's backoff.")
        .param("retry-factor", Number, Some("2"), "See retry-delay; at least 1.")
}

impl Effort {
    /// Reads the values.
    ///
    /// # Errors
    /// Names the parameter that makes no sense.
    pub(crate) fn read(params: &Params, escalate_after: Option<u32>) -> Result<Self, ParamError> {
        let attempts: Option<u32> = params.get("attempts")?;
        if attempts == Some(0) {
            return Err(ParamError::new("attempts", "must be at least 1"));
        }
        let retry_factor: f64 = params.required("retry-factor")?;
        if retry_factor < 1.0 {
            return Err(ParamError::new("retry-factor", "must be at least 1"));
        }
        Ok(Self {
            stop_timeout: params.get("stop-timeout")?,
            force: params.required("force")?,
            attempts,
            retry_delay: params.get("retry-delay")?,
            retry_factor,
            escalate_after,
        })
    }

    /// Deletes a resource. What runs now may be killed; what does not, only as `when_dead` says.
    pub(crate) fn delete(&self, one: &Resource, reason: String, when_dead: Force) -> Verdict {
        let (force, grace) = if !one.is_running() {
            (when_dead, self.stop_timeout)
        } else if self.force {
            (Force::Always, Some(Duration::ZERO))
        } else {
            (Force::Always, self.stop_timeout)
        };
        Verdict {
            id: one.id.clone(),
            action: Action::Delete(DeleteOptions {
                reason,
                force,
                grace_ms: grace.map(|grace| u64::try_from(grace.as_millis()).unwrap_or(u64::MAX)),
                priority: 0,
                evict: false,
            }),
        }
    }

    /// Archives a resource that has ended.
    pub(crate) fn archive(&self, one: &Resource, reason: String) -> Verdict {
        let verdict = one.archive(reason);
        match self.stop_timeout {
            Some(grace) => verdict.grace(grace),
            None => verdict,
        }
    }

    /// Advises after a failed attempt, as `attempts`, `retry-delay` and `retry-factor` say.
    pub fn retry(&self, failure: &Failure) -> RetryAction {
        // What changed, is still in use or stuck is not helped by more attempts, and the engine knows best.
        if failure.failure != FailureKind::Transient {
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
    use crate::each::profile::{AGGRESSIVE, DEFAULT};
    use crate::each::samples::settings;
    use crate::samples::failure;

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
    fn the_default_policy_has_no_opinion_until_it_is_reported() {
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
