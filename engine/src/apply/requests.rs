//! The requests of one step to change its resource, and what is still open of them.

use std::sync::atomic::{AtomicBool, Ordering};

use tbengine_sdk::{Error, ErrorKind, Identity, Resource, State};

use crate::plan::ActionKind;
use crate::report::{Effect, StepResult};

/// The requests of one step to change its resource. The step and the task that makes its attempt share them, so that
/// they are known as well where the task is dropped in the middle of a request.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// Whether one may have had an effect.
    sent: AtomicBool,
    /// Whether it was asked to end, and was not seen to have ended.
    stop_open: AtomicBool,
    /// Whether its archiving was asked for, and it was not seen archived.
    archive_open: AtomicBool,
    /// Whether its deletion was asked for, and it was not seen to be gone.
    delete_open: AtomicBool,
}

/// What was known before a request was sent, for where it is refused.
pub(super) struct Before {
    what: ActionKind,
    sent: bool,
    open: bool,
}

impl Requests {
    /// Notes that a request is about to be sent.
    pub(super) fn begin(&self, what: ActionKind) -> Before {
        Before {
            what,
            sent: self.sent.swap(true, Ordering::Relaxed),
            open: self.open(what).swap(true, Ordering::Relaxed),
        }
    }

    /// Takes back what was noted, if the answer leaves no doubt that nothing was changed.
    pub(super) fn failed(&self, before: &Before, error: &Error) {
        if !may_hide_an_effect(error) {
            self.sent.store(before.sent, Ordering::Relaxed);
            self.open(before.what).store(before.open, Ordering::Relaxed);
        }
    }

    /// Notes what a read showed.
    pub(super) fn read(&self, target: &Identity, read: Option<&Resource>) {
        // A deletion that was read as gone becomes the result of the step, unless the step is cancelled before that.
        let Some(resource) = read.filter(|resource| resource.identity == *target) else {
            return;
        };
        if !resource.state.is_running() {
            self.stop_open.store(false, Ordering::Relaxed);
        }
        if resource.state == State::Archived {
            self.archive_open.store(false, Ordering::Relaxed);
        }
    }

    /// Whether one may have had an effect.
    pub(super) fn were_sent(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }

    /// What they came to, for a step that ended so.
    pub(super) fn effect(&self, result: StepResult) -> Effect {
        let is_open = |open: &AtomicBool| open.load(Ordering::Relaxed);
        let open = [&self.stop_open, &self.archive_open, &self.delete_open];
        match result {
            _ if !self.were_sent() => Effect::None,
            StepResult::Deleted
            | StepResult::AlreadyGone
            | StepResult::Stopped
            | StepResult::Archived => Effect::Verified,
            _ if open.into_iter().any(is_open) => Effect::Unknown,
            _ => Effect::Verified,
        }
    }

    fn open(&self, what: ActionKind) -> &AtomicBool {
        match what {
            ActionKind::Stop => &self.stop_open,
            ActionKind::Archive => &self.archive_open,
            ActionKind::Delete => &self.delete_open,
        }
    }
}

/// Whether a change that was answered so may have been made all the same. A clear refusal had no effect; a fault or a
/// lost reply may hide one.
pub(super) fn may_hide_an_effect(error: &Error) -> bool {
    let is_vague = matches!(
        error.kind,
        ErrorKind::Transient | ErrorKind::Unavailable | ErrorKind::Internal
    );
    is_vague && !error.is_refusal()
}

#[cfg(test)]
mod tests {
    use tbengine_sdk::Kind;

    use super::*;

    fn container(state: State) -> Resource {
        let identity = Identity {
            backend: "docker".into(),
            account: "a".into(),
            kind: Kind::CONTAINER,
            native: "1".into(),
            created: None,
        };
        Resource::new(identity, "web", state)
    }

    fn error(kind: ErrorKind) -> Error {
        Error::new(kind, "the test says so")
    }

    #[test]
    fn what_is_refused_has_no_effect_and_what_is_lost_may_have_one() {
        for (kind, effect) in [
            (ErrorKind::Conflict, Effect::None),
            (ErrorKind::NotFound, Effect::None),
            (ErrorKind::RateLimited, Effect::None),
            (ErrorKind::Transient, Effect::Unknown),
            (ErrorKind::Unavailable, Effect::Unknown),
            (ErrorKind::Internal, Effect::Unknown),
        ] {
            let requests = Requests::default();
            let before = requests.begin(ActionKind::Delete);
            assert_eq!(requests.effect(StepResult::Cancelled), Effect::Unknown);
            requests.failed(&before, &error(kind));
            assert_eq!(requests.effect(StepResult::Failed), effect, "{kind}");
        }
    }

    #[test]
    fn a_refusal_does_not_take_back_what_was_lost_before() {
        let requests = Requests::default();
        let first = requests.begin(ActionKind::Delete);
        requests.failed(&first, &error(ErrorKind::Unavailable));
        let second = requests.begin(ActionKind::Delete);
        requests.failed(&second, &error(ErrorKind::Conflict));
        assert_eq!(requests.effect(StepResult::Changed), Effect::Unknown);
    }

    #[test]
    fn what_is_asked_for_is_open_until_a_read_shows_it() {
        for (asked, shown, effect) in [
            (ActionKind::Stop, State::Running, Effect::Unknown),
            (ActionKind::Stop, State::Exited, Effect::Verified),
            (ActionKind::Archive, State::Stopped, Effect::Unknown),
            (ActionKind::Archive, State::Archived, Effect::Verified),
            (ActionKind::Delete, State::Exited, Effect::Unknown),
            (ActionKind::Delete, State::Removing, Effect::Unknown),
        ] {
            let (requests, resource) = (Requests::default(), container(shown));
            requests.begin(asked);
            requests.read(&resource.identity, Some(&resource));
            let became = requests.effect(StepResult::Failed);
            assert_eq!(became, effect, "{asked} {shown}");
            requests.read(&resource.identity, None);
            assert_eq!(requests.effect(StepResult::Deleted), Effect::Verified);
            assert_eq!(requests.effect(StepResult::Cancelled), effect);
        }
    }

    #[test]
    fn without_a_request_nothing_was_done() {
        let (requests, resource) = (Requests::default(), container(State::Exited));
        requests.read(&resource.identity, Some(&resource));
        for result in StepResult::ALL {
            assert_eq!(requests.effect(result), Effect::None);
        }
    }
}
