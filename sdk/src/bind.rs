//! The facts that bind a step.

use serde::{Deserialize, Serialize};

/// A fact that must not have changed since the plan was made. The backend declares it, the engine compares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Bind {
    /// Which fact.
    pub fact: Fact,
    /// How it is compared.
    pub rule: Rule,
}

/// A fact of a resource that may bind a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// The names it goes by: tags and digests of an image.
    Names,
    /// All labels.
    Labels,
    /// One attribute, like `generation`.
    Attr(String),
    /// The ids of what it uses.
    Uses,
    /// The ids of what its deletion takes along.
    TakesAlong,
}

/// How a fact is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// It must be what it was.
    Same,
    /// Parts may have gone, none may have come.
    NothingNew,
    /// It must be what it was, unless something used the resource when the plan was made: users move it by what they
    /// do, like the time at which a volume was last written to.
    SameIfUnused,
}
