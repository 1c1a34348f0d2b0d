//! A channel that waits where a provider asks it to.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tbengine_sdk::{ErrorKind, Result};
use tokio::time::{Instant, sleep};

use crate::remote::Channel;

/// How long to wait where the provider does not say.
const USUAL: Duration = Duration::from_secs(1);
/// How long to wait at most at once, whatever it says.
const LONGEST: Duration = Duration::from_secs(10);
/// After this, `rate-limited` is the answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A channel that waits where a provider asks it to, and asks again: plugins must not repeat requests themselves, and the
/// limit of an account says nothing about the plugin. Nothing was done, so any request may be repeated.
pub(super) struct Patient(pub(super) Arc<dyn Channel>);

#[async_trait]
impl Channel for Patient {
    async fn send(&self, method: &[u8], request: Vec<u8>) -> Result<Vec<u8>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.0.send(method, request.clone()).await;
            let wait = match &answer {
                Err(error) if error.kind == ErrorKind::RateLimited => {
                    error.retry_after.unwrap_or(USUAL).min(LONGEST)
                }
                _ => return answer,
            };
            if Instant::now() + wait > deadline {
                return answer;
            }
            sleep(wait).await;
        }
    }

    fn normalize(&self, body: &[u8]) -> Option<Vec<u8>> {
        self.0.normalize(body)
    }

    fn unsolicited(&self) -> u64 {
        self.0.unsolicited()
    }

    fn pending(&self) -> usize {
        self.0.pending()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tbengine_sdk::Error;

    use super::*;

    /// Refuses so many requests, and answers the others.
    struct Limited {
        refuses: AtomicU32,
        kind: ErrorKind,
    }

    #[async_trait]
    impl Channel for Limited {
        async fn send(&self, _: &[u8], request: Vec<u8>) -> Result<Vec<u8>> {
            let left = self.refuses.load(Ordering::Relaxed);
            if left == 0 {
                return Ok(request);
            }
            self.refuses.store(left - 1, Ordering::Relaxed);
            Err(Error::new(self.kind, "not now"))
        }

        fn unsolicited(&self) -> u64 {
            0
        }

        fn pending(&self) -> usize {
            0
        }
    }

    async fn answer(kind: ErrorKind, refuses: u32) -> Result<Vec<u8>> {
        let limited = Limited {
            refuses: refuses.into(),
            kind,
        };
        let channel = Patient(Arc::new(limited));
        channel.send(b"list", b"request".to_vec()).await
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_rate_limited_is_asked_again_for_a_minute() {
        assert_eq!(
            answer(ErrorKind::RateLimited, 20).await.unwrap(),
            b"request"
        );
        let error = answer(ErrorKind::RateLimited, 1000).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::RateLimited);
    }

    #[tokio::test(start_paused = true)]
    async fn no_other_failure_is_repeated() {
        let error = answer(ErrorKind::Transient, 1).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Transient);
    }
}
