//! What an owner makes things for.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an owner makes things for, which says how they may be evaluated.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// To be discarded: policies may delete it even while it runs. Its rules need two facts.
    Benchmark,
    /// For itself, and it cleans up by itself: policies may delete what has ended.
    Product,
    /// To be kept: it stays unless the operator names it.
    Kept,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            What::Benchmark => "benchmark",
            What::Product => "product",
            What::Kept => "kept",
        })
    }
}
