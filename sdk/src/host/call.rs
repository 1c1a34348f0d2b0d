//! One call of a backend, bounded in time and with panics contained.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use crate::error::{Error, ErrorKind, NO_ANSWER};
use crate::progress::Progress;
use futures_util::FutureExt;

/// Awaits a call of a backend for at most `timeout`.
///
/// A call that does not answer is `Transient`, and what it did is unknown: callers read the resource
/// again before they repeat anything. A panic is `Internal`, as it would be from a dynamic library.
///
/// # Errors
/// What the backend answers, and these two.
pub async fn call<T>(
    what: &str,
    timeout: Duration,
    future: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    call_while(what, timeout, &Progress::default(), future).await
}

/// The same for a call that may take as long as it makes progress: the time counts from the last sign of that.
///
/// # Errors
/// As [`call`].
pub async fn call_while<T>(
    what: &str,
    timeout: Duration,
    progress: &Progress,
    future: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let mut future = pin!(AssertUnwindSafe(future).catch_unwind());
    let mut seen = progress.count();
    let answer = loop {
        let answer = tokio::time::timeout(timeout, future.as_mut()).await;
        let count = progress.count();
        if answer.is_ok() || count == seen {
            break answer;
        }
        seen = count;
    };
    match answer {
        Ok(Ok(answer)) => answer,
        Ok(Err(panic)) => Err(Error::new(
            ErrorKind::Internal,
            format!(
                "the backend panicked during {what}: {}",
                panic_message(&*panic)
            ),
        )),
        Err(_) => Err(Error::new(
            ErrorKind::Transient,
            format!(
                "no answer to {what} within {}; its effect is unknown",
                humantime::format_duration(timeout)
            ),
        )
        .with_code(NO_ANSWER)),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_that_hangs_ends_at_its_timeout() {
        let error = call::<()>("delete", Duration::from_secs(60), std::future::pending())
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Transient);
        assert!(error.message.contains("within 1m"), "{}", error.message);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_makes_progress_may_take_as_long_as_it_does() {
        let minute = Duration::from_secs(60);
        let progress = Progress::default();
        let works = async {
            for _ in 0..100 {
                tokio::time::sleep(minute / 2).await;
                progress.made();
            }
            Ok(())
        };
        call_while("list", minute, &progress, works).await.unwrap();
        let begins = tokio::time::Instant::now();
        let stalls = async {
            progress.made();
            std::future::pending().await
        };
        let stalled = call_while::<()>("list", minute, &progress, stalls).await;
        assert_eq!(stalled.unwrap_err().code.as_deref(), Some(NO_ANSWER));
        assert_eq!(begins.elapsed(), minute * 2, "one more after the last sign");
    }

    #[tokio::test]
    async fn a_panic_becomes_an_internal_error() {
        let error = call::<()>("list", Duration::from_secs(60), async { panic!("boom") })
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Internal);
        assert!(error.message.contains("boom"), "{}", error.message);
    }
}
