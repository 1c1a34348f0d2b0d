//! Reads the records of runs, each row checked against the one before, and the last against what was noted
//! outside of the record.

use std::collections::BTreeMap;
use std::path::Path;

use tbengine_sdk::Timestamp;

use super::link::{Link, link, origin};
use super::locks::{Head, Locks, is_unlocked};
use super::{StateDir, database};
use crate::{Damage, Entry, Host, JOURNAL_FORMAT, Record, Row, StoreError};
use tbengine_engine::plan::Plan;

/// A record, with the link of its last row.
pub(super) struct Linked {
    pub(super) record: Record,
    pub(super) link: Link,
}

impl Linked {
    /// The number of the last row, and its link.
    pub(super) fn head(&self) -> (u64, Link) {
        (self.record.rows.len() as u64, self.link)
    }
}

/// Reads the record of a run and checks it.
pub(super) fn record(state: &StateDir, host: &Host, run: &str) -> Result<Linked, StoreError> {
    let locks = Locks::open(state, host)?;
    let heads = locks.heads()?;
    record_with(state, &locks, &heads, run)
}

/// Reads the newest records, newest first.
pub(super) fn newest(
    state: &StateDir,
    host: &Host,
    most: usize,
) -> Result<Vec<Result<Record, Damage>>, StoreError> {
    let ids = ids(state)?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let locks = Locks::open(state, host)?;
    let heads = locks.heads()?;
    let records = ids.into_iter().rev().take(most).map(|run| {
        let record = record_with(state, &locks, &heads, &run);
        record
            .map(|linked| linked.record)
            .map_err(|why| Damage { run, why })
    });
    Ok(records.collect())
}

/// The one run whose id begins so.
pub(super) fn find(state: &StateDir, beginning: &str) -> Result<String, StoreError> {
    let mut ids = ids(state)?;
    ids.retain(|id| id.starts_with(beginning));
    match &ids[..] {
        [id] => Ok(id.clone()),
        [] => Err(StoreError::NoRun {
            run: beginning.to_owned(),
        }),
        ids => Err(StoreError::Ambiguous {
            run: beginning.to_owned(),
            number: ids.len(),
        }),
    }
}

fn ids(state: &StateDir) -> Result<Vec<String>, StoreError> {
    let ids = state.run_ids();
    ids.map_err(|source| StoreError::io("read", state.path(), source))
}

fn record_with(
    state: &StateDir,
    locks: &Locks,
    heads: &BTreeMap<String, Head>,
    run: &str,
) -> Result<Linked, StoreError> {
    let path = state.run(run);
    if path.symlink_metadata().is_err() {
        return Err(StoreError::NoRun {
            run: run.to_owned(),
        });
    }
    // Asked before it is opened: closing the file again would drop the locks of a connection.
    let running = !is_unlocked(state, run);
    let damaged = |why: String| StoreError::damaged(&path, why);
    let (rows, links) = read(&path, run)?;
    if let Some(head) = heads.get(run) {
        // After a loss of power the end may be missing, and nobody is to blame.
        let must_be_there = head.sealed || locks.is_this_boot(&head.boot);
        let there = usize::try_from(head.number)
            .ok()
            .and_then(|at| links.get(at));
        match there {
            Some(link) if *link == head.link => {}
            None if !must_be_there => {}
            None => return Err(damaged("its last rows are missing".into())),
            Some(_) => return Err(damaged("it is not the record that was written".into())),
        }
    }
    let plan = plan(&path, &rows)?;
    Ok(Linked {
        record: Record::new(run, plan, rows, running).map_err(damaged)?,
        link: links[links.len() - 1],
    })
}

