//! Questions about a resource.

use std::time::Duration;

use crate::types::{Context, Kind, Owner, Resource, State};

impl Resource {
    /// Whether it has ended, or never began, and only takes space.
    pub fn is_dead(&self) -> bool {
        self.state.is_dead()
    }

    /// Whether deleting it would end something that runs or may go on running.
    pub fn is_running(&self) -> bool {
        self.state.is_running()
    }

    /// How old it is: since it ended if it has, else since it was created. `None` if the provider
    /// does not say, or says a time in the future: what is not known is no reason to delete.
    pub fn age(&self, context: &Context) -> Option<Duration> {
        let ended = match self.state {
            State::Created => None,
            state if state.is_dead() => self.finished,
            _ => None,
        };
        let since = ended.or(self.created)?;
        context.now.checked_sub(since).map(Duration::from_millis)
    }

    /// Whether facts prove that a run of tbengine or a recognised benchmark made it.
    pub fn is_proven(&self) -> bool {
        matches!(self.owner, Owner::Run(_) | Owner::Benchmark(_))
    }

    /// The value of a label, if the policy's interest names its key.
    pub fn label(&self, key: &str) -> Option<&str> {
        find(&self.labels, key)
    }

    /// The value of an attribute, if the policy's interest names its key.
    pub fn attr(&self, key: &str) -> Option<&str> {
        find(&self.attrs, key)
    }
}

fn find<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
    let (_, value) = pairs.iter().find(|(have, _)| have == key)?;
    Some(value)
}

impl State {
    /// Every state.
    pub const ALL: [State; 13] = [
        State::Pending,
        State::Created,
        State::Running,
        State::Paused,
        State::Restarting,
        State::Exited,
        State::Stopped,
        State::Archived,
        State::Failed,
        State::Dead,
        State::Removing,
        State::Present,
        State::Unknown,
    ];

    /// Whether it has ended, or never began.
    pub fn is_dead(self) -> bool {
        matches!(
            self,
            State::Created
                | State::Exited
                | State::Stopped
                | State::Archived
                | State::Failed
                | State::Dead
        )
    }

    /// Whether it runs or may go on running.
    pub fn is_running(self) -> bool {
        matches!(
            self,
            State::Pending | State::Running | State::Paused | State::Restarting
        )
    }

    /// The word for it on the command line.
    pub fn word(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Created => "created",
            State::Running => "running",
            State::Paused => "paused",
            State::Restarting => "restarting",
            State::Exited => "exited",
            State::Stopped => "stopped",
            State::Archived => "archived",
            State::Failed => "failed",
            State::Dead => "dead",
            State::Removing => "removing",
            State::Present => "present",
            State::Unknown => "unknown",
        }
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 7] = [
        Kind::Container,
        Kind::Sandbox,
        Kind::Network,
        Kind::Volume,
        Kind::Image,
        Kind::Snapshot,
        Kind::Other,
    ];

    /// The word for it on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Container => "container",
            Kind::Sandbox => "sandbox",
            Kind::Network => "network",
            Kind::Volume => "volume",
            Kind::Image => "image",
            Kind::Snapshot => "snapshot",
            Kind::Other => "other",
        }
    }
}
