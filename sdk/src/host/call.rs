//! One call of a backend, bounded in time and with panics contained.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use crate::error::{Error, ErrorKind};
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
    match tokio::time::timeout(timeout, AssertUnwindSafe(future).catch_unwind()).await {
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
        )),
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

    #[tokio::test]
    async fn a_panic_becomes_an_internal_error() {
        let error = call::<()>("list", Duration::from_secs(60), async { panic!("boom") })
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Internal);
        assert!(error.message.contains("boom"), "{}", error.message);
    }
}
