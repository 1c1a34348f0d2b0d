//! Stop, start, pause, archive and recover, and the intervals after which the service acts by itself.

use tbengine_sdk::Timestamp;

use crate::cloud::Cloud;
use crate::cloud::agenda::Job;
use crate::cloud::change::minutes_long;
use crate::oracle::By;
use crate::sandbox::{Id, Runner, Sandbox};
use crate::state::{Desired, State};

impl Cloud {
    pub(crate) fn stop(&mut self, id: &Id, now: Timestamp) {
        let takes = self.settings.runner.stop;
        self.write(id, now, false, |row| row.desired = Desired::Stopped);
        self.give_to_runner(id, now, State::Stopping, State::Stopped, takes);
    }

    pub(crate) fn pause(&mut self, id: &Id, now: Timestamp) {
        let takes = self.settings.runner.stop;
        self.write(id, now, false, |row| row.desired = Desired::Paused);
        self.give_to_runner(id, now, State::Pausing, State::Paused, takes);
    }

    pub(crate) fn start(&mut self, id: &Id, now: Timestamp) {
        let transition = match self.store.get(id).map(|row| row.state) {
            Some(State::Archived) => State::Restoring,
            Some(State::Paused) => State::Resuming,
            _ => State::Starting,
        };
        let takes = self.settings.runner.start;
        self.write(id, now, false, |row| row.desired = Desired::Started);
        self.give_to_runner(id, now, transition, State::Started, takes);
    }

    pub(crate) fn archive(&mut self, id: &Id, now: Timestamp) {
        let takes = self.settings.runner.archive;
        self.write(id, now, false, |row| row.desired = Desired::Archived);
        self.give_to_runner(id, now, State::Archiving, State::Archived, takes);
        // Archiving is the one transition that a delete may interrupt.
        self.write(id, now, false, |row| row.pending = false);
    }

    pub(crate) fn recover(&mut self, id: &Id, now: Timestamp) {
        self.write(id, now, false, |row| {
            row.error_reason = None;
            row.recoverable = false;
            row.state = State::Stopped;
            row.desired = Desired::Stopped;
        });
        self.start(id, now);
    }

    /// Looks again at the intervals of a sandbox when the next of them may have passed.
    pub(crate) fn watch_intervals(&mut self, id: &Id, now: Timestamp) {
        let due = self.store.edit(id, |row| {
            let (due, _) = next_deadline(row)?;
            let due = due.max(now);
            // An earlier look will find the later deadline.
            if row.watched.is_some_and(|watched| watched <= due) {
                return None;
            }
            row.watched = Some(due);
            Some(due)
        });
        if let Some(due) = due.flatten() {
            self.agenda.add(due, Job::Intervals(id.clone()));
        }
    }

    /// Does what the intervals of a sandbox ask for now.
    pub(crate) fn keep_intervals(&mut self, id: &Id, now: Timestamp) {
        self.store.edit(id, |row| row.watched = None);
        let Some(row) = self.store.get(id) else {
            return;
        };
        let Some((due, reason)) = next_deadline(row) else {
            return;
        };
        if due > now {
            return self.watch_intervals(id, now);
        }
        if reason == AUTO_STOP && !row.is_ephemeral() {
            self.stop(id, now);
        } else {
            self.destroy(id, By::Service(reason), now);
        }
    }
}

const AUTO_STOP: &str = "auto-stop";
const AUTO_DELETE: &str = "auto-delete";
const TIME_TO_LIVE: &str = "time to live";

/// When the service next does something with this sandbox by itself, and for what reason.
fn next_deadline(row: &Sandbox) -> Option<(Timestamp, &'static str)> {
    if row.pending || row.desired == Desired::Destroyed || row.state == State::Destroyed {
        return None;
    }
    let since = row.last_activity_at.unwrap_or(row.updated_at);
    let interval = match (row.state, row.desired) {
        (State::Started, Desired::Started) if row.auto_stop > 0 && row.runner == Runner::Works => {
            Some((since.plus(minutes_long(row.auto_stop)), AUTO_STOP))
        }
        (State::Stopped, Desired::Stopped) if row.auto_delete >= 0 => {
            Some((since.plus(minutes_long(row.auto_delete)), AUTO_DELETE))
        }
        _ => None,
    };
    let death = row.auto_destroy_at.map(|at| (at, TIME_TO_LIVE));
    [interval, death].into_iter().flatten().min()
}
