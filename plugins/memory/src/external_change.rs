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
    /// Deletes a resource, whatever uses it.
    Delete(Identity),
    /// Deletes a resource and makes another one with the same native id and name.
    Recreate(Identity),
    /// Brings a resource into a state.
    SetState(Identity, State),
    /// Makes a resource.
    Create(Box<Make>),
    /// Gives a resource one more name, as a tag does to an image. One that had none goes by it from then on.
    Name(Identity, String),
    /// Gives a resource a label, in place of one with the same key.
    Label(Identity, String, String),
}

impl ExternalChange {
    /// The words for all of them.
    pub const WORDS: [&'static str; 8] = [
        "restart",
        "delete",
        "recreate",
        "set-state",
        "create",
        "name",
        "label",
        "end",
    ];

    /// The word for it.
    pub fn word(&self) -> &'static str {
        let number = match self {
            Self::Restart(_) => 0,
            Self::Delete(_) => 1,
            Self::Recreate(_) => 2,
            Self::SetState(..) => 3,
            Self::Create(_) => 4,
            Self::Name(..) => 5,
            Self::Label(..) => 6,
            Self::End(..) => 7,
        };
        Self::WORDS[number]
    }
}
