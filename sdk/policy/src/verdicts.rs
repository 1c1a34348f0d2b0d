//! What to answer about a resource.

use std::time::Duration;

use crate::types::{Action, DeleteOptions, Force, Resource, StopOptions, Verdict};

impl Resource {
    /// Keep it, for this reason.
    pub fn keep(&self, reason: impl Into<String>) -> Verdict {
        self.verdict(Action::Keep(reason.into()))
    }

    /// End it and leave it there, with the engine's own grace period.
    pub fn stop(&self, reason: impl Into<String>) -> Verdict {
        self.verdict(Action::Stop(StopOptions {
            reason: reason.into(),
            grace_ms: None,
            priority: 0,
        }))
    }

    /// Delete it, unless it runs when its turn comes.
    pub fn delete(&self, reason: impl Into<String>) -> Verdict {
        self.verdict(Action::Delete(DeleteOptions {
            reason: reason.into(),
            force: Force::Never,
            grace_ms: None,
            priority: 0,
            evict: false,
        }))
    }

    /// Move it to cold storage, where the provider can; what runs is ended first.
    pub fn archive(&self, reason: impl Into<String>) -> Verdict {
        self.verdict(Action::Archive(StopOptions {
            reason: reason.into(),
            grace_ms: None,
            priority: 0,
        }))
    }

    fn verdict(&self, action: Action) -> Verdict {
        Verdict {
            id: self.id.clone(),
            action,
        }
    }
}

impl Verdict {
    /// Says when the resource may be killed. Means nothing for what is kept or stopped.
    #[must_use]
    pub fn force(mut self, when: Force) -> Self {
        if let Action::Delete(options) = &mut self.action {
            options.force = when;
        }
        self
    }

    /// Deletes it by eviction, where the provider has that. Means nothing for what is not deleted.
    #[must_use]
    pub fn evict(mut self) -> Self {
        if let Action::Delete(options) = &mut self.action {
            options.evict = true;
        }
        self
    }

    /// Says how long it may take to end by itself. Means nothing for what is kept.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        let ms = Some(u64::try_from(grace.as_millis()).unwrap_or(u64::MAX));
        match &mut self.action {
            Action::Keep(_) => {}
            Action::Stop(options) | Action::Archive(options) => options.grace_ms = ms,
            Action::Delete(options) => options.grace_ms = ms,
        }
        self
    }

    /// Says how soon its turn comes: higher goes first. Means nothing for what is kept.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        match &mut self.action {
            Action::Keep(_) => {}
            Action::Stop(options) | Action::Archive(options) => options.priority = priority,
            Action::Delete(options) => options.priority = priority,
        }
        self
    }
}
