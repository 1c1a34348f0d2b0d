//! One attempt of one step: read, compare, act, verify. Knows nothing of other steps or of the run.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tbengine_sdk::{
    DeleteOptions, Error, ErrorKind, Fact, Resource, State, StopOptions, Taken, Timestamp,
};

use super::another::is_another;
use super::calls::Calls;
use super::changed::changed;
use super::company::{self, Companion};
use super::requests::{Requests, may_hide_an_effect};
use super::state::StepNo;
use crate::plan::{Action, ActionKind, Listing, Step};
use crate::policy::Force;
use crate::report::StepResult;

/// One attempt of a step, or one of the reads that wait for its effect.
pub(super) struct StepAttempt {
    pub(super) calls: Calls,
    pub(super) step: Arc<Step>,
    /// The time, for labels that protect until a date.
    pub(super) now: Timestamp,
    /// Whether it was already asked to end, so that only force is left.
    pub(super) asked_to_end: bool,
    /// Whether the policy escalated to force.
    pub(super) escalated: bool,
    /// Whether a request that may have had an effect went out before.
    pub(super) sent: bool,
    /// Whether someone else began the change that is under way.
    pub(super) theirs: bool,
    /// Whether a listing will prove its deletion, so that it is not read for that.
    pub(super) proven_by_listing: bool,
    /// Whether it is known to be as it was listed, so that it is not read before its deletion.
    pub(super) as_listed: bool,
    /// Whether what is read is kept for the policy.
    pub(super) keeps_reads: bool,
    /// What its requests may have led to.
    pub(super) requests: Arc<Requests>,
    /// The other members of its unit that are compared before its first request.
    pub(super) company: Vec<Companion>,
    /// What was read last.
    pub(super) last_read: Mutex<Option<Resource>>,
}

/// The next attempt of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A new attempt.
    Act,
    /// The same attempt goes on, after what ran was given its time.
    GoOn,
    /// See whether it has ended by itself.
    WatchEnd,
    /// See whether it is gone.
    WatchRemoval,
    /// See whether it is in cold storage.
    WatchArchiving,
    /// It failed for good, but what was sent may have had an effect: see what is true.
    LastLook,
}

/// How an attempt ended.
#[derive(Debug)]
pub(super) enum AttemptResult {
    /// The step has its result.
    Ended(StepResult, Option<String>),
    /// It was asked to end by itself.
    AskedToEnd,
    /// It was asked or forced to end and still runs.
    StillRuns,
    /// It does not run any more, and the step is not finished.
    EndedRunning,
    /// Its deletion was accepted, and a listing is to prove it. `is_done` is what the backend says.
    Accepted { is_done: bool },
    /// Its deletion is under way; we or someone else asked for it.
    Removing { by_us: bool },
    /// The last look found it there.
    StillThere,
    /// It is on its way to cold storage; we or someone else asked for it.
    Archiving { by_us: bool },
    /// Another member of its unit is not as the plan saw it, and nothing was sent.
    CompanyChanged(StepNo),
    /// The attempt failed.
    Failed {
        error: Error,
        /// Whether the request that failed may have had an effect.
        sent: bool,
    },
}

impl StepAttempt {
    /// Makes the attempt.
    pub(super) async fn make(&self, next: Next) -> AttemptResult {
        match next {
            Next::Act | Next::GoOn => self.act().await,
            Next::WatchEnd => self.watch_end(self.is_ours()).await,
            Next::WatchRemoval => self.watch_removal().await,
            Next::WatchArchiving => self.watch_archiving(self.is_ours()).await,
            Next::LastLook => self.last_look().await,
        }
    }

