//! Questions about a resource.

use std::time::Duration;

use crate::interest;
use crate::types::{Class, Context, Owner, Resource, State};

impl Resource {
    /// Whether it has ended, or never began, and only takes space.
    pub fn is_dead(&self) -> bool {
        self.state.is_dead()
    }

    /// Whether deleting it would end something that runs or may go on running.
    pub fn is_running(&self) -> bool {
        self.state.is_running()
    }

    /// When it came into being here: when it was created, or arrived on this host if that was later.
    pub fn born(&self) -> Option<u64> {
        self.created.max(self.arrived)
    }

    /// How old it is: since it ended if it has, else since it came into being. `None` if the provider
    /// does not say, or says a time in the future: what is not known never leads to a deletion.
    pub fn age(&self, context: &Context) -> Option<Duration> {
        let ended = match self.state {
            State::Created => None,
            state if state.is_dead() => self.finished,
            _ => None,
        };
        let since = ended.or(self.born())?;
        context.now.checked_sub(since).map(Duration::from_millis)
    }

    /// The provider's word for its kind, like `container`.
    pub fn kind<'c>(&self, context: &'c Context) -> &'c str {
        let facts = context.kinds.get(self.kind as usize);
        facts.map_or("other", |facts| &facts.word)
    }

    /// The configured name of its backend.
    pub fn backend<'c>(&self, context: &'c Context) -> &'c str {
        let facts = context.backends.get(self.backend as usize);
        facts.map_or("", |facts| &facts.name)
    }

    /// The resources of the same call that use it.
    pub fn users<'r>(&self, resources: &'r [Resource]) -> impl Iterator<Item = &'r Resource> {
        let users = self.used_by.iter();
        users.filter_map(|user| resources.get(*user as usize))
    }

    /// Whether anything uses it, in this call or not; also if that is not known.
    pub fn is_used(&self) -> bool {
        !self.used_by.is_empty() || self.used_by_others > 0 || !self.users_known
    }

    /// Whether facts prove that a run of tbengine or a recognised benchmark made it.
    pub fn is_proven(&self) -> bool {
        matches!(self.owner, Owner::Run(_) | Owner::Benchmark(_))
    }

    /// The value of a label, if the policy's interest admits its key.
    ///
    /// # Panics
    /// In builds with debug assertions, if it does not: then the label is missing on every resource.
    pub fn label(&self, key: &str) -> Option<&str> {
        interest::assert_label(key);
        find(&self.labels, key)
    }

    /// The value of an attribute, if the policy's interest admits its key.
    ///
    /// # Panics
    /// In builds with debug assertions, if it does not: then the attribute is missing on every resource.
    pub fn attr(&self, key: &str) -> Option<&str> {
        interest::assert_attr(key);
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

impl Class {
    /// Every class, in the order of deletion.
    pub const ALL: [Class; 7] = [
        Class::Compute,
        Class::Network,
        Class::Config,
        Class::Storage,
        Class::Image,
        Class::Cache,
        Class::Other,
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Class::Compute => "compute",
            Class::Network => "network",
            Class::Config => "config",
            Class::Storage => "storage",
            Class::Image => "image",
            Class::Cache => "cache",
            Class::Other => "other",
        }
    }
}
