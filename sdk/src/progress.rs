//! Signs of life of a listing.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How far a listing has come, as its backend reports while it works on one page. The caller's deadline counts from
/// the last sign, so a page that takes long because it is large is not late. Clones count together.
///
/// It stays within the process: a plugin has the next page as its sign.
#[derive(Clone, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Notes that an answer came. Only what the provider has answered counts, not that something was tried.
    pub fn made(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many signs there were.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.count()).finish()
    }
}

/// It is not part of the request.
impl PartialEq for Progress {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Progress {}
