//! How a step ended: exactly one outcome each.

use std::fmt;

use serde::{Deserialize, Serialize};
use tbengine_sdk::{Error, ResourceId};

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

/// How a step can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepResult {
    /// Verified gone, after we asked for it.
    Deleted,
    /// It was gone before we did anything.
    AlreadyGone,
    /// Verified ended, and left there.
    Stopped,
    /// Verified in cold storage.
    Archived,
    /// It is not what the plan saw: skipped.
    Changed,
    /// Something that stays still uses it.
    Blocked,
    /// The backend did not answer in time: can be done later.
    Deferred,
    /// The backend refuses us.
    Denied,
    /// The provider took the request and did not finish it within bounds.
    Stuck,
    /// Every attempt failed.
    Failed,
    /// The run ended before its turn, or in the middle.
    Cancelled,
}

impl StepResult {
    /// Every result, best first.
    pub const ALL: [Self; 11] = [
        Self::Deleted,
        Self::AlreadyGone,
        Self::Stopped,
        Self::Archived,
        Self::Changed,
        Self::Blocked,
        Self::Deferred,
        Self::Denied,
        Self::Stuck,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Whether the step did not end well. What changed was rightly left alone, and what is deferred
    /// or cancelled was not yet tried to the end.
    pub const fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Blocked | Self::Denied | Self::Stuck | Self::Failed
        )
    }

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::AlreadyGone => "already-gone",
            Self::Stopped => "stopped",
            Self::Archived => "archived",
            Self::Changed => "changed",
            Self::Blocked => "blocked",
            Self::Deferred => "deferred",
            Self::Denied => "denied",
            Self::Stuck => "stuck",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for StepResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
