//! What calls of a policy took of what they may.

use std::sync::atomic::{AtomicU64, Ordering};

/// The most that any call of one function took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Units of fuel.
    pub fuel: u64,
    /// Bytes of memory.
    pub memory: u64,
}

/// The most that was spent so far, by calls on any thread.
#[derive(Debug, Default)]
pub(super) struct Peak {
    fuel: AtomicU64,
    memory: AtomicU64,
}

impl Peak {
    /// Counts a call.
    pub(super) fn add(&self, spent: Spent) {
        self.fuel.fetch_max(spent.fuel, Ordering::Relaxed);
        self.memory.fetch_max(spent.memory, Ordering::Relaxed);
    }

    /// The most so far.
    pub(super) fn get(&self) -> Spent {
        Spent {
            fuel: self.fuel.load(Ordering::Relaxed),
            memory: self.memory.load(Ordering::Relaxed),
        }
    }
}
