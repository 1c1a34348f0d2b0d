//! Records of runs with a right chain of links and nonsense in them.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tbengine_engine::plan::Plan;
use tbengine_engine::report::StepResult;
use tbengine_sdk::Timestamp;
use tbengine_store::{Entry, Host, JOURNAL_FORMAT, Process, Record, Runs as _, SqliteStore};

use super::Run;
use super::world::{NOW, World, in_paused_time};
use crate::mutate;

/// The store makes its directory for its owner only.
const STATE: &str = "state";
const RUN: &str = "20270115T075900-fuzz";

/// Writes the rows of an input as a record whose links are right, reads it, and applies what is left of its plan. What is
/// not in the approved plan is not deleted, whatever the rows say, what a safeguard keeps neither, and what has ended
/// for good is not tried again.
///
/// # Panics
/// If there can be no directory.
pub fn start() -> Run {
    Box::new(|input| {
        let Ok(rows) = serde_json::from_slice::<Vec<Value>>(input) else {
            return false;
        };
        let directory = tempfile::tempdir().expect("a directory");
        let store = SqliteStore::create(&directory.path().join(STATE), &host()).expect("a store");
        write(
            &directory
                .path()
                .join(STATE)
                .join("runs")
                .join(format!("{RUN}.db")),
            &rows,
        )
        .expect("a record");
        in_paused_time(async {
            let Ok(record) = store.record(RUN).await else {
                // It is damaged: then nothing of it is resumed, by whatever way it is found.
                assert!(store.reopen(RUN).await.is_err(), "damaged and reopened");
                return false;
            };
            let left = record.left();
            assert_fits(&record, &left);
            let claimed = store.reopen(RUN).await.expect("what is read is reopened");
            assert_eq!(claimed.record().left(), left, "two readings differ");
            World::new().apply(left, &[]).await
        })
    })
}

/// What is left must be of the approved plan, and all of it that has not ended.
fn assert_fits(record: &Record, left: &Plan) {
    assert_eq!(record.steps.len(), record.plan.steps.len());
    let Some(Entry::Approved { plan, .. }) = record.rows.first().map(|row| &row.entry) else {
        panic!("a record that does not begin with its plan");
    };
    let mut approved: HashSet<_> = plan.steps.iter().map(|step| step.target.clone()).collect();
    let mut ended = HashSet::new();
    for row in &record.rows {
        match &row.entry {
            Entry::Planned { steps, .. } => {
                approved.extend(steps.iter().map(|step| step.target.clone()));
            }
            Entry::Outcome(outcome) => {
                let is_open =
                    matches!(outcome.result, StepResult::Cancelled | StepResult::Deferred);
                match is_open {
                    true => ended.remove(&outcome.step),
                    false => ended.insert(outcome.step),
                };
            }
            _ => {}
        }
    }
    for step in &left.steps {
        assert!(
            approved.contains(&step.target),
            "{} was never approved",
            step.target.id()
        );
        let mut places = record.plan.steps.iter().enumerate();
        let is_open =
            places.any(|(place, planned)| planned.target == step.target && !ended.contains(&place));
        assert!(is_open, "{} has ended and is left", step.target.id());
    }
    let state = record.state(NOW, Duration::from_secs(3600));
    assert!(
        !state.is_resumable()
            || !left.steps.is_empty()
            || left.refusals.is_empty()
            || record.open_steps().next().is_some(),
        "nothing is left of what can be resumed"
    );
}

fn host() -> Host {
    Host {
        process: Process {
            boot: "boot-1".into(),
            pid: 77,
            started: 7,
        },
        uptime: || Duration::from_secs(1000),
        lease: Duration::from_secs(30),
    }
}

