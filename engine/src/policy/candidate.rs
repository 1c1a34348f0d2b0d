//! A resource that a policy may judge.

use tbengine_sdk::{Identity, Resource};

/// A resource that a policy may judge.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its facts.
    pub resource: &'a Resource,
    /// The resources that use it; they need not be candidates.
    pub holders: &'a [&'a Identity],
    /// The same for neighbours that must be judged in one call, where there are more candidates than
    /// [`MAX_BATCH`](super::MAX_BATCH).
    pub group: usize,
}

impl<'a> Candidate<'a> {
    /// One that nothing uses, and that belongs together with nothing else.
    pub fn alone(resource: &'a Resource) -> Self {
        Self {
            resource,
            holders: &[],
            group: 0,
        }
    }
}
