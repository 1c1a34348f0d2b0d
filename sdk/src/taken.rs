//! What became of a request that was taken.

use serde::{Deserialize, Serialize};

/// What became of a request that the provider took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Taken {
    /// It is under way: the engine looks until it is seen to be done.
    #[default]
    Accepted,
    /// It is done. The engine looks once.
    Done,
    /// The provider has taken it, hides the resource, and will do no more. No failure, and no proof.
    Surrendered {
        /// What the provider said, for people.
        message: String,
    },
}