    /// Tries the step: read, compare, act, verify.
    async fn act(&self) -> AttemptResult {
        if self.step.listing == Listing::Unknown {
            let detail = "not listed, so no request was sent";
            return AttemptResult::Ended(StepResult::Deferred, Some(detail.into()));
        }
        if let Action::Delete { .. } = self.step.action
            && self.as_listed
        {
            if let Some(stays) = self.stays_with_company().await {
                return stays;
            }
            let options = DeleteOptions {
                just_read: true,
                alone: self.step.alone,
                ..DeleteOptions::GENTLE
            };
            return self.send_deletion(options, false).await;
        }
        // At the same time, so that neither is older than the other when something is sent.
        let (read, stays) = tokio::join!(self.read(), self.stays_with_company());
        let resource = match read {
            Ok(Some(resource)) => resource,
            Ok(None) => return self.gone(self.sent),
            Err(error) => return failed(error, false),
        };
        // What we were asked to delete is gone, and another one took its id.
        if self.sent && is_another(&resource, &self.step.target) {
            return self.gone(true);
        }
        if let Some(detail) = changed(&self.step, &resource, self.now) {
            return AttemptResult::Ended(StepResult::Changed, Some(detail));
        }
        if let Some(surrendered) = self.surrendered(&resource) {
            return surrendered;
        }
        if !self.step.listing.is_present() {
            let detail = "it exists but was not listed, so no request was sent";
            return AttemptResult::Ended(StepResult::Deferred, Some(detail.into()));
        }
        if resource.state == State::Removing {
            return AttemptResult::Removing { by_us: self.sent };
        }
        if let Some(stays) = stays {
            return stays;
        }
        match self.step.action {
            Action::Stop { grace } => self.stop(&resource, grace).await,
            Action::Archive { grace } => self.archive(&resource, grace).await,
            Action::Delete { force, grace } => self.delete(&resource, force, grace).await,
        }
    }

    /// Why nothing may be sent because of another member of its unit: it has changed, or cannot be read.
    async fn stays_with_company(&self) -> Option<AttemptResult> {
        match company::first_changed(&self.company, &self.calls, self.now).await {
            Ok(member) => member.map(AttemptResult::CompanyChanged),
            Err(error) => Some(failed(error, false)),
        }
    }

    /// Whether what happens now may be the effect of a request of ours.
    fn is_ours(&self) -> bool {
        self.sent || !self.theirs
    }

    /// Looks whether what was asked to end has ended, by us or by someone else.
    async fn watch_end(&self, by_us: bool) -> AttemptResult {
        match self.read().await {
            Ok(None) => self.gone(by_us),
            Ok(Some(resource)) if is_another(&resource, &self.step.target) => self.gone(by_us),
            Ok(Some(resource)) if resource.state.is_running() => AttemptResult::StillRuns,
            // What deletes itself when it ends is on its way out.
            Ok(Some(resource)) if resource.state == State::Removing => {
                AttemptResult::Removing { by_us }
            }
            Ok(Some(_)) if matches!(self.step.action, Action::Stop { .. }) => {
                AttemptResult::Ended(StepResult::Stopped, None)
            }
            Ok(Some(_)) => AttemptResult::EndedRunning,
            Err(error) => failed(error, false),
        }
    }

    /// Looks whether what is being removed is gone.
    async fn watch_removal(&self) -> AttemptResult {
        match self.read().await {
            Ok(None) => self.gone(self.sent),
            Ok(Some(resource)) if is_another(&resource, &self.step.target) => self.gone(self.sent),
            Ok(Some(resource)) if resource.state == State::Removing => {
                AttemptResult::Removing { by_us: self.sent }
            }
            Ok(Some(resource)) => match changed(&self.step, &resource, self.now) {
                Some(detail) => AttemptResult::Ended(StepResult::Changed, Some(detail)),
                None => {
                    let message = format!(
                        "deletion accepted, but it is {}",
                        state_and_reason(&resource)
                    );
                    failed(Error::new(ErrorKind::Transient, message), false)
                }
            },
            Err(error) => failed(error, false),
        }
    }

    /// Looks whether what was accepted is in cold storage.
    async fn watch_archiving(&self, by_us: bool) -> AttemptResult {
        match self.read().await {
            Ok(None) => self.gone(by_us),
            Ok(Some(resource)) if is_another(&resource, &self.step.target) => self.gone(by_us),
            Ok(Some(resource)) => match resource.state {
                State::Archived => AttemptResult::Ended(StepResult::Archived, None),
                State::Removing => AttemptResult::Removing { by_us: false },
                // What someone else archives may have to end first.
                state if state.is_running() && !by_us => AttemptResult::StillRuns,
                // The user who restarted it wants it.
                state if state.is_running() => {
                    let detail = format!("archiving accepted, but it is {state}");
                    AttemptResult::Ended(StepResult::Changed, Some(detail))
                }
                State::Failed => {
                    let message = format!(
                        "archiving accepted, but it is {}",
                        state_and_reason(&resource)
                    );
                    failed(Error::new(ErrorKind::Stuck, message), false)
                }
                _ => AttemptResult::Archiving { by_us },
            },
            Err(error) => failed(error, by_us),
        }
    }

