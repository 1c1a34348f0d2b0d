//! Reading one item of many: with a deadline of its own, and tried again where it fails in passing.

use std::future::Future;
use std::time::Duration;

use tbengine_sdk::error::NO_ANSWER;
use tbengine_sdk::http::bounded;
use tbengine_sdk::{Damage, Error, ErrorKind, Result};

/// How many are read at once during a listing. More does not make dockerd any faster.
pub(crate) const AT_ONCE: usize = 8;
/// How long one may take: a container whose shim hangs never answers.
const ITEM_TIMEOUT: Duration = Duration::from_secs(10);
/// How often one is read before what fails is the item and not the moment.
const MAX_ATTEMPTS: u32 = 4;
/// The pause after the first attempt; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Reads one item, again and again where that fails in passing, and not for longer than one may take.
pub(crate) async fn read<T, F: Future<Output = Result<T>>>(reading: impl Fn() -> F) -> Result<T> {
    let attempts = async {
        let mut attempt = 1;
        loop {
            match reading().await {
                Err(error) if attempt < MAX_ATTEMPTS && is_passing(&error) => {
                    tokio::time::sleep(FIRST_PAUSE.saturating_mul(1 << (attempt - 1))).await;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    };
    within(ITEM_TIMEOUT, attempts).await
}

/// Ends a reading after a time.
pub(crate) async fn within<T>(
    limit: Duration,
    reading: impl Future<Output = Result<T>>,
) -> Result<T> {
    bounded(limit, false, reading).await
}

/// Whether the next attempt may well succeed. Who asks for time gets it from the caller, who asks for nothing else
/// meanwhile.
fn is_passing(error: &Error) -> bool {
    match error.kind {
        ErrorKind::Transient => true,
        ErrorKind::Unavailable => !error.nobody_listens(),
        _ => false,
    }
}

/// Whether an error says nothing about the one item that was asked for.
pub(crate) fn is_about_all(error: &Error) -> bool {
    error.kind.gates_backend() || error.kind.is_critical()
}

/// Whether it is the item that cannot be read: the daemon itself says so, or says nothing.
pub(crate) fn is_of_one(error: &Error) -> bool {
    let code = error.code.as_deref().unwrap_or_default();
    error.kind == ErrorKind::Transient && (code.starts_with("docker:5") || code == NO_ANSWER)
}

/// What is wrong with an item that cannot be read.
pub(crate) fn damage(error: Error) -> Damage {
    Damage {
        message: error.message,
        code: error.code,
    }
}

/// Whether an item gave no answer at all, which is not a sign of life of the daemon.
pub(crate) fn is_silent(damage: &Damage) -> bool {
    damage.code.as_deref() == Some(NO_ANSWER)
}
