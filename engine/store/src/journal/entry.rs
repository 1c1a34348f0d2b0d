//! What the record of a run holds: rows that are only ever added, each bound to the one before.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tbengine_sdk::{Error, Timestamp};

use super::host::Process;
use tbengine_engine::plan::{ActionKind, Plan, Refusal, Step};
use tbengine_engine::report::Outcome;

/// The version of the record's format.
pub const JOURNAL_FORMAT: &str = "tbengine-journal/1";

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Row {
    /// Its number; 1 is the first.
    pub number: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What it says.
    #[serde(flatten)]
    pub entry: Entry,
}

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    tag = "entry"
)]
pub enum Entry {
    /// The plan was approved. Always the first row, and durable before anything is done.
    Approved {
        /// [`JOURNAL_FORMAT`].
        format: String,
        /// The version of tbengine that wrote it.
        version: String,
        /// The plan; of a large one the beginning.
        plan: Box<Plan>,
        /// How many rows with more of it follow.
        #[serde(default, skip_serializing_if = "is_zero")]
        parts: usize,
    },
    /// More of the approved plan, durable with it.
    Planned {
        /// The next steps.
        steps: Vec<Arc<Step>>,
        /// The next refusals.
        refusals: Vec<Refusal>,
    },
    /// A process began to carry the plan out, or to continue it.
    Began {
        /// The process.
        process: Process,
        /// The fence of its claims; later claims have higher ones.
        fence: u64,
    },
    /// A request that may have an effect is about to be sent.
    Intent {
        /// The step.
        step: usize,
        /// What is asked for.
        act: ActionKind,
        /// Whether with force.
        force: bool,
        /// The fence it was checked against.
        fence: u64,
    },
    /// An attempt failed, and there will be another.
    AttemptFailed {
        /// The step.
        step: usize,
        /// 1 is the first.
        attempt: u32,
        /// Why.
        error: Error,
    },
    /// A step ended.
    Outcome(Outcome),
    /// The process came to the end of the plan, or was told to stop.
    Ended {
        /// Whether it was told to stop.
        interrupted: bool,
        /// Why it stopped by itself, if it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        halted: Option<String>,
        /// How long it took.
        took_ms: u64,
    },
    /// A new plan took the place of this one.
    Replaced {
        /// The run of the new plan, if it had anything to do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Arc<str>>,
    },
}

/// So many steps and refusals go into one row: a large plan is never written or read in one piece.
const STEPS_PER_ROW: usize = 1_000;

/// The rows of an approved plan, each made when it is asked for.
pub(super) fn approved(plan: &Plan) -> impl Iterator<Item = Entry> {
    let longest = plan.steps.len().max(plan.refusals.len());
    let rows = longest.div_ceil(STEPS_PER_ROW).max(1);
    (0..rows).map(move |row| {
        let (steps, refusals) = (part(&plan.steps, row), part(&plan.refusals, row));
        if row > 0 {
            return Entry::Planned { steps, refusals };
        }
        Entry::Approved {
            format: JOURNAL_FORMAT.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            plan: Box::new(Plan {
                header: plan.header.clone(),
                steps,
                refusals,
                blast_radius: plan.blast_radius.clone(),
                digest: plan.digest.clone(),
            }),
            parts: rows - 1,
        }
    })
}

fn part<T: Clone>(all: &[T], row: usize) -> Vec<T> {
    all.chunks(STEPS_PER_ROW)
        .nth(row)
        .map_or_else(Vec::new, <[T]>::to_vec)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// What binds a row to all rows before it.
pub(super) type Link = [u8; 32];

/// The link before the first row: a record cannot pass for that of another run.
pub(super) fn origin(run: &str) -> Link {
    Sha256::new()
        .chain_update(JOURNAL_FORMAT)
        .chain_update([0])
        .chain_update(run)
        .finalize()
        .into()
}

/// The link of a row.
pub(super) fn link(before: &Link, number: u64, at: Timestamp, body: &str) -> Link {
    Sha256::new()
        .chain_update(before)
        .chain_update(number.to_le_bytes())
        .chain_update(at.as_unix_ms().to_le_bytes())
        .chain_update(body)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_depends_on_everything() {
        let at = Timestamp::from_unix_ms(5);
        let base = link(&origin("r"), 1, at, "a");
        for other in [
            link(&origin("s"), 1, at, "a"),
            link(&origin("r"), 2, at, "a"),
            link(&origin("r"), 1, Timestamp::from_unix_ms(6), "a"),
            link(&origin("r"), 1, at, "b"),
        ] {
            assert_ne!(base, other);
        }
    }
}
