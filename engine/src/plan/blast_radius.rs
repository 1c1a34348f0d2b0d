//! How far a plan as a whole may go.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::safeguards::Context;
use super::{Proposed, is_proven};
use crate::policy::Fault;

/// The most that a plan may delete or stop: a number, or a share of everything listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MaxDelete {
    /// At most so many resources.
    Count(usize),
    /// At most so many percent of the resources that were listed.
    Percent(u8),
}

/// A text that is not a limit.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a limit; write a number like 50, or a share like 20%")]
pub struct ParseMaxDeleteError(String);

impl FromStr for MaxDelete {
    type Err = ParseMaxDeleteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseMaxDeleteError(text.to_owned());
        match text.strip_suffix('%') {
            Some(percent) => match percent.parse() {
                Ok(percent @ 0..=100) => Ok(Self::Percent(percent)),
                _ => Err(wrong()),
            },
            None => text.parse().map(Self::Count).map_err(|_| wrong()),
        }
    }
}

impl TryFrom<String> for MaxDelete {
    type Error = ParseMaxDeleteError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MaxDelete> for String {
    fn from(limit: MaxDelete) -> Self {
        limit.to_string()
    }
}

impl fmt::Display for MaxDelete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MaxDelete::Count(count) => write!(f, "{count}"),
            MaxDelete::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// Why a plan as a whole was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    tag = "tripped"
)]
pub enum BlastRadius {
    /// The operator's limit is exceeded.
    MaxDelete {
        /// How many steps the plan has.
        steps: usize,
        /// How many resources were listed.
        listed: usize,
        /// The limit.
        limit: MaxDelete,
    },
    /// It would end more than a handful of running resources of unproven owner.
    UnprovenRunning {
        /// How many.
        running: usize,
        /// The limit.
        limit: usize,
    },
    /// A veto policy failed, so nobody knows what it would have taken away.
    VetoFailed {
        /// What happened.
        fault: Box<Fault>,
    },
    /// What may protect resources cannot be read, so nobody knows what is to stay.
    Unreadable {
        /// What cannot be read, and why, in words.
        facts: Vec<String>,
    },
}

impl fmt::Display for BlastRadius {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlastRadius::MaxDelete {
                steps,
                listed,
                limit,
            } => write!(
                f,
                "the plan touches {steps} of {listed} resources; --max-delete allows {limit}"
            ),
            BlastRadius::UnprovenRunning { running, limit } => write!(
                f,
                "the plan ends {running} running resources of unproven owner; the limit is {limit}: set the number you expect with --max-delete"
            ),
            BlastRadius::VetoFailed { fault } => {
                write!(f, "the veto failed, so nothing is deleted: {fault}")
            }
            BlastRadius::Unreadable { facts } => write!(
                f,
                "nothing is deleted, because protection records cannot be read: {}",
                facts.join("; ")
            ),
        }
    }
}

/// Whether the plan as a whole goes too far. `unlisted` is how many steps it has besides, whose resources
/// were not listed.
pub(crate) fn examine(
    context: &Context<'_>,
    survivors: &[Proposed<'_>],
    unlisted: usize,
) -> Option<BlastRadius> {
    let steps = survivors.len() + unlisted;
    if steps > 0 && !context.facts.unreadable.is_empty() {
        let facts = context.facts.unreadable.clone();
        return Some(BlastRadius::Unreadable { facts });
    }
    let listed = context.inventory.resources.len();
    if let Some(limit) = context.safeguards.max_delete {
        let exceeded = match limit {
            MaxDelete::Count(most) => steps > most,
            MaxDelete::Percent(most) => steps * 100 > listed * usize::from(most),
        };
        return exceeded.then_some(BlastRadius::MaxDelete {
            steps,
            listed,
            limit,
        });
    }
    let running = survivors
        .iter()
        .filter(|proposal| {
            proposal.resource.state.is_running() && !is_proven(proposal.resource, context.facts)
        })
        .count();
    let limit = context.safeguards.max_unproven_running;
    (running > limit).then_some(BlastRadius::UnprovenRunning { running, limit })
}
