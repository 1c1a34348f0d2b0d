//! When it is a step's turn: in its backend's queue, at a time, or never again.

use std::cmp::Reverse;

use tokio::time::Instant;

use super::dispatcher::{Dispatcher, Ending};
use super::lane::{Gate, Lane, Urgency};
use super::progress::{Next, Phase};
use crate::report::StepResult;

impl Dispatcher<'_, '_> {
    /// Looks again after a while, or gives up on what does not finish.
    pub(super) fn watch(&mut self, place: usize, next: Next, now: Instant) {
        let progress = &mut self.steps[place];
        let (pause, watched_for) = progress.look_again();
        let stuck_after = match next {
            // Its disk is copied.
            Next::WatchArchiving => self.options.stuck_after * 10,
            _ => self.options.stuck_after,
        };
        match progress.grace_until {
            Some(until) if next == Next::WatchEnd => {
                // Never past the end of the grace period, so that force is not late.
                self.sleep(place, next, (now + pause).min(until.max(now)));
            }
            _ if watched_for > stuck_after => {
                let what = match next {
                    Next::WatchRemoval => "removed",
                    Next::WatchArchiving => "archived",
                    Next::WatchEnd | Next::Act | Next::GoOn | Next::LastLook => "ended",
                };
                let detail = format!(
                    "it was not {what} within {} after the backend accepted that",
                    humantime::format_duration(stuck_after)
                );
                self.finish(place, StepResult::Stuck, Some(detail), None);
            }
            _ => self.sleep(place, next, now + pause),
        }
    }

    /// Puts a step into its backend's queue.
    pub(super) fn make_ready(&mut self, place: usize, next: Next) {
        if self.may_go_on(place, next) {
            let progress = &self.steps[place];
            let lane = progress.lane;
            let asks = progress.will_ask_to_end() && self.lanes[lane].asks_first(progress.action());
            let urgency = if next == Next::Act && asks {
                Urgency::AskToEnd
            } else {
                Urgency::Normal
            };
            self.set_phase(place, Phase::Ready(next));
            self.lanes[lane].ready.push(Reverse((urgency, place)));
        }
    }

    /// Makes a step ready at a time.
    pub(super) fn sleep(&mut self, place: usize, next: Next, until: Instant) {
        if self.may_go_on(place, next) {
            self.set_phase(place, Phase::Sleeping(next));
            self.timers.push(Reverse((until, place)));
        }
    }

    /// Whether a step gets another move. If not, it has its outcome afterwards.
    fn may_go_on(&mut self, place: usize, next: Next) -> bool {
        let under_way = next != Next::Act || self.steps[place].asked_to_end;
        let ends = match self.ending {
            None => false,
            Some(Ending::FailFast) => !under_way,
            Some(Ending::Interrupted | Ending::OutOfTime) => true,
        };
        if ends {
            self.cancel(place, next);
            return false;
        }
        let lane = self.steps[place].lane;
        if let Gate::Stopped(stopped) = self.lanes[lane].gate.clone() {
            self.leave(place, stopped.result, stopped.detail, stopped.hint);
            return false;
        }
        true
    }

    /// Keeps count of the active steps of each backend.
    pub(super) fn set_phase(&mut self, place: usize, phase: Phase) {
        let is_active = |phase| !matches!(phase, Phase::Waiting | Phase::Done);
        let progress = &mut self.steps[place];
        let lane = &mut self.lanes[progress.lane];
        lane.active =
            lane.active + usize::from(is_active(phase)) - usize::from(is_active(progress.phase));
        progress.phase = phase;
    }

    pub(super) fn wake(&mut self, now: Instant) {
        while let Some(Reverse((at, place))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            // A step may have ended while it slept.
            if let Phase::Sleeping(next) = self.steps[place].phase {
                self.make_ready(place, next);
            }
        }
        for lane in 0..self.lanes.len() {
            self.look_at_gate(lane, now);
            self.unpark(lane, now);
        }
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        let gates = self.lanes.iter().filter_map(Lane::wakes_at);
        let budgets = self.lanes.iter().filter_map(Lane::pays_at);
        timer.into_iter().chain(gates).chain(budgets).min()
    }
}
