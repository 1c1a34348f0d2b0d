//! How a step ended: exactly one outcome each.

use std::fmt;

use serde::{Deserialize, Serialize};
use tbengine_sdk::{Error, ResourceId};

use super::effect::Effect;
use crate::plan::ActionKind;

/// How one step ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outcome {
    /// The number of the step in the plan.
    pub step: usize,
    /// The resource.
    pub id: ResourceIdText,
    /// Its name.
    pub name: String,
    /// What was to be done.
    pub action: ActionKind,
    /// How it ended.
    pub result: StepResult,
    /// What its requests to change the resource came to. Records of before do not say.
    #[serde(default)]
    pub effect: Effect,
    /// Why it ended so, if more than the result is to be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What the operator can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The attempts that failed, in order. The last error is the reason of a failure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_attempts: Vec<Attempt>,
    /// How many attempts there were, the successful one included.
    pub attempts: u32,
    /// From the first attempt to the end.
    pub took_ms: u64,
}

/// One try that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Attempt {
    /// 1 is the first.
    pub number: u32,
    /// When it began, after the start of the run.
    pub at_ms: u64,
    /// What went wrong.
    pub error: Error,
}

/// A [`ResourceId`] that is written as one text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceIdText(pub ResourceId);

impl TryFrom<String> for ResourceIdText {
    type Error = tbengine_sdk::identity::ParseResourceIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl From<ResourceIdText> for String {
    fn from(id: ResourceIdText) -> Self {
        id.0.to_string()
    }
}

impl fmt::Display for ResourceIdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether a step ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It was done.
    Good,
    /// It was rightly left alone, or not yet tried to the end.
    Open,
    /// It was not done.
    Bad,
}

/// What a result means for the quarantine of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuarantineEffect {
    /// It failed: counts towards quarantine.
    Adds,
    /// It is gone. If it was so before, it came back, which counts as well.
    Gone,
    /// All is well: what it did before is forgotten.
    Clears,
    /// Nothing.
    None,
}

/// The results: one row for each, best first.
macro_rules! results {
    ($($(#[doc = $doc:literal])* $name:ident => $word:literal, $level:ident, $trouble:ident;)*) => {
        /// How a step can end.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum StepResult {
            $($(#[doc = $doc])* #[serde(rename = $word)] $name,)*
        }

        impl StepResult {
            /// Every result, best first.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$name),*];

            /// The word for it.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// Whether the step ended well.
            pub const fn level(self) -> Level {
                match self {
                    $(Self::$name => Level::$level,)*
                }
            }

            /// What it means for the quarantine of the resource.
            pub const fn quarantine(self) -> QuarantineEffect {
                match self {
                    $(Self::$name => QuarantineEffect::$trouble,)*
                }
            }
        }
    };
}

results! {
    /// Verified gone, after we asked for it.
    Deleted => "deleted", Good, Gone;
    /// It was gone before we did anything.
    AlreadyGone => "already-gone", Good, None;
    /// Verified stopped, and kept.
    Stopped => "stopped", Good, Clears;
    /// Verified in cold storage.
    Archived => "archived", Good, Clears;
    /// The provider has taken its deletion, hides it and will do no more: the most that anyone can do.
    Surrendered => "surrendered", Open, None;
    /// It is not what the plan saw: skipped.
    Changed => "changed", Open, None;
    /// Something that is kept still uses it.
    Blocked => "blocked", Bad, None;
    /// The backend did not answer in time: can be resumed.
    Deferred => "deferred", Open, None;
    /// The backend denies us access.
    Denied => "denied", Bad, None;
    /// The provider took the request and did not finish it within bounds.
    Stuck => "stuck", Bad, Adds;
    /// Every attempt failed.
    Failed => "failed", Bad, Adds;
    /// The run ended before its turn, or in the middle.
    Cancelled => "cancelled", Open, None;
}

impl StepResult {
    /// Whether the step did not end well.
    pub const fn is_failure(self) -> bool {
        matches!(self.level(), Level::Bad)
    }
}

impl fmt::Display for StepResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
