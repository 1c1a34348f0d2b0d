//! Waiting for what happens in another process.

use std::thread;
use std::time::{Duration, Instant};

/// Whatever takes longer never comes.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

/// Waits until something holds.
///
/// # Panics
/// If it does not in time.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + WAIT_TIMEOUT;
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
