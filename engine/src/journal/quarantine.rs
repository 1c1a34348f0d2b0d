//! Resources that failed in run after run: they are parked until someone looks at them.
//!
//! What counts is the identity, creation time included. Something new under an old name starts anew.

use std::collections::HashMap;
use std::fmt;

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use tbengine_sdk::{Identity, Timestamp};

use super::leases::Leases;
use super::{Host, JournalError, StateDir};
use crate::report::{Outcome, StepResult};

/// In how many runs a resource has to fail before it is parked, unless the operator says otherwise.
pub const QUARANTINE_AFTER: u32 = 3;

/// The shortest beginning of an id that lets a resource out.
pub const SHORTEST_ID: usize = 8;

/// What was verified gone is remembered so long, to notice if it comes back.
const GONE_KEPT_DAYS: i64 = 7;
/// Trouble with what nobody has planned to delete since is forgotten after this.
const TROUBLE_KEPT_DAYS: i64 = 180;
const DAY_MS: i64 = 86_400_000;

/// The resources that are parked, with their reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quarantine {
    parked: HashMap<String, Trouble>,
    released: Vec<String>,
}

/// Why a resource is parked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Trouble {
    /// In how many runs it failed or came back.
    pub runs: u32,
    /// The last of them.
    pub last_run: String,
    /// What went wrong there.
    pub reason: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            runs,
            last_run,
            reason,
        } = self;
        write!(
            f,
            "{runs} runs had trouble with it, the last was {last_run}: {reason}"
        )
    }
}

impl Quarantine {
    /// Reads what is parked: what failed or came back in at least so many runs; 0 parks nothing.
    ///
    /// # Errors
    /// [`JournalError`] if the state cannot be read.
    pub fn read(state: &StateDir, host: &Host, after: u32) -> Result<Self, JournalError> {
        if after == 0 || !state.leases().exists() {
            return Ok(Self::default());
        }
        let leases = Leases::open(state, host)?;
        let read = || -> rusqlite::Result<HashMap<String, Trouble>> {
            let mut select = leases
                .connection
                .prepare("SELECT identity, runs, run, reason FROM trouble WHERE runs >= ?1")?;
            let rows = select.query_map([after], |row| {
                let trouble = Trouble {
                    runs: row.get(1)?,
                    last_run: row.get(2)?,
                    reason: row.get(3)?,
                };
                Ok((row.get(0)?, trouble))
            })?;
            rows.collect()
        };
        let parked =
            read().map_err(|source| JournalError::database("read", &state.leases(), source))?;
        Ok(Self {
            parked,
            released: Vec::new(),
        })
    }

    /// Lets resources out: those with this id, as `backend/kind/id` or as the provider's own, which may
    /// be shortened to its first [`SHORTEST_ID`] characters or more.
    #[must_use]
    pub fn releasing(mut self, ids: &[String]) -> Self {
        self.released = ids.to_vec();
        self
    }

    /// Why a resource is parked, if it is.
    pub fn trouble(&self, identity: &Identity) -> Option<&Trouble> {
        self.parked(identity)
            .filter(|_| !self.is_released(identity))
    }

    /// Whether a resource would be parked, and was let out.
    pub fn lets_out(&self, identity: &Identity) -> bool {
        self.parked(identity).is_some() && self.is_released(identity)
    }

    fn parked(&self, identity: &Identity) -> Option<&Trouble> {
        // Inventories are large, and hardly ever is anything parked.
        if self.parked.is_empty() {
            return None;
        }
        self.parked.get(&identity_key(identity))
    }

    fn is_released(&self, identity: &Identity) -> bool {
        self.released.iter().any(|wanted| {
            let native = identity.native.as_str();
            let digest = native.strip_prefix("sha256:").unwrap_or(native);
            let short = wanted.len() >= SHORTEST_ID;
            *wanted == native
                || *wanted == identity.id().to_string()
                || (short && (native.starts_with(wanted) || digest.starts_with(wanted)))
        })
    }

    /// Forgets the trouble with resources, so that their next failure is their first.
    ///
    /// # Errors
    /// [`JournalError`] if the state cannot be written.
    pub fn forget<'a>(
        state: &StateDir,
        host: &Host,
        identities: impl IntoIterator<Item = &'a Identity>,
    ) -> Result<(), JournalError> {
        let leases = Leases::open(state, host)?;
        for identity in identities {
            leases
                .connection
                .execute(
                    "DELETE FROM trouble WHERE identity = ?1",
                    [identity_key(identity)],
                )
                .map_err(|source| JournalError::database("write", &state.leases(), source))?;
        }
        Ok(())
    }
}

/// What names an identity whatever its backend is called here.
fn identity_key(identity: &Identity) -> String {
    let Identity {
        account,
        kind,
        native,
        created,
        ..
    } = identity;
    serde_json::json!([account, kind, native, created]).to_string()
}

/// Notes how a run ended for each resource, by its identity.
pub(super) fn note<'a>(
    connection: &Connection,
    run: &str,
    at: Timestamp,
    outcomes: impl Iterator<Item = (&'a Outcome, Identity)>,
) -> rusqlite::Result<()> {
    let at = at.as_unix_ms();
    let mut find = connection.prepare("SELECT runs, gone FROM trouble WHERE identity = ?1")?;
    let mut put = connection.prepare(
        "INSERT OR REPLACE INTO trouble (identity, runs, gone, run, at, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut forget = connection.prepare("DELETE FROM trouble WHERE identity = ?1")?;
    for (outcome, identity) in outcomes {
        let identity = &identity_key(&identity);
        let detail = || {
            outcome
                .detail
                .clone()
                .unwrap_or_else(|| outcome.result.to_string())
        };
        let before: Option<(u32, bool)> = find
            .query_row([identity], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (runs, was_gone) = before.unwrap_or_default();
        match outcome.result {
            StepResult::Failed | StepResult::Stuck => {
                put.execute((identity, runs + 1, false, run, at, detail()))?;
            }
            StepResult::Deleted if was_gone => {
                let why = "it came back after it was verified gone";
                put.execute((identity, runs + 1, true, run, at, why))?;
            }
            StepResult::Deleted => {
                put.execute((identity, 0, true, run, at, ""))?;
            }
            StepResult::Stopped | StepResult::Archived => drop(forget.execute([identity])?),
            StepResult::AlreadyGone
            | StepResult::Changed
            | StepResult::Blocked
            | StepResult::Deferred
            | StepResult::Denied
            | StepResult::Cancelled => {}
        }
    }
    connection.execute(
        "DELETE FROM trouble WHERE (runs = 0 AND at < ?1) OR at < ?2",
        (
            at - GONE_KEPT_DAYS * DAY_MS,
            at - TROUBLE_KEPT_DAYS * DAY_MS,
        ),
    )?;
    Ok(())
}
