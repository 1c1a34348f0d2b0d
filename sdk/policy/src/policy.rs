//! The trait to implement.

use crate::params::{ParamError, Params};
use crate::types::{Context, Description, Failure, Interest, Resource, RetryAction, Verdict};

/// A cleanup policy: it proposes, the engine's safeguards dispose.
///
/// The engine makes a fresh instance for every call, so nothing is remembered between two calls.
pub trait Policy: Sized {
    /// Name, version, parameters. Must be the same at every call.
    fn describe() -> Description;

    /// Takes the values of the described parameters; the host has checked them against their types.
    ///
    /// # Errors
    /// Names the parameter whose value makes no sense, and why.
    fn configure(params: &Params) -> Result<Self, ParamError>;

    /// Which labels and attributes to send, and which expensive facts to collect: all labels and attributes,
    /// unless the policy says less. Copying them is most of the cost of a call, so a policy that knows what
    /// [`decide`](Policy::decide) reads is faster if it names that.
    fn interest(&self) -> Interest {
        Interest::everything()
    }

    /// Judges the resources. One without a verdict is kept.
    ///
    /// # Errors
    /// A text that says why the policy could not decide; then nothing is deleted.
    fn decide(&self, context: &Context, resources: &[Resource]) -> Result<Vec<Verdict>, String>;

    /// Advises after a failed attempt. The engine's bounds hold whatever it says.
    ///
    /// # Errors
    /// A text that says why it could not; then the engine does what it does without advice.
    fn retry(&self, context: &Context, failure: &Failure) -> Result<RetryAction, String> {
        let (_, _) = (context, failure);
        Ok(RetryAction::NoOpinion)
    }
}
