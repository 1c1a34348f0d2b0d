//! The rules of deleting, by state.

use std::time::Duration;

use tbengine_sdk::Timestamp;

use crate::cloud::Cloud;
use crate::cloud::agenda::Job;
use crate::consistency;
use crate::oracle::{By, Destruction, Hiding};
use crate::sandbox::{Id, Sandbox};
use crate::state::{Desired, State};

const HOUR: Duration = Duration::from_secs(3600);

impl Cloud {
    /// Deletes a sandbox that may be deleted; returns what the caller is shown.
    pub(crate) fn destroy(&mut self, id: &Id, by: By, now: Timestamp) -> Sandbox {
        let mut was = (State::Unknown, String::new());
        self.write(id, now, false, |row| {
            was = (row.state, row.name.clone());
            row.name = format!("DESTROYED_{}_{}", row.name, now.as_unix_ms());
            row.desired = Desired::Destroyed;
        });
        let (state, name) = was;
        self.deletions.insert(id.clone(), (by.clone(), now, name));
        for follower in self.followers(id) {
            self.destroy(&follower, By::Service("linked"), now);
        }
        match state {
            // No runner has it: it is gone at once.
            State::Archived | State::PendingBuild => {
                let shown = self.row(id);
                self.gone(id, now);
                shown
            }
            State::Error | State::BuildFailed => {
                self.record.hidden.push(Hiding {
                    id: id.to_string(),
                    at: now,
                    by,
                });
                let kept = if state == State::Error {
                    7 * 24 * HOUR
                } else {
                    24 * HOUR
                };
                self.agenda.add(now.plus(kept), Job::Purge(id.clone()));
                self.row(id)
            }
            _ => {
                let takes = self.settings.runner.destroy;
                self.give_to_runner(id, now, State::Destroying, State::Destroyed, takes);
                self.row(id)
            }
        }
    }

    /// What is linked to a sandbox, and is not on its way out yet.
    fn followers(&self, owner: &Id) -> Vec<Id> {
        let is_linked = |row: &&Sandbox| {
            row.linked.as_ref() == Some(owner)
                && row.state != State::Destroyed
                && row.desired != Desired::Destroyed
        };
        let followers = self.store.all().filter(is_linked);
        followers.map(|row| row.id.clone()).collect()
    }

    /// The sandbox is really gone. It stays in the books while someone may still see it.
    pub(crate) fn gone(&mut self, id: &Id, now: Timestamp) {
        self.write(id, now, true, |row| {
            row.state = State::Destroyed;
            row.pending = false;
        });
        let Some(row) = self.store.get(id) else {
            return;
        };
        let (by, accepted_at, name) = self
            .deletions
            .remove(id)
            .unwrap_or_else(|| (By::Service("purge"), now, row.name.clone()));
        self.record.destroyed.push(Destruction {
            kind: "sandbox",
            id: id.to_string(),
            name,
            organization: self.accounts.id_of(row.organization).to_owned(),
            created_at: row.created_at,
            accepted_at,
            at: now,
            by,
        });
        let listed = consistency::truthful_from(row);
        let read = row.before.as_ref().map(|(until, _)| *until);
        match listed.max(read).filter(|until| *until > now) {
            Some(until) => self.agenda.add(until, Job::Forget(id.clone())),
            None => {
                self.store.remove(id);
            }
        }
    }

    fn row(&self, id: &Id) -> Sandbox {
        match self.store.get(id) {
            Some(row) => row.clone(),
            None => unreachable!("the row {id} was written a moment ago"),
        }
    }
}
