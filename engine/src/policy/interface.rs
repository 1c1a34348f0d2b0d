//! What the stages see of a policy.

use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::candidate::Candidate;
use super::context::PolicyContext;
use super::description::Judging;
use super::failure::{Failure, RetryAdvice};
use super::fault::Fault;
use super::interest::Interest;

/// Decides what to delete and how hard to try. Must be callable from many threads at once.
pub trait Policy: Send + Sync {
    /// Which policy this is, for plans and reports.
    fn source(&self) -> &PolicySource;

    /// What it is sent, and which expensive facts to collect for it.
    fn interest(&self) -> Interest {
        Interest::everything()
    }

    /// Judges the candidates. Blocks; call it where blocking is allowed.
    ///
    /// # Errors
    /// A [`Fault`] if the policy could not decide; then nothing is deleted.
    fn decide(
        &self,
        context: &PolicyContext,
        candidates: &[Candidate<'_>],
    ) -> Result<Answer, Fault>;

    /// How much it must see in one call. A policy that does not say sees everything.
    fn judging(&self) -> Judging {
        Judging::All
    }

    /// Gives advice after a failed attempt. Blocks for at most a second.
    ///
    /// # Errors
    /// A [`Fault`] if it could not; then the engine's own schedule applies.
    fn retry(&self, context: &PolicyContext, failure: &Failure) -> Result<RetryAdvice, Fault>;
}

/// Which policy decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PolicySource {
    /// The name it gives itself.
    pub name: String,
    /// The version it gives itself.
    pub version: String,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// The parameters in force, defaults included.
    pub params: std::collections::BTreeMap<String, String>,
}
