//! What the runners do, later: a simulated runner picks a job up, and is done with it, fails, or dies.

use std::time::Duration;

use tbengine_sdk::Timestamp;

use crate::cloud::Cloud;
use crate::cloud::agenda::Job;
use crate::sandbox::{Id, Runner};
use crate::state::{Desired, State};
use crate::volumes::VolumeState;

impl Cloud {
    /// Lets everything happen that was due by now.
    pub fn advance(&mut self, now: Timestamp) {
        while let Some((at, job)) = self.agenda.pop(now) {
            self.happen(job, at);
        }
    }

    /// Gives the runner of a sandbox a job, which takes it through a transition to a state.
    pub(crate) fn give_to_runner(
        &mut self,
        id: &Id,
        now: Timestamp,
        transition: State,
        goal: State,
        takes: Duration,
    ) {
        let number = self.agenda.number();
        let mut runner = Runner::Away;
        // The row itself does not change before the runner has picked the job up, except that it waits.
        self.write(id, now, false, |row| {
            row.pending = true;
            row.job = number;
            runner = row.runner.clone();
        });
        if runner == Runner::Away {
            return;
        }
        let picked_up = self.place(now.plus(self.settings.runner.pick_up), takes);
        self.agenda
            .add(picked_up, Job::PickUp(id.clone(), number, transition));
        let (at, job) = match runner {
            Runner::Dies => (
                picked_up.plus(self.settings.runner.stale),
                Job::GiveUp(id.clone(), number),
            ),
            Runner::Fails(reason) => (picked_up.plus(takes), Job::Fail(id.clone(), number, reason)),
            _ => (picked_up.plus(takes), Job::Finish(id.clone(), number, goal)),
        };
        self.agenda.add(at, job);
    }

    /// When a job that could begin at a time does: as soon as there is a place.
    fn place(&mut self, at: Timestamp, takes: Duration) -> Timestamp {
        let Some(places) = self.settings.runner.at_once else {
            return at;
        };
        self.places.resize(places.max(1), at);
        let first = self.places.iter_mut().min();
        first.map_or(at, |free| {
            let begins = at.max(*free);
            *free = begins.plus(takes);
            begins
        })
    }

    fn happen(&mut self, job: Job, now: Timestamp) {
        match job {
            Job::PickUp(id, number, transition) => {
                if self.has_job(&id, number) {
                    self.write(&id, now, true, |row| row.state = transition);
                }
            }
            Job::Finish(id, number, goal) => {
                if !self.has_job(&id, number) {
                    return;
                }
                if goal == State::Destroyed {
                    return self.gone(&id, now);
                }
                self.write(&id, now, true, |row| {
                    row.state = goal;
                    row.desired = Desired::of(goal);
                    row.pending = false;
                });
                self.watch_intervals(&id, now);
            }
            Job::Fail(id, number, reason) => self.fail(&id, number, reason, now),
            Job::GiveUp(id, number) => self.fail(&id, number, "Job timed out".to_owned(), now),
            Job::Purge(id) => self.gone(&id, now),
            Job::Forget(id) => {
                self.store.remove(&id);
            }
            Job::Intervals(id) => self.keep_intervals(&id, now),
            Job::RemoveSnapshot(id) => self.snapshot_gone(&id, now),
            Job::DeleteVolume(id) => {
                if self.volume_moves_on(&id, now) == Some(VolumeState::Deleting) {
                    let done = now.plus(self.settings.runner.destroy);
                    self.agenda.add(done, Job::DeleteVolume(id));
                }
            }
        }
    }

    /// A job failed: an error state, from which a sandbox that shall be destroyed is hidden.
    fn fail(&mut self, id: &Id, number: u64, reason: String, now: Timestamp) {
        if !self.has_job(id, number) {
            return;
        }
        self.write(id, now, true, |row| {
            row.state = State::Error;
            row.pending = false;
            row.error_reason = Some(reason);
        });
        let hidden = self.store.get(id).is_some_and(|row| row.is_hidden());
        if hidden && let Some((by, _, _)) = self.deletions.get(id) {
            self.record.hidden.push(crate::oracle::Hiding {
                id: id.to_string(),
                at: now,
                by: by.clone(),
            });
            let purged = now.plus(Duration::from_secs(7 * 24 * 3600));
            self.agenda.add(purged, Job::Purge(id.clone()));
        }
    }

    fn has_job(&self, id: &Id, number: u64) -> bool {
        self.store.get(id).is_some_and(|row| row.job == number)
    }
}