    /// Looks what became of a step that failed for good.
    async fn last_look(&self) -> AttemptResult {
        match self.read().await {
            Ok(None) => self.gone(true),
            Ok(Some(resource)) if is_another(&resource, &self.step.target) => self.gone(true),
            Ok(Some(resource))
                if matches!(self.step.action, Action::Stop { .. })
                    && !resource.state.is_running() =>
            {
                AttemptResult::Ended(StepResult::Stopped, None)
            }
            Ok(Some(resource)) if resource.state == State::Removing => {
                AttemptResult::Removing { by_us: true }
            }
            Ok(Some(resource))
                if matches!(self.step.action, Action::Archive { .. })
                    && resource.state == State::Archived =>
            {
                AttemptResult::Ended(StepResult::Archived, None)
            }
            Ok(Some(resource)) => match self.surrendered(&resource) {
                Some(surrendered) => surrendered,
                None => AttemptResult::StillThere,
            },
            Err(error) => failed(error, false),
        }
    }

    async fn stop(&self, resource: &Resource, grace: Duration) -> AttemptResult {
        if !resource.state.is_running() {
            return AttemptResult::Ended(StepResult::Stopped, None);
        }
        self.end(grace).await
    }

    /// Asks what runs to end by itself, or ends it by force if it had its time.
    async fn end(&self, grace: Duration) -> AttemptResult {
        let force = self.asked_to_end || grace.is_zero();
        match self.ask_to_end(force).await {
            Err(error) if error.kind == ErrorKind::NotFound => self.verify_gone(self.sent).await,
            Err(error) => refused_or_lost(error),
            Ok(_) if force => match self.watch_end(true).await {
                AttemptResult::Failed { error, .. } => failed(error, true),
                moved => moved,
            },
            Ok(_) => AttemptResult::AskedToEnd,
        }
    }

    /// Archives a resource, or ends it if that has to come first.
    async fn archive(&self, resource: &Resource, grace: Duration) -> AttemptResult {
        if resource.state == State::Archived {
            return AttemptResult::Ended(StepResult::Archived, None);
        }
        let backend = &self.calls.open.backend;
        let runs = resource.state.is_running();
        // Asked of what runs as well: nothing is to be ended that cannot be archived afterwards.
        let archiving = backend.archive(&self.step.target);
        match self.change(ActionKind::Archive, archiving).await {
            Ok(_) => self.watch_archiving(true).await,
            Err(error) if error.kind == ErrorKind::Conflict && runs => self.end(grace).await,
            Err(error) if error.kind == ErrorKind::NotFound => self.verify_gone(self.sent).await,
            Err(error) => refused_or_lost(error),
        }
    }

    async fn delete(&self, resource: &Resource, force: Force, grace: Duration) -> AttemptResult {
        let may_kill = match force {
            Force::Never => false,
            Force::OnRetry => self.escalated,
            Force::Always => true,
        };
        let runs = resource.state.is_running();
        let mut just_read = true;
        if runs && force == Force::OnRetry && !may_kill {
            return self.ask_only().await;
        }
        if runs && !may_kill {
            let detail = format!(
                "it is {} and the plan does not allow killing it",
                resource.state
            );
            return AttemptResult::Ended(StepResult::Changed, Some(detail));
        }
        let can = self.calls.open.capabilities.can(self.step.target.kind);
        // It is ended apart from its deletion: all that is to be ended ends while the first deletions are under way, and
        // deleting what has ended is much faster. Where the deletion itself ends it, that gets the grace period, and a
        // request to stop would be one more, need one more permission, and leave the resource busy.
        if runs && can.stop && !can.end_by_delete && !self.asked_to_end {
            match self.ask_to_end(grace.is_zero()).await {
                Ok(_) => return AttemptResult::AskedToEnd,
                // It cannot be asked or has just ended: what is left is to delete it.
                Err(error)
                    if matches!(error.kind, ErrorKind::Unsupported | ErrorKind::Conflict) =>
                {
                    just_read = false;
                }
                Err(error) if error.kind == ErrorKind::NotFound => {
                    return self.verify_gone(self.sent).await;
                }
                Err(error) => return refused_or_lost(error),
            }
        }
        let options = DeleteOptions {
            force: (runs && may_kill) || self.escalated && force != Force::Never,
            grace: can.end_by_delete.then_some(grace),
            just_read,
            revision: resource.revision.clone().filter(|_| just_read),
            names: self.planned_names(resource),
            alone: self.step.alone,
        };
        self.send_deletion(options, runs).await
    }

