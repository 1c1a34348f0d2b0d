//! How many requests a run may take.

use crate::act::{Act, Nature};
use crate::counts::Counts;
use crate::entitled::User;

/// A listing of each kind and the question who is asked, when a plan is made and when one that was saved is applied.
const LISTINGS: usize = 2 * 8;
/// A look, the request itself, and looks until it is done; and a look at others of its unit.
const PER_STEP: usize = 6;

/// How many requests a run may take where nothing fails and nobody else runs.
#[derive(Debug, Default)]
pub struct Cost {
    /// Whether something goes wrong.
    is_troubled: bool,
    /// How many requests there were when the runs began, by user; `None` where that says nothing.
    began: [Option<usize>; 2],
    running: [bool; 2],
}

impl Cost {
    /// Notes something that is no command of an operator.
    pub fn note(&mut self, act: &Act) {
        match act {
            Act::Nature(Nature::Heals) => self.is_troubled = false,
            Act::Nature(Nature::Clock { .. } | Nature::Slow { .. }) => {}
            Act::Nature(_) => {
                self.is_troubled = true;
                self.began = [None, None];
            }
            // What changes meanwhile is read once more.
            _ => self.began = [None, None],
        }
    }

    /// Notes that a run begins, with so many requests before.
    pub fn begin(&mut self, user: User, requests: usize) {
        let is_alone = !self.running.contains(&true);
        self.running[user as usize] = true;
        self.began = [None, None];
        self.began[user as usize] = (is_alone && !self.is_troubled).then_some(requests);
    }

    /// Notes that the runs are killed.
    pub fn killed(&mut self) {
        self.running = [false, false];
        self.began = [None, None];
    }

    /// Notes that a run has ended, with so many requests by now and so many steps.
    ///
    /// # Errors
    /// If it took more than it may.
    pub fn ended(
        &mut self,
        user: User,
        requests: usize,
        steps: usize,
        counts: &mut Counts,
    ) -> Result<(), String> {
        self.running[user as usize] = false;
        let Some(began) = self.began[user as usize].take() else {
            return Ok(());
        };
        let took = requests - began;
        counts.note("run whose requests were counted");
        if took > LISTINGS + PER_STEP * steps {
            return Err(format!("N7: {steps} steps took {took} requests"));
        }
        Ok(())
    }
}
