//! The trait of vetoes.

use crate::params::{ParamError, Params};
use crate::types::{Context, Description, Interest, Proposal, Resource, Vetoed};

/// A veto: it reviews what a policy proposed and no safeguard refused, and can only take proposals away.
///
/// The engine makes a fresh instance for every call, so nothing is remembered between two calls.
pub trait Veto: Sized {
    /// Name, version, parameters. Must be the same at every call.
    fn describe() -> Description;

    /// Takes the values of the described parameters; the host has checked them against their types.
    ///
    /// # Errors
    /// Names the parameter whose value makes no sense, and why.
    fn configure(params: &Params) -> Result<Self, ParamError>;

    /// Which labels and attributes to send, and which expensive facts to collect: all labels and attributes,
    /// unless the veto says less.
    fn interest(&self) -> Interest {
        Interest::everything()
    }

    /// Names the proposals that must not be applied. What is not named goes ahead.
    ///
    /// # Errors
    /// A text that says why the veto could not review them; then nothing at all is applied.
    fn review(
        &self,
        context: &Context,
        resources: &[Resource],
        proposals: &[Proposal],
    ) -> Result<Vec<Vetoed>, String>;
}

impl Proposal {
    /// The resource that it is about.
    pub fn resource<'r>(&self, resources: &'r [Resource]) -> Option<&'r Resource> {
        resources.get(self.resource as usize)
    }
}

impl Resource {
    /// What is proposed for it must not be applied, for this reason.
    pub fn veto(&self, reason: impl Into<String>) -> Vetoed {
        Vetoed {
            id: self.id.clone(),
            reason: reason.into(),
        }
    }
}
