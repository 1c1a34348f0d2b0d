//! How many retries a backend gets in all, so that a sick one is not beaten while it is down.

use std::time::Duration;

use tokio::time::Instant;

/// A bucket of tokens, with the numbers that the AWS SDKs use. A step that succeeds in the end gives back
/// what its retries took, so the bucket bounds the retries that have not yet paid off.
#[derive(Debug)]
pub(crate) struct Budget {
    tokens: f64,
    /// When the trickle was last added.
    at: Instant,
}

const MAX_TOKENS: f64 = 500.0;
/// What one retry takes.
const RETRY_COST: f64 = 14.0;
/// What a step adds that succeeded at once.
const SUCCESS_REFUND: f64 = 1.0;
/// What comes in by itself, per second.
const TOKENS_PER_SECOND: f64 = 1.0;

impl Budget {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            tokens: MAX_TOKENS,
            at: now,
        }
    }

    /// Pays for one retry, if there is enough left.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        self.trickle(now);
        let enough = self.tokens >= RETRY_COST;
        if enough {
            self.tokens -= RETRY_COST;
        }
        enough
    }

    /// A step succeeded whose retries took this much so often.
    pub(crate) fn give_back(&mut self, retries: u32) {
        let back = if retries == 0 {
            SUCCESS_REFUND
        } else {
            RETRY_COST * f64::from(retries)
        };
        self.tokens = (self.tokens + back).min(MAX_TOKENS);
    }

    /// When there will be enough for a retry if nobody gives anything back.
    pub(crate) fn next(&self) -> Instant {
        let missing = (RETRY_COST - self.tokens).max(0.0);
        // A millisecond more, so that rounding does not wake us too early.
        self.at + Duration::from_secs_f64(missing / TOKENS_PER_SECOND) + Duration::from_millis(1)
    }

    fn trickle(&mut self, now: Instant) {
        let came = now.saturating_duration_since(self.at).as_secs_f64() * TOKENS_PER_SECOND;
        self.tokens = (self.tokens + came).min(MAX_TOKENS);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn thirty_five_retries_are_free_and_then_one_every_14_seconds() {
        let mut budget = Budget::new(Instant::now());
        let taken = (0..100).filter(|_| budget.take(Instant::now())).count();
        assert_eq!(taken, 35);
        // 500 - 35 * 14 = 10 are left.
        let wait = budget.next() - Instant::now();
        assert_eq!(wait, Duration::from_millis(4001));
        tokio::time::sleep(wait).await;
        assert!(budget.take(Instant::now()));
        assert!(!budget.take(Instant::now()));
        assert!(budget.next() - Instant::now() > Duration::from_secs(13));
    }

    #[tokio::test(start_paused = true)]
    async fn who_succeeds_gives_back_what_it_took_and_never_more_than_fits() {
        let now = Instant::now();
        let mut budget = Budget::new(now);
        while budget.take(now) {}
        budget.give_back(2);
        assert_eq!((0..9).filter(|_| budget.take(now)).count(), 2);
        for _ in 0..1000 {
            budget.give_back(0);
        }
        assert_eq!((0..100).filter(|_| budget.take(now)).count(), 35);
    }
}
