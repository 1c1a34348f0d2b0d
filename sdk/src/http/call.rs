//! What is asked of a provider.

use crate::kind::Kind;

/// What is asked of a provider, as far as the meaning of a refusal depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A read of the account, or of resources of a kind.
    Read(Option<Kind>),
    /// A request to end what runs.
    Stop,
    /// A move to cold storage.
    Archive,
    /// A change of labels.
    Relabel,
    /// A deletion.
    Delete(Kind),
}

impl Call {
    /// Whether it changes something, so that a lost answer leaves the outcome unknown.
    pub const fn changes(self) -> bool {
        !matches!(self, Call::Read(_))
    }
}
