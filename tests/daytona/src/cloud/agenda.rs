//! What is due when.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use tbengine_sdk::Timestamp;

use crate::sandbox::Id;
use crate::state::State;

/// Something that happens by itself.
#[derive(Clone, Debug)]
pub(crate) enum Job {
    /// A runner hears of a job: its transition becomes the state.
    PickUp(Id, u64, State),
    /// A runner is done with a job.
    Finish(Id, u64, State),
    /// A runner that failed says why.
    Fail(Id, u64, String),
    /// A job whose runner died is given up.
    GiveUp(Id, u64),
    /// A hidden sandbox is really removed.
    Purge(Id),
    /// Nobody sees a destroyed sandbox any more.
    Forget(Id),
    /// An interval or a deadline of a sandbox may have passed.
    Intervals(Id),
    /// A snapshot is removed.
    RemoveSnapshot(String),
    /// A volume starts to be deleted, and then is.
    DeleteVolume(String),
}

/// The jobs by the time at which they are due, and by their order where that is the same.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    due: BinaryHeap<Reverse<(Timestamp, u64)>>,
    jobs: HashMap<u64, Job>,
    next: u64,
}

impl Agenda {
    pub(crate) fn add(&mut self, at: Timestamp, job: Job) {
        self.next += 1;
        self.due.push(Reverse((at, self.next)));
        self.jobs.insert(self.next, job);
    }

    /// A number that no other job has.
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// The next job that is due, and when it was.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<(Timestamp, Job)> {
        let Reverse((at, number)) = *self.due.peek()?;
        if at > now {
            return None;
        }
        self.due.pop();
        let job = self.jobs.remove(&number)?;
        Some((at, job))
    }
}