    /// Sends a deletion, and sees what came of it.
    async fn send_deletion(&self, options: DeleteOptions, runs: bool) -> AttemptResult {
        let can_ask = self.calls.open.capabilities.can(self.step.target.kind).stop;
        let backend = &self.calls.open.backend;
        let target = &self.step.target;
        let deletion = backend.delete(target, options);
        match self.change(ActionKind::Delete, deletion).await {
            Ok(taken @ (Taken::Accepted | Taken::Done)) => {
                let is_done = taken == Taken::Done;
                match self.proven_by_listing {
                    true => AttemptResult::Accepted { is_done },
                    false => self.verify_deleted(is_done).await,
                }
            }
            Ok(Taken::Surrendered { message }) => {
                AttemptResult::Ended(StepResult::Surrendered, Some(message))
            }
            Err(error) if error.kind == ErrorKind::NotFound => self.verify_gone(self.sent).await,
            Err(error) if error.kind == ErrorKind::Forbidden && runs && can_ask => {
                self.stop_instead(error).await
            }
            Err(error) if error.kind == ErrorKind::Forbidden && self.asked_to_end => {
                failed(and(error, "it was stopped"), false)
            }
            Err(error) => refused_or_lost(error),
        }
    }

    /// We may not delete it. The plan approved to kill it, so it is at least stopped: that costs less,
    /// and a resource that deletes itself when it ends is gone then.
    async fn stop_instead(&self, forbidden: Error) -> AttemptResult {
        match self.ask_to_end(true).await {
            Ok(_) => {}
            Err(error) if error.kind == ErrorKind::NotFound => {
                return self.verify_gone(self.sent).await;
            }
            Err(error) if error.kind == ErrorKind::Transient || error.kind.gates_backend() => {
                return refused_or_lost(error);
            }
            Err(error) => return failed(and(forbidden, &error.message), false),
        }
        match self.read().await {
            Ok(None) => self.gone(true),
            Ok(Some(resource)) if is_another(&resource, &self.step.target) => self.gone(true),
            Ok(Some(resource)) if resource.state == State::Removing => {
                AttemptResult::Removing { by_us: true }
            }
            Ok(Some(_)) => failed(and(forbidden, "it was asked to stop instead"), true),
            Err(error) => failed(error, true),
        }
    }

    /// An attempt that asks what runs to end, and fails if it does not.
    async fn ask_only(&self) -> AttemptResult {
        if self.asked_to_end {
            let message = "asked to end, and still running after its grace period";
            return failed(Error::new(ErrorKind::Transient, message), true);
        }
        match self.ask_to_end(false).await {
            Ok(_) => AttemptResult::AskedToEnd,
            Err(error) if error.kind == ErrorKind::NotFound => self.verify_gone(self.sent).await,
            // What may not be asked is killed on the retry, which needs no more than the permission to delete.
            Err(error) if error.kind == ErrorKind::Forbidden && self.ends_by_deletion() => {
                let message = format!("running, and it may not be asked to end: {}", error.message);
                failed(Error::new(ErrorKind::Transient, message), self.sent)
            }
            Err(error) if error.kind == ErrorKind::Unsupported => {
                let message = "running, and it cannot be asked to end";
                failed(Error::new(ErrorKind::Transient, message), self.sent)
            }
            Err(error) => refused_or_lost(error),
        }
    }

    fn ends_by_deletion(&self) -> bool {
        let capabilities = &self.calls.open.capabilities;
        capabilities.can(self.step.target.kind).end_by_delete
    }

    /// The names that the plan saw, as far as they are still there.
    fn planned_names(&self, resource: &Resource) -> Vec<String> {
        let mut bound = self.step.bound.iter();
        let names = bound.find(|bound| bound.bind.fact == Fact::Names);
        let names = names.into_iter().flat_map(|bound| &bound.was);
        names
            .filter(|name| resource.names.contains(name))
            .cloned()
            .collect()
    }

