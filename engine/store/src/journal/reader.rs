//! Reads the rows of a record, each checked against the one before.

use std::path::Path;

use tbengine_sdk::Timestamp;

use super::entry::{Entry, JOURNAL_FORMAT, Link, Row, link, origin};
use super::{JournalError, database};
use tbengine_engine::plan::Plan;

/// The rows of a record, and the links: that before the first row, and that of each row.
pub(super) fn read(path: &Path, run: &str) -> Result<(Vec<Row>, Vec<Link>), JournalError> {
    let (mut rows, mut links) = (Vec::new(), vec![origin(run)]);
    each(path, |text| {
        let (expected, last) = (links.len() as u64, links[links.len() - 1]);
        let wrong = |why: &str| damaged(path, format!("row {expected} {why}"));
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
pub(super) fn plan(path: &Path, rows: &[Row]) -> Result<Plan, JournalError> {
    let mut entries = rows.iter().map(|row| &row.entry);
    let Some(Entry::Approved {
        format,
        plan,
        parts,
        ..
    }) = entries.next()
    else {
        return Err(damaged(path, "it does not begin with a plan".into()));
    };
    if format != JOURNAL_FORMAT {
        return Err(JournalError::Format {
            path: path.to_owned(),
            found: format.clone(),
        });
    }
    let mut plan = (**plan).clone();
    for _ in 0..*parts {
        let Some(Entry::Planned { steps, refusals }) = entries.next() else {
            return Err(damaged(path, "a part of its plan is missing".into()));
        };
        plan.steps.extend_from_slice(steps);
        plan.refusals.extend_from_slice(refusals);
    }
    Ok(plan)
}

fn damaged(path: &Path, why: String) -> JournalError {
    JournalError::Damaged {
        path: path.to_owned(),
        why,
    }
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
    mut see: impl FnMut(Text) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let unreadable = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            damaged(path, error.to_string())
        }
        _ => JournalError::database("read", path, error),
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
    use crate::journal::entry::approved;
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
