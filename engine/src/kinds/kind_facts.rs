//! The facts about a kind that a policy gets.

use tbengine_sdk::{Class, Kind, KindInfo};

/// The facts about a kind that a policy gets, as its backend declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindFacts {
    /// The provider's word for it.
    pub word: Kind,
    /// What it is to the engine.
    pub class: Class,
    /// Whether it can run.
    pub runs: bool,
    /// Whether many units may share one.
    pub shared: bool,
}

impl KindFacts {
    /// A kind that no backend declares: of a class that the engine does not know.
    pub const fn undeclared(word: Kind) -> Self {
        Self {
            word,
            class: Class::Other,
            runs: false,
            shared: false,
        }
    }
}

impl From<&KindInfo> for KindFacts {
    fn from(info: &KindInfo) -> Self {
        Self {
            word: info.kind,
            class: info.class,
            runs: info.runs,
            shared: info.shared,
        }
    }
}
