//! What was tried when an attempt failed.

/// What was tried when an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// To stop a resource.
    Stop,
    /// To archive a resource.
    Archive,
    /// To delete a resource.
    Delete,
}

impl Operation {
    /// The word for it, as in the contract.
    pub const fn word(self) -> &'static str {
        match self {
            Operation::Stop => "stop",
            Operation::Archive => "archive",
            Operation::Delete => "delete",
        }
    }
}
