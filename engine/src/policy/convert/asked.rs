//! What is asked of a policy, whatever the version of the contract.

use std::ops::Range;

use crate::policy::candidate::Candidate;
use crate::policy::context::PolicyContext;

use crate::policy::interest::Interest;

/// What is asked of a policy in one call.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Asked<'a> {
    pub(in crate::policy) context: &'a PolicyContext,
    /// All candidates, of which those of [`batch`](Self::batch) are in this call.
    pub(in crate::policy) candidates: &'a [Candidate<'a>],
    pub(in crate::policy) batch: Range<usize>,
    pub(in crate::policy) interest: &'a Interest,
}

impl<'a> Asked<'a> {
    /// The candidates of this call.
    pub(super) fn batch(&self) -> &'a [Candidate<'a>] {
        &self.candidates[self.batch.clone()]
    }

    /// The index in this call of the candidate at an index, if it is in this call.
    pub(super) fn index(&self, index: usize) -> Option<u32> {
        let index = self
            .batch
            .contains(&index)
            .then(|| index - self.batch.start)?;
        u32::try_from(index).ok()
    }
}
