//! What callers ask of a sandbox: checked against what was read, then written if nobody else wrote.

use std::collections::BTreeMap;

use tbengine_sdk::Timestamp;

use crate::cloud::Cloud;
use crate::error::ApiError;
use crate::oracle::By;
use crate::sandbox::{Id, Sandbox};
use crate::state::{Desired, State};

/// A change that a caller asks for.
#[derive(Clone, Debug)]
pub enum Change {
    /// Destroy it.
    Delete,
    /// Stop it, by SIGKILL if forced.
    Stop {
        /// Whether by SIGKILL; the service does the same, only faster.
        force: bool,
    },
    /// Start, resume or restore it.
    Start,
    /// Pause it.
    Pause,
    /// Archive it.
    Archive,
    /// Bring it back from an error.
    Recover,
    /// Replace all labels.
    Labels(BTreeMap<String, String>),
    /// Minutes of idleness until it stops; 0 is never.
    AutoStop(i64),
    /// Minutes in `stopped` until it is archived; 0 is the maximum.
    AutoArchive(i64),
    /// Minutes in `stopped` until it is deleted; negative is never, 0 is at once.
    AutoDelete(i64),
    /// Minutes until it is destroyed, whatever its state; 0 is never.
    TimeToLive(i64),
    /// Someone uses it.
    Touch,
}

/// What was read of a sandbox before a change.
#[derive(Clone, Debug)]
pub struct Seen {
    pub(crate) id: Id,
    version: u64,
}

impl Cloud {
    /// Reads the sandbox and says whether the change is allowed.
    pub fn read(
        &mut self,
        organization: usize,
        id_or_name: &str,
        change: &Change,
    ) -> Result<Seen, ApiError> {
        let missing = || ApiError::no_sandbox(id_or_name);
        let row = self.store.find(organization, id_or_name);
        let row = row.ok_or_else(missing)?;
        if row.state == State::Destroyed || row.is_hidden() {
            return Err(missing());
        }
        match change {
            Change::Delete => self.may_delete(row)?,
            Change::Stop { .. } => self.may_stop(row)?,
            Change::Start => may_start(row)?,
            Change::Pause => may_pause(row)?,
            Change::Archive => may_archive(row)?,
            Change::Recover => may_recover(row)?,
            Change::AutoStop(minutes) => not_negative(*minutes, "Auto-stop interval")?,
            Change::AutoArchive(minutes) => not_negative(*minutes, "Auto-archive interval")?,
            Change::TimeToLive(minutes) => not_negative(*minutes, "TTL")?,
            Change::Labels(_) | Change::AutoDelete(_) | Change::Touch => {}
        }
        Ok(Seen {
            id: row.id.clone(),
            version: row.version,
        })
    }

    /// Writes the change, unless someone else wrote since it was read.
    pub fn commit(
        &mut self,
        seen: &Seen,
        change: Change,
        by: By,
        now: Timestamp,
    ) -> Result<Sandbox, ApiError> {
        let id = &seen.id;
        let row = self.store.get(id).ok_or_else(ApiError::modified)?;
        if row.version != seen.version {
            return Err(ApiError::modified());
        }
        match change {
            Change::Delete => return Ok(self.destroy(id, by, now)),
            Change::Stop { .. } => {
                if row.is_ephemeral() {
                    return Ok(self.destroy(id, by, now));
                }
                self.stop(id, now);
            }
            Change::Start => self.start(id, now),
            Change::Pause => self.pause(id, now),
            Change::Archive => self.archive(id, now),
            Change::Recover => self.recover(id, now),
            Change::Labels(labels) => self.write(id, now, false, |row| row.labels = labels),
            Change::AutoStop(minutes) => self.write(id, now, false, |row| row.auto_stop = minutes),
            Change::AutoArchive(minutes) => self.write(id, now, false, |row| {
                // Zero asks for the longest time there is: 30 days.
                row.auto_archive = if minutes == 0 { 30 * 24 * 60 } else { minutes };
            }),
            Change::AutoDelete(minutes) => {
                self.write(id, now, false, |row| row.auto_delete = minutes);
            }
            Change::TimeToLive(minutes) => self.write(id, now, false, |row| {
                row.auto_destroy_at = (minutes > 0).then(|| now.plus(minutes_long(minutes)));
            }),
            Change::Touch => self.write(id, now, false, |row| row.last_activity_at = Some(now)),
        }
        self.watch_intervals(id, now);
        self.store.get(id).cloned().ok_or_else(ApiError::modified)
    }

    /// Reads and writes in one go.
    pub fn change(
        &mut self,
        organization: usize,
        id_or_name: &str,
        change: Change,
        by: By,
        now: Timestamp,
    ) -> Result<Sandbox, ApiError> {
        self.advance(now);
        let seen = self.read(organization, id_or_name, &change)?;
        self.commit(&seen, change, by, now)
    }

    fn may_delete(&self, row: &Sandbox) -> Result<(), ApiError> {
        if row.pending || row.state == State::Destroying {
            return Err(ApiError::in_progress());
        }
        if self.store.has_active_forks(&row.id) {
            return Err(ApiError::bad_request(
                "Cannot delete sandbox which has active fork children. The forks must be deleted first.",
            ));
        }
        if row.state.is_transitional() {
            // A plain error of an assertion, which no filter translates.
            return Err(ApiError::unexpected());
        }
        Ok(())
    }

    fn may_stop(&self, row: &Sandbox) -> Result<(), ApiError> {
        if row.pending {
            return Err(ApiError::in_progress());
        }
        if !matches!(row.state, State::Started | State::Paused) {
            return Err(ApiError::bad_request("Sandbox is not in a stoppable state"));
        }
        if row.is_ephemeral() {
            return self.may_delete(row);
        }
        Ok(())
    }
}

fn may_start(row: &Sandbox) -> Result<(), ApiError> {
    if row.pending {
        return Err(ApiError::in_progress());
    }
    match row.state {
        State::Stopped | State::Archived | State::Paused => Ok(()),
        _ => Err(ApiError::bad_request("Sandbox is not in valid state")),
    }
}

fn may_pause(row: &Sandbox) -> Result<(), ApiError> {
    if row.pending {
        return Err(ApiError::in_progress());
    }
    match row.state {
        State::Started => Ok(()),
        _ => Err(ApiError::bad_request("Sandbox is not started")),
    }
}

fn may_archive(row: &Sandbox) -> Result<(), ApiError> {
    if row.pending {
        return Err(ApiError::in_progress());
    }
    if row.is_ephemeral() {
        return Err(ApiError::bad_request(
            "Ephemeral sandboxes cannot be archived",
        ));
    }
    if row.state != State::Stopped || row.desired != Desired::Stopped {
        return Err(ApiError::bad_request("Sandbox is not stopped"));
    }
    Ok(())
}

fn may_recover(row: &Sandbox) -> Result<(), ApiError> {
    if row.state != State::Error {
        return Err(ApiError::bad_request(
            "Sandbox must be in error state to recover",
        ));
    }
    if !row.recoverable {
        return Err(ApiError::bad_request("Sandbox is not recoverable"));
    }
    Ok(())
}

fn not_negative(minutes: i64, what: &str) -> Result<(), ApiError> {
    if minutes < 0 {
        return Err(ApiError::bad_request(format!(
            "{what} must be non-negative"
        )));
    }
    Ok(())
}

pub(crate) fn minutes_long(minutes: i64) -> std::time::Duration {
    std::time::Duration::from_secs(u64::try_from(minutes).unwrap_or(0).saturating_mul(60))
}