/// The rows of a record, and the links: that before the first row, and that of each row.
fn read(path: &Path, run: &str) -> Result<(Vec<Row>, Vec<Link>), StoreError> {
    let (mut rows, mut links) = (Vec::new(), vec![origin(run)]);
    each(path, |text| {
        let (expected, last) = (links.len() as u64, links[links.len() - 1]);
        let wrong = |why: &str| StoreError::damaged(path, format!("row {expected} {why}"));
        if text.number != expected {
            return Err(wrong("is missing"));
        }
        let own = link(&last, text.number, text.at, &text.body);
        if own[..] != text.link[..] {
            return Err(wrong("is not as it was written"));
        }
        links.push(own);
        let entry = serde_json::from_str(&text.body)
            .map_err(|error| wrong(&format!("makes no sense: {error}")))?;
        rows.push(Row {
            number: text.number,
            at: text.at,
            entry,
        });
        Ok(())
    })?;
    Ok((rows, links))
}

/// The approved plan, put together of the rows that hold it.
fn plan(path: &Path, rows: &[Row]) -> Result<Plan, StoreError> {
    let mut entries = rows.iter().map(|row| &row.entry);
    let Some(Entry::Approved {
        format,
        plan,
        parts,
        ..
    }) = entries.next()
    else {
        return Err(StoreError::damaged(
            path,
            "it does not begin with a plan".into(),
        ));
    };
    if format != JOURNAL_FORMAT {
        return Err(StoreError::format(path, format.clone()));
    }
    let mut plan = (**plan).clone();
    for _ in 0..*parts {
        let Some(Entry::Planned { steps, refusals }) = entries.next() else {
            return Err(StoreError::damaged(
                path,
                "a part of its plan is missing".into(),
            ));
        };
        plan.steps.extend_from_slice(steps);
        plan.refusals.extend_from_slice(refusals);
    }
    Ok(plan)
}

struct Text {
    number: u64,
    at: Timestamp,
    body: String,
    link: Vec<u8>,
}

/// Hands over row after row, so that no large record is held as text.
fn each(
    path: &Path,
    mut see: impl FnMut(Text) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let unreadable = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            StoreError::damaged(path, error.to_string())
        }
        _ => StoreError::database("read", path, error),
    };
    let connection = database::connect(path)?;
    let mut select = connection
        .prepare("SELECT number, at, body, link FROM row ORDER BY number")
        .map_err(unreadable)?;
    let rows = select.query_map([], |row| {
        Ok(Text {
            number: row.get::<_, i64>(0)?.cast_unsigned(),
            at: Timestamp::from_unix_ms(row.get(1)?),
            body: row.get(2)?,
            link: row.get(3)?,
        })
    });
    for row in rows.map_err(unreadable)? {
        see(row.map_err(unreadable)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::entry::approved;
    use tbengine_engine::plan::PLAN_FORMAT;

    fn large_plan(steps: usize) -> Plan {
        let step = |number: usize| {
            json!({
                "target": {"backend": "b", "account": "a", "kind": "container", "native": format!("n{number}")},
                "name": "one", "state": "exited", "reason": "old",
                "action": {"do": "delete", "force": "never", "grace-ms": 10_000},
            })
        };
        serde_json::from_value(json!({
            "header": {
                "format": PLAN_FORMAT, "run": "run-1", "created": "2026-01-01T00:00:00Z",
                "policy": {"name": "p", "version": "1.0.0", "digest": "d", "params": {}},
                "policy-origin": "p", "scope": {}, "accounts": {"b": "a"},
            },
            "steps": (0..steps).map(step).collect::<Vec<_>>(),
            "refusals": [],
        }))
        .unwrap()
    }

    fn rows(plan: &Plan) -> Vec<Row> {
        let row = |(number, entry)| Row {
            number,
            at: plan.header.created,
            entry,
        };
        (1..).zip(approved(plan)).map(row).collect()
    }

    #[test]
    fn a_plan_is_put_together_of_its_rows() {
        let path = Path::new("runs/run-1.db");
        for (steps, wanted) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (3_500, 4)] {
            let before = large_plan(steps);
            let rows = rows(&before);
            assert_eq!(rows.len(), wanted);
            assert_eq!(plan(path, &rows).unwrap(), before);
        }
    }

    #[test]
    fn a_plan_with_a_gap_is_none() {
        let path = Path::new("runs/run-1.db");
        let mut rows = rows(&large_plan(3_500));
        rows.remove(2);
        let error = plan(path, &rows).unwrap_err();
        assert!(error.to_string().contains("a part of its plan is missing"));
    }
}
