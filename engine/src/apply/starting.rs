//! Starts moves, each in a task of its own, as far as their backends have room.

use std::cmp::Reverse;
use std::time::Duration;

use tbengine_sdk::host::call;
use tbengine_sdk::{Error, ErrorKind};
use tokio::time::Instant;

use super::dispatcher::{Dispatcher, Heard, Took};
use super::executor::{Move, Moved, advice};
use super::progress::{Next, Phase};
use crate::plan::ActionKind;
use crate::policy::{Failure, PolicyContext, RetryAdvice};
use crate::report::EventKind;

impl Dispatcher<'_, '_> {
    pub(super) fn start_what_can_start(&mut self) {
        for lane in 0..self.lanes.len() {
            while self.lanes[lane].can_start() {
                let Some(Reverse((_, place))) = self.lanes[lane].ready.pop() else {
                    break;
                };
                if let Phase::Ready(next) = self.steps[place].phase {
                    self.start(place, next);
                }
            }
        }
    }

    fn start(&mut self, place: usize, next: Next) {
        let lane = self.steps[place].lane;
        let Some(open) = self.lanes[lane].open.clone() else {
            return;
        };
        let begins = Instant::now();
        let until = self.until(place, next, begins);
        if next == Next::Act && self.cannot_finish(place, begins, until) {
            return;
        }
        let elapsed = begins - *self.steps[place].began.get_or_insert(begins);
        if next == Next::Act {
            self.steps[place].attempts += 1;
            self.steps[place].attempts_in_sweep += 1;
            let event = EventKind::AttemptStarted {
                step: place,
                id: self.id(place),
                action: self.steps[place].step.action.kind(),
                attempt: self.steps[place].attempts,
            };
            self.emit(event);
        }
        self.set_phase(place, Phase::Moving(next));
        let progress = &self.steps[place];
        let attempt = progress.attempts_in_sweep;
        let one_move = Move {
            open,
            step: progress.step.clone(),
            timeout: self.options.call_timeout,
            until,
            now: self.clock.now(),
            asked_to_end: progress.asked_to_end,
            escalated: progress.escalated,
            sent: progress.sent,
        };
        let context = self.options.ask_policy.then(|| PolicyContext {
            now: self.clock.now(),
            run_id: self.header.run.clone(),
            dry_run: false,
            claimed: self.header.scope.claims_running(),
        });
        let policy = self.policy.clone();
        self.lanes[lane].in_flight += 1;
        let limit = self.lanes[lane].limit.now();
        let limit = (self.lanes[lane].in_flight == limit).then_some(limit);
        self.moves.spawn(async move {
            let moved = match next {
                Next::Act | Next::GoOn => one_move.act().await,
                Next::WatchEnd => one_move.watch_end().await,
                Next::WatchRemoval => one_move.watch_removal().await,
                Next::LastLook => one_move.last_look().await,
                Next::WatchArchiving => one_move.watch_archiving().await,
            };
            let took = Took {
                time: begins.elapsed(),
                limit,
            };
            let advised = match (&moved, context) {
                (Moved::Failed { error, .. }, Some(context))
                    if error.kind == ErrorKind::Transient =>
                {
                    let failure = failure_of(&one_move, error, attempt, elapsed + begins.elapsed());
                    advice(policy, context, failure).await
                }
                _ => RetryAdvice::NoOpinion,
            };
            Heard::Moved(place, moved, took, advised)
        });
    }

    pub(super) fn probe(&mut self, lane: usize) {
        let Some(open) = self.lanes[lane].open.clone() else {
            return;
        };
        let timeout = self.options.call_timeout;
        self.moves.spawn(async move {
            Heard::Probed(lane, call("check", timeout, open.backend.check()).await)
        });
    }
}

fn failure_of(one_move: &Move, error: &Error, attempt: u32, elapsed: Duration) -> Failure {
    Failure {
        id: one_move.step.target.id(),
        operation: match one_move.step.action.kind() {
            ActionKind::Stop => "stop",
            ActionKind::Archive => "archive",
            ActionKind::Delete => "delete",
        },
        kind: error.kind,
        message: error.message.clone(),
        attempt,
        elapsed,
        retry_after: error.retry_after,
    }
}
