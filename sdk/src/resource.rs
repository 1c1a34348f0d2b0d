//! A thing that can leak, as a listing shows it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::damage::Damage;
use crate::identity::Identity;
use crate::labels::Labels;
use crate::owner::{Owner, Unit};
use crate::relation::{Bond, Relation};
use crate::time::Timestamp;
use crate::words::words;

words! {
    /// Where a resource is in its life.
    State: "state" {
        /// Being made: creating, building, pulling, starting.
        Pending => "pending",
        /// Made and never started.
        Created => "created",
        /// Running.
        Running => "running",
        /// Frozen; counts as running, since it goes on where it was.
        Paused => "paused",
        /// Between two runs, by a restart policy; counts as running.
        Restarting => "restarting",
        /// A container whose process has ended.
        Exited => "exited",
        /// A sandbox that was stopped and can be started again.
        Stopped => "stopped",
        /// A sandbox moved to cold storage.
        Archived => "archived",
        /// A sandbox whose creation or run failed.
        Failed => "failed",
        /// A container that is half removed.
        Dead => "dead",
        /// Being removed.
        Removing => "removing",
        /// Exists; the kind has no life cycle (networks, volumes, images).
        Present => "present",
        /// The provider named a state that we do not know. Unknown means keep, and so does a word in a document
        /// that we do not know.
        #[serde(other)]
        Unknown => "unknown",
    }
}

impl State {
    /// Whether deleting it would end something that runs or may go on running.
    pub const fn is_running(self) -> bool {
        matches!(
            self,
            State::Pending | State::Running | State::Paused | State::Restarting
        )
    }

    /// Whether it does not run and can be started again as it was, as the provider keeps it for that: what is stopped
    /// or archived in a cloud may be a machine in use.
    pub const fn is_at_rest(self) -> bool {
        matches!(self, State::Stopped | State::Archived)
    }

    /// Whether it has ended, or never began, and only takes space.
    pub const fn is_dead(self) -> bool {
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
}

/// What a resource takes up, as far as the provider says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, rename_all = "kebab-case")]
pub struct Usage {
    /// Processor share in thousandths of a core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_millis: Option<u64>,
    /// Memory in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Disk in bytes. Filled only where [`ListRequest::detail`](crate::ListRequest) asked for it, if
    /// finding it out is slow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<u64>,
    /// The bytes that come free if this one alone is deleted. What it shares with others does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reclaimable_bytes: Option<u64>,
    /// What it costs an hour, in millionths of [`Account::currency`](crate::Account::currency).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micros_per_hour: Option<u64>,
}

/// The attribute in which a backend gives the provider's own reason for the state of a resource, like why it failed.
pub const REASON: &str = "error-reason";

/// A thing that can leak: a container, a sandbox, a network, a volume, an image, whatever a provider has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Resource {
    /// What must still match when the engine acts on it.
    pub identity: Identity,
    /// What people call it. Never used to find it.
    pub name: String,
    /// Every name it goes by, where those are a fact of their own: tags and `repository@digest` of an image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Where it is in its life.
    pub state: State,
    /// Why only part of it could be read; what is missing below is unknown then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damaged: Option<Damage>,
    /// Whether the provider has taken a deletion of it, hides it from its users and will do no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub surrendered: bool,
    /// When it came to this host, or the latest time at which it may have: an image that was pulled, loaded or tagged.
    /// Ages count from the later of this and its creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived: Option<Timestamp>,
    /// The exit code of its main process, once that has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// When it last began to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When it last ceased to run. The age of what has ended counts from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
    /// When it was last used, as far as the provider can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_activity: Option<Timestamp>,
    /// The unit it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// Who owns it as far as facts prove.
    #[serde(default)]
    pub owner: Owner,
    /// The labels its makers gave it.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Facts that only this kind of backend knows, like `image` or `restart-policy`.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub attrs: Labels,
    /// What it takes up.
    #[serde(default)]
    pub usage: Usage,
    /// The provider's mark of this very version of it (a resource version, an ETag). It is not compared: it is
    /// handed back to `delete` as a precondition by a caller that has just read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Arc<str>>,
    /// The resources of the same backend that it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relations: Vec<Relation>,
}

impl Resource {
    /// A resource of which only the identity, name and state are known.
    pub fn new(identity: Identity, name: impl Into<String>, state: State) -> Self {
        Self {
            identity,
            name: name.into(),
            names: Vec::new(),
            state,
            damaged: None,
            surrendered: false,
            arrived: None,
            exit_code: None,
            started: None,
            finished: None,
            last_activity: None,
            unit: None,
            owner: Owner::Unknown,
            labels: Labels::default(),
            attrs: Labels::default(),
            usage: Usage::default(),
            revision: None,
            relations: Vec::new(),
        }
    }

    /// The resources that it uses or owns, which cannot go before it.
    pub fn held(&self) -> impl Iterator<Item = &Relation> {
        self.relations
            .iter()
            .filter(|relation| relation.bond != Bond::Leads)
    }

    /// The resources that its deletion deletes as well.
    pub fn taken_along(&self) -> impl Iterator<Item = &Relation> {
        self.relations
            .iter()
            .filter(|relation| relation.bond.takes_along())
    }

    /// The provider's own reason for its state, in the attribute [`REASON`].
    pub fn reason(&self) -> Option<&str> {
        self.attrs.get(REASON).filter(|reason| !reason.is_empty())
    }

    /// When it came into being here: when it was created, or came to this host if that was later.
    pub fn born(&self) -> Option<Timestamp> {
        self.identity.created.max(self.arrived)
    }

    /// The time its age counts from: when it ended if it has, else when it came into being.
    pub fn age_from(&self) -> Option<Timestamp> {
        let ended = self.state.is_dead() && self.state != State::Created;
        let ended = self.finished.filter(|_| ended);
        ended.or(self.born())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for state in State::ALL {
            assert_eq!(state.word().parse::<State>().unwrap(), *state);
            assert_eq!(serde_json::to_value(state).unwrap(), state.word());
        }
    }

    #[test]
    fn an_unknown_word_names_those_known() {
        let error = "asleep".parse::<State>().unwrap_err().to_string();
        assert!(error.contains("pending, created"), "{error}");
    }
}
