//! Which unit a resource belongs to, and who owns it as far as facts prove.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The label that carries the id of a tbengine run. A value of ours is proof of ownership.
pub const RUN_ID_LABEL: &str = "tbengine.run-id";

/// Resources that belong together: one compose project, one trial. Units are never split between
/// two calls of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Unit(pub String);

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who a resource belongs to, as far as facts prove it. What is not proven is [`Owner::Unknown`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "is", content = "name")]
pub enum Owner {
    /// A run of tbengine, by its id: the resource carries [`RUN_ID_LABEL`].
    Run(String),
    /// A benchmark, whose things are made to be thrown away.
    Benchmark(String),
    /// Someone else who can be named, like a product that removes its things by itself.
    Other(String),
    /// Someone who keeps it on purpose, like a tool with clusters for development.
    Kept(String),
    /// No fact says.
    #[default]
    Unknown,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Run(id) => write!(f, "run {id}"),
            Owner::Benchmark(name) | Owner::Other(name) | Owner::Kept(name) => f.write_str(name),
            Owner::Unknown => f.write_str("unknown"),
        }
    }
}