    async fn ask_to_end(&self, force: bool) -> Result<Taken, Error> {
        let backend = &self.calls.open.backend;
        let options = StopOptions {
            force,
            grace: Some(self.step.action.grace()).filter(|_| !force),
        };
        let stop = backend.stop(&self.step.target, options);
        self.change(ActionKind::Stop, stop).await
    }

    /// An accepted deletion is not a proof; a resource that cannot be read any more is.
    async fn verify_deleted(&self, is_done: bool) -> AttemptResult {
        match self.read().await {
            Ok(None) => self.gone(true),
            Ok(Some(resource)) if is_another(&resource, &self.step.target) => self.gone(true),
            Ok(Some(resource)) => {
                if is_done && resource.state != State::Removing {
                    let message = format!(
                        "deletion accepted, but it still exists ({})",
                        state_and_reason(&resource)
                    );
                    return failed(Error::new(ErrorKind::Transient, message), true);
                }
                AttemptResult::Removing { by_us: true }
            }
            Err(error) => failed(error, true),
        }
    }

    /// "No such resource" in answer to a change may mean another id; only a read proves it.
    async fn verify_gone(&self, sent: bool) -> AttemptResult {
        match self.read().await {
            Ok(None) => self.gone(sent),
            Ok(Some(resource)) if is_another(&resource, &self.step.target) => self.gone(sent),
            Ok(Some(_)) => failed(
                Error::new(
                    ErrorKind::Transient,
                    "reported as not found, but it can still be read",
                ),
                sent,
            ),
            Err(error) => failed(error, sent),
        }
    }

    fn gone(&self, by_us: bool) -> AttemptResult {
        if !by_us {
            return AttemptResult::Ended(StepResult::AlreadyGone, None);
        }
        let detail = match self.step.action {
            Action::Delete { .. } => None,
            Action::Stop { .. } | Action::Archive { .. } => {
                Some("removed itself after being stopped".to_owned())
            }
        };
        AttemptResult::Ended(StepResult::Deleted, detail)
    }

    /// The end of a step whose resource the provider hides: the answer that said so may have been lost, and asking
    /// again leads to nothing.
    fn surrendered(&self, resource: &Resource) -> Option<AttemptResult> {
        let is_deletion = matches!(self.step.action, Action::Delete { .. });
        (is_deletion && resource.surrendered).then(|| {
            let detail = format!(
                "the provider accepted its deletion and only hides it ({})",
                state_and_reason(resource)
            );
            AttemptResult::Ended(StepResult::Surrendered, Some(detail))
        })
    }

    /// Reads the resource, and notes what that says of what was asked.
    async fn read(&self) -> Result<Option<Resource>, Error> {
        let answer = self.calls.get(&self.step.target).await;
        if let Ok(read) = &answer {
            self.requests.read(&self.step.target, read.as_ref());
        }
        if self.keeps_reads
            && let Ok(Some(resource)) = &answer
        {
            let mut last_read = self
                .last_read
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *last_read = Some(resource.clone());
        }
        answer
    }

    /// What was read last, by this attempt or by one before it.
    pub(super) fn into_last_read(self) -> Option<Resource> {
        self.last_read
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a change.
    async fn change(
        &self,
        what: ActionKind,
        request: impl Future<Output = Result<Taken, Error>>,
    ) -> Result<Taken, Error> {
        let word = match what {
            ActionKind::Stop => "stop",
            ActionKind::Archive => "archive",
            ActionKind::Delete => "delete",
        };
        let before = self.requests.begin(what);
        let answer = self.calls.call(word, request).await;
        if let Err(error) = &answer {
            self.requests.failed(&before, error);
        }
        answer
    }
}

/// The state of a resource, with the provider's own reason for it.
fn state_and_reason(resource: &Resource) -> String {
    match resource.reason() {
        Some(reason) => format!("{}: {reason}", resource.state),
        None => resource.state.to_string(),
    }
}

fn and(error: Error, also: &str) -> Error {
    Error {
        message: format!("{}; {also}", error.message),
        ..error
    }
}

fn failed(error: Error, sent: bool) -> AttemptResult {
    AttemptResult::Failed { error, sent }
}

/// A change that was not confirmed.
fn refused_or_lost(error: Error) -> AttemptResult {
    let sent = may_hide_an_effect(&error);
    failed(error, sent)
}
