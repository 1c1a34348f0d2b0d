//! What takes proposals of a policy away.

use super::candidate::Candidate;
use super::context::PolicyContext;
use super::fault::Fault;
use super::interest::Interest;
use super::interface::PolicySource;
use super::proposal::Verdict;

/// Reviews what a policy proposed, and can only take proposals away. Must be callable from many threads at once.
pub trait Veto: Send + Sync {
    /// Which component this is, for plans and reports.
    fn source(&self) -> &PolicySource;

    /// What it is sent, and which expensive facts to collect for it.
    fn interest(&self) -> Interest;

    /// Reviews proposals of a policy. Blocks; call it where blocking is allowed.
    ///
    /// # Errors
    /// A [`Fault`] if it could not; then nothing at all is applied.
    fn review(
        &self,
        context: &PolicyContext,
        candidates: &[Candidate<'_>],
        review: &Review<'_>,
    ) -> Result<Vec<Vetoed>, Fault>;
}

/// What is to be reviewed.
#[derive(Clone, Copy, Debug)]
pub struct Review<'a> {
    /// The name of the policy that proposed it.
    pub policy: &'a str,
    /// The proposals that no safeguard refused.
    pub proposals: &'a [Reviewed],
}

/// A proposal that no safeguard refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewed {
    /// The index of its resource among the candidates.
    pub candidate: usize,
    /// What is proposed.
    pub verdict: Verdict,
    /// Higher goes first.
    pub priority: i32,
}

/// A proposal that must not be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vetoed {
    /// The index of its resource among the candidates.
    pub candidate: usize,
    /// Why, in the words of the veto.
    pub reason: String,
}
