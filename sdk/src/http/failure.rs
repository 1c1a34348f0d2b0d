//! What lost connections, and limits that were passed, mean for the engine. Statuses have their own table; nothing
//! of a request is ever repeated.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use crate::error::{Error, ErrorKind, NO_ANSWER, Result};

/// How much of a provider's message is kept, in characters.
pub const MAX_MESSAGE: usize = 400;

/// A provider's text, cut between characters if it has more than [`MAX_MESSAGE`].
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Puts a time limit around a call as a whole; `changes` if it may change something.
///
/// # Errors
/// Those of the call, or that of [`timed_out`].
pub async fn bounded<T>(
    limit: Duration,
    changes: bool,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    match tokio::time::timeout(limit, call).await {
        Ok(result) => result,
        Err(_) => Err(timed_out(changes, limit)),
    }
}

/// The error for a call that took too long: `Transient`.
pub fn timed_out(changes: bool, limit: Duration) -> Error {
    let limit = humantime::format_duration(limit);
    let message = if changes {
        format!("no answer within {limit}; outcome unknown")
    } else {
        format!("no answer within {limit}")
    };
    Error::new(ErrorKind::Transient, message).with_code(NO_ANSWER)
}

/// The error for an answer of more than `limit` bytes, which is too large to be one: `Internal`.
pub fn too_large(limit: usize, shown: &str) -> Error {
    let limit = match limit {
        1_048_576.. => format!("{} MiB", limit >> 20),
        1024.. => format!("{} KiB", limit >> 10),
        _ => format!("{limit} bytes"),
    };
    Error::new(
        ErrorKind::Internal,
        format!("{shown} answered with more than {limit}"),
    )
}

/// The error for an answer that ends early: `Transient`.
pub fn incomplete(shown: &str) -> Error {
    Error::new(
        ErrorKind::Transient,
        format!("{shown} sent an incomplete answer"),
    )
}

/// The first error of a type among an error and its causes. I/O errors hide what they wrap, so they are opened.
pub fn cause<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(found) = wrapped.and_then(|wrapped| cause::<E>(wrapped)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_named_in_the_unit_that_fits() {
        for (limit, want) in [(7, "7 bytes"), (64 << 10, "64 KiB"), (64 << 20, "64 MiB")] {
            let error = too_large(limit, "https://x");
            assert_eq!(
                error.message,
                format!("https://x answered with more than {want}")
            );
        }
    }

    #[test]
    fn causes_are_found_behind_io_errors() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] io::Error);

        let inner = io::Error::other(JustText);
        assert!(cause::<JustText>(&Outer(io::Error::other(inner))).is_some());
        assert!(cause::<JustText>(&Outer(io::Error::other("text"))).is_none());
    }

    #[derive(Debug, thiserror::Error)]
    #[error("inner")]
    struct JustText;
}
