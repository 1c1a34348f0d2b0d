//! Faults that a test scripts: for which calls, and what happens to them.

use std::ops::{Bound, RangeBounds};

use tbengine_sdk::{Identity, Kind};

use super::Memory;
use crate::entry::Native;
use crate::faults::{Fault, Operation};

/// A fault and the calls that it meets.
#[derive(Debug)]
pub(crate) struct Scripted {
    operation: Operation,
    kind: Option<Kind>,
    native: Option<Native>,
    first: u32,
    last: u32,
    seen: u32,
    fault: Fault,
}

impl Scripted {
    /// Counts a call if it is one of those meant, and answers the fault if it is its turn.
    pub(crate) fn meet(
        &mut self,
        operation: Operation,
        kind: Option<Kind>,
        native: Option<&str>,
    ) -> Option<Fault> {
        let meant = self.operation == operation
            && (self.kind.is_none() || self.kind == kind)
            && (self.native.is_none() || self.native.as_deref() == native);
        if !meant {
            return None;
        }
        self.seen = self.seen.saturating_add(1);
        (self.first..=self.last)
            .contains(&self.seen)
            .then(|| self.fault.clone())
    }
}

/// A fault in the making: `memory.script(Operation::Delete).of("web").nth(2).then(Fault::transient())`.
#[derive(Debug)]
#[must_use = "a script does nothing until `then` says what happens"]
pub struct Script<'a> {
    memory: &'a Memory,
    scripted: Scripted,
}

impl<'a> Script<'a> {
    pub(crate) fn new(memory: &'a Memory, operation: Operation) -> Self {
        Self {
            memory,
            scripted: Scripted {
                operation,
                kind: None,
                native: None,
                first: 1,
                last: u32::MAX,
                seen: 0,
                fault: Fault::Panic,
            },
        }
    }

    /// Only calls for the resource of this name, which must exist by now.
    ///
    /// # Panics
    /// If no resource or more than one has this name.
    pub fn of(self, name: &str) -> Self {
        let identity = self.memory.named(name);
        self.of_identity(&identity)
    }

    /// Only calls for this resource.
    pub fn of_identity(mut self, identity: &Identity) -> Self {
        self.scripted.kind = Some(identity.kind);
        self.scripted.native = Some(identity.native.as_str().into());
        self
    }

    /// Only calls for this kind of resource; for a listing, the kind listed.
    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.scripted.kind = Some(kind);
        self
    }

    /// Only the nth of these calls; 1 is the first.
    pub fn nth(self, nth: u32) -> Self {
        self.calls(nth..=nth)
    }

    /// Only these calls; 1 is the first. Unless set, all of them.
    pub fn calls(mut self, calls: impl RangeBounds<u32>) -> Self {
        self.scripted.first = match calls.start_bound() {
            Bound::Included(first) => *first,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 1,
        };
        self.scripted.last = match calls.end_bound() {
            Bound::Included(last) => *last,
            Bound::Excluded(after) => after.saturating_sub(1),
            Bound::Unbounded => u32::MAX,
        };
        self
    }

    /// What happens to these calls. Several scripts may meet one call; they act in the order in
    /// which they were written, up to the first that gives an answer.
    pub fn then(mut self, fault: Fault) {
        self.scripted.fault = fault;
        self.memory.add_script(self.scripted);
    }
}
