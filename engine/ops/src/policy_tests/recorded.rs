//! Recorded inventories, evaluated by a policy.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tbengine_engine::Facts;
use tbengine_engine::decide::{Decision, Decisions, decide};
use tbengine_engine::discover::Inventory;
use tbengine_engine::policy::{Force, Policy, PolicyContext, Verdict};
use tbengine_engine::record::Record;
use tbengine_engine::scope::Scope;
use tbengine_sdk::Timestamp;

use crate::config::trust::{self, Role};
use crate::error::Error;
use crate::input::{Input, MAX_DOCUMENT};
use crate::operator::Operator;

/// A decision as people read it and files hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Said {
    /// `keep`, `stop`, `archive` or `delete`.
    verdict: String,
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    force: Option<Force>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grace_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    priority: i32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(number: &i32) -> bool {
    *number == 0
}

impl Said {
    /// What a decision says.
    pub fn new(decision: &Decision) -> Self {
        let (verdict, reason, force, grace) = match &decision.verdict {
            Verdict::Keep { reason } => ("keep", reason, None, None),
            Verdict::Stop { reason, grace } => ("stop", reason, None, *grace),
            Verdict::Archive { reason, grace } => ("archive", reason, None, *grace),
            Verdict::Delete {
                reason,
                force,
                grace,
            } => ("delete", reason, Some(*force), *grace),
        };
        Self {
            verdict: verdict.to_owned(),
            reason: reason.clone(),
            // Never is what most say, and so not worth a word.
            force: force.filter(|force| *force != Force::Never),
            grace_ms: grace.map(|grace| u64::try_from(grace.as_millis()).unwrap_or(u64::MAX)),
            priority: decision.priority,
        }
    }

    /// The whole of it on a line.
    pub fn text(said: Option<&Self>) -> String {
        let Some(said) = said else {
            return "no opinion".to_owned();
        };
        let mut text = format!("{}: {}", said.verdict, said.reason);
        if let Some(force) = said.force {
            text.push_str(match force {
                Force::Never => ", force never",
                Force::OnRetry => ", force on retry",
                Force::Always => ", force always",
            });
        }
        if let Some(grace) = said.grace_ms {
            text.push_str(&format!(", grace {grace} ms"));
        }
        if said.priority != 0 {
            text.push_str(&format!(", priority {}", said.priority));
        }
        text
    }
}

/// Reads a recorded inventory.
///
/// # Errors
/// If the file cannot be read, is one that others can write, or holds something else.
pub fn read(path: &Path, operator: Operator) -> Result<Record, Error> {
    let failed = |error| Error::config(format!("failed to read {}: {error}", path.display()));
    let input = Input::open(path).map_err(failed)?;
    trust::check(path, &input, Role::Recording, operator)?;
    let text = input.text(MAX_DOCUMENT).map_err(failed)?;
    Record::read(&text).map_err(|error| {
        Error::config(format!("{}: {error}", path.display()))
            .hint("`tbengine list --record FILE` records an inventory")
    })
}

/// What a policy is given besides the resources.
pub fn context(now: Timestamp, claimed: bool) -> PolicyContext {
    PolicyContext {
        dry_run: true,
        claimed,
        ..PolicyContext::new(now, "recorded")
    }
}

/// Lets a policy evaluate an inventory.
pub async fn judge(
    policy: Arc<dyn Policy>,
    inventory: Arc<Inventory>,
    scope: Scope,
    context: PolicyContext,
) -> Decisions {
    // No lease is recorded, so a run that a resource names is not known.
    decide(policy, context, inventory, Facts::default(), scope).await
}
