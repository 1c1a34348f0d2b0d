//! Sandboxes that the service cannot delete in the state they are in, and says so with a 500.
//!
//! A 500 may be a temporary fault as well. The difference is a sandbox that was read again before
//! each attempt, is still on its way from one state to another, and meets a 500 every time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tbengine_sdk::{Error, ErrorKind};

use crate::error::has_status;

/// So many 500s in a row in one state are not a temporary fault.
const STUCK_AFTER: u32 = 3;
/// The number of entries from which on all are dropped.
const MAX_ENTRIES: usize = 10_000;

/// The sandboxes that met a 500, the state that each was in, and how often in a row.
#[derive(Default)]
pub(crate) struct Undeletable(Mutex<HashMap<String, (String, u32)>>);

impl Undeletable {
    /// Looks at how a deletion ended that met a sandbox in a state: what met enough 500s is stuck.
    pub(crate) fn classify<T>(
        &self,
        id: &str,
        state: &str,
        answer: Result<T, Error>,
    ) -> Result<T, Error> {
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let error = match answer {
            Err(error) if has_status(&error, 500) && is_on_its_way(state) => error,
            answer => {
                met.remove(id);
                return answer;
            }
        };
        if met.len() >= MAX_ENTRIES {
            met.clear();
        }
        let (last, times) = met.entry(id.to_owned()).or_default();
        if last != state {
            *last = state.to_owned();
            *times = 0;
        }
        *times += 1;
        if *times < STUCK_AFTER {
            return Err(error);
        }
        Err(Error {
            kind: ErrorKind::Stuck,
            message: format!(
                "{}, {STUCK_AFTER} times while it was {state}",
                error.message
            ),
            ..error
        })
    }
}

/// Whether a sandbox in this state should soon be in another one.
fn is_on_its_way(state: &str) -> bool {
    matches!(
        state,
        "creating"
            | "restoring"
            | "starting"
            | "stopping"
            | "pulling_snapshot"
            | "building_snapshot"
            | "resizing"
            | "snapshotting"
            | "forking"
            | "pausing"
            | "resuming"
            | "unknown"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(undeletable: &Undeletable, state: &str, status: u16) -> ErrorKind {
        let error = Error::new(ErrorKind::Transient, "daytona answered").with_code(
            tbengine_sdk::http::Refusal::code(crate::error::NAME, status),
        );
        undeletable
            .classify("id", state, Err::<(), _>(error))
            .unwrap_err()
            .kind
    }

    #[test]
    fn three_in_a_row_in_one_transition_are_stuck() {
        use ErrorKind::{Stuck, Transient};

        let undeletable = Undeletable::default();
        let seen: Vec<ErrorKind> = (0..3).map(|_| met(&undeletable, "stopping", 500)).collect();
        assert_eq!(seen, [Transient, Transient, Stuck]);
        // Another state, another fault, a success: the count begins again.
        for between in [("starting", 500), ("stopping", 409)] {
            let undeletable = Undeletable::default();
            let statuses = [
                ("stopping", 500),
                ("stopping", 500),
                between,
                ("stopping", 500),
            ];
            for (state, status) in statuses {
                assert_eq!(met(&undeletable, state, status), Transient, "{between:?}");
            }
        }
        let undeletable = Undeletable::default();
        met(&undeletable, "stopping", 500);
        met(&undeletable, "stopping", 500);
        undeletable.classify("id", "stopping", Ok(())).unwrap();
        assert_eq!(met(&undeletable, "stopping", 500), Transient);
        // What rests can be deleted, so its 500s are faults.
        for _ in 0..10 {
            assert_eq!(met(&undeletable, "stopped", 500), Transient);
        }
    }
}