/// Writes a record as a run does.
fn write(path: &Path, rows: &[Value]) -> rusqlite::Result<()> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "CREATE TABLE row (number INTEGER PRIMARY KEY, at INTEGER NOT NULL, body TEXT NOT NULL, \
         link BLOB NOT NULL CHECK (length(link) = 32)) STRICT;",
    )?;
    let origin = Sha256::new()
        .chain_update(JOURNAL_FORMAT)
        .chain_update([0])
        .chain_update(RUN);
    let mut link: [u8; 32] = origin.finalize().into();
    let at: Timestamp = NOW.minus(Duration::from_secs(60));
    for (index, row) in rows.iter().enumerate() {
        let (number, body) = (index as u64 + 1, row.to_string());
        link = Sha256::new()
            .chain_update(link)
            .chain_update(number.to_le_bytes())
            .chain_update(at.as_unix_ms().to_le_bytes())
            .chain_update(&body)
            .finalize()
            .into();
        connection.execute(
            "INSERT INTO row (number, at, body, link) VALUES (?1, ?2, ?3, ?4)",
            (index as i64 + 1, at.as_unix_ms(), &body, &link[..]),
        )?;
    }
    Ok(())
}

/// Records of runs that were cut off at different moments.
///
/// # Panics
/// If there is no plan in the corpus of plans.
pub fn corpus() -> Vec<Vec<u8>> {
    let plans = super::plan::corpus();
    let plans = plans
        .iter()
        .filter_map(|text| serde_json::from_slice::<Value>(text).ok());
    let mut records = Vec::new();
    for plan in plans.filter(|plan| {
        plan["steps"]
            .as_array()
            .is_some_and(|steps| !steps.is_empty())
    }) {
        let approved = json!({
            "entry": "approved", "format": JOURNAL_FORMAT, "version": "0.1.0", "plan": plan,
        });
        let began = json!({
            "entry": "began", "fence": 1, "process": { "boot": "boot-1", "pid": 5, "started": 1 },
        });
        let intent = |step: u64| json!({ "entry": "intent", "step": step, "act": "delete", "force": false, "fence": 1 });
        let outcome = |step: u64, result: &str| {
            json!({
                "entry": "outcome", "step": step, "id": "memory/container/web-id", "name": "web", "action": "delete",
                "result": result, "attempts": 1, "took-ms": 5,
            })
        };
        let ended = json!({ "entry": "ended", "interrupted": true, "took-ms": 5 });
        let all = [
            approved,
            began,
            intent(0),
            outcome(0, "deleted"),
            intent(1),
            outcome(1, "cancelled"),
            ended.clone(),
            json!({ "entry": "began", "fence": 2, "process": { "boot": "boot-1", "pid": 6, "started": 2 } }),
            intent(1),
            outcome(1, "deferred"),
            ended,
        ];
        for length in [1, 3, 7, all.len()] {
            records.push(Value::from(&all[..length]).to_string().into_bytes());
        }
    }
    records
}

/// Rows in another order, twice, missing, or with numbers that are none; and all that can happen to JSON.
pub fn input(corpus: &[Vec<u8>], number: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(number);
    if usize::try_from(number).is_ok_and(|number| number < corpus.len()) || random.bool() {
        return mutate::input(corpus, number);
    }
    let one = &corpus[random.usize(0..corpus.len())];
    let Ok(mut rows) = serde_json::from_slice::<Vec<Value>>(one) else {
        return one.clone();
    };
    for _ in 0..random.usize(1..=3) {
        let (one, other) = (random.usize(0..rows.len()), random.usize(0..rows.len()));
        match random.u8(0..5) {
            // The plan stays first more often than not: what does not begin with one is no record.
            0 if one > 0 && other > 0 => rows.swap(one, other),
            0 | 1 => rows.insert(one.max(1), rows[other].clone()),
            2 if rows.len() > 1 => drop(rows.remove(one)),
            _ => {
                let numbers = ["step", "fence", "attempt", "parts"];
                let key = numbers[random.usize(0..numbers.len())];
                let values = [0_u64, 1, 2, 5, 1_000_000_000, u64::MAX];
                rows[one][key] = values[random.usize(0..values.len())].into();
            }
        }
    }
    Value::from(rows).to_string().into_bytes()
}
