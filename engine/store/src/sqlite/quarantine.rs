//! Resources that failed in run after run: they are parked until someone looks at them.
//!
//! What counts is the identity, creation time included. Something new under an old name starts anew.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};
use tbengine_sdk::{Identity, Timestamp};

use super::StateDir;
use super::locks::Locks;
use crate::{Host, StoreError};
use tbengine_engine::facts::{IdentityKey, QuarantineEntry};
use tbengine_engine::report::Outcome;
use tbengine_engine::report::outcome::QuarantineEffect;

/// What was verified gone is remembered so long, to notice if it comes back.
const GONE_KEPT_DAYS: i64 = 7;
/// QuarantineEntry with what nobody has planned to delete since is forgotten after this.
const TROUBLE_KEPT_DAYS: i64 = 180;
const DAY_MS: i64 = 86_400_000;

/// Reads what is parked: what failed or came back in at least so many runs; 0 parks nothing.
///
/// # Errors
/// [`StoreError`] if the state cannot be read.
pub(super) fn read(
    state: &StateDir,
    host: &Host,
    after: u32,
) -> Result<HashMap<IdentityKey, QuarantineEntry>, StoreError> {
    if after == 0 || !state.shared().exists() {
        return Ok(HashMap::new());
    }
    let locks = Locks::open(state, host)?;
    let read = || -> rusqlite::Result<HashMap<IdentityKey, QuarantineEntry>> {
        let mut select = locks
            .connection
            .prepare("SELECT identity, runs, run, reason FROM trouble WHERE runs >= ?1")?;
        let rows = select.query_map([after], |row| {
            let entry = QuarantineEntry {
                runs: row.get(1)?,
                last_run: row.get(2)?,
                reason: row.get(3)?,
            };
            Ok((IdentityKey::from_text(row.get(0)?), entry))
        })?;
        rows.collect()
    };
    read().map_err(|source| StoreError::database("read", &state.shared(), source))
}

/// Forgets the failures of resources, so that their next failure is their first.
///
/// # Errors
/// [`StoreError`] if the state cannot be written.
pub(super) fn forget(
    state: &StateDir,
    host: &Host,
    resources: &[IdentityKey],
) -> Result<(), StoreError> {
    let locks = Locks::open(state, host)?;
    for resource in resources {
        locks
            .connection
            .execute(
                "DELETE FROM trouble WHERE identity = ?1",
                [resource.as_str()],
            )
            .map_err(|source| StoreError::database("write", &state.shared(), source))?;
    }
    Ok(())
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
        let identity = IdentityKey::of(&identity);
        let identity = identity.as_str();
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
        match outcome.result.quarantine() {
            QuarantineEffect::Adds => {
                put.execute((identity, runs + 1, false, run, at, detail()))?;
            }
            QuarantineEffect::Gone if was_gone => {
                let why = "reappeared after it was verified gone";
                put.execute((identity, runs + 1, true, run, at, why))?;
            }
            QuarantineEffect::Gone => {
                put.execute((identity, 0, true, run, at, ""))?;
            }
            QuarantineEffect::Clears => drop(forget.execute([identity])?),
            QuarantineEffect::None => {}
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
