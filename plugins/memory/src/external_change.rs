//! A change that someone else makes in the provider: another tool, a person, a program that restarts.

use tbengine_sdk::{Identity, State};

use crate::make::Make;

/// A change that someone else makes in the provider.
#[derive(Clone, Debug)]
pub enum ExternalChange {
    /// Restarts a resource.
    Restart(Identity),
    /// Ends what runs, with this exit code.
    End(Identity, i64),
    /// Gives a resource another name, as a tag does to an image.
    Name(Identity, String),
    /// Deletes a resource, whatever uses it.
    Delete(Identity),
    /// Deletes a resource and makes another one with the same native id and name.
    Recreate(Identity),
    /// Brings a resource into a state.
    SetState(Identity, State),
    /// Makes a resource.
    Create(Box<Make>),
}
