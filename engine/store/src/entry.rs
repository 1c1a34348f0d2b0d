//! What the record of a run holds: rows that are only ever added.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tbengine_sdk::{Error, Timestamp};

use crate::Process;
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
    /// A process began to apply the plan, or to continue it.
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
    /// The process finished the plan, or was asked to stop.
    Ended {
        /// Whether it was asked to stop.
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
pub(crate) fn approved(plan: &Plan) -> impl Iterator<Item = Entry> {
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
                following: std::collections::BTreeMap::new(),
                changed: Vec::new(),
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
